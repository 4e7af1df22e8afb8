package returning_test

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

type mood string

// secret is a custom type that is stored as bytes.
type secret string

func (s secret) Value() (driver.Value, error) { return []byte(s), nil }

type shouted string

func (shouted) FormatParam(param string, _ *entsql.StmtInfo) string {
	return "upper(" + param + "::text)"
}

// TestBatchTypes compares stored values of Ent's types and of custom types.
func TestBatchTypes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 23, 30, 1, 123_456_789, time.FixedZone("", 5*3600+45*60))
	texts := []any{"", `a"b\c`, "NULL", "null", "{a,b}", " ü ", mood("x")}
	kinds := []struct {
		typ     field.Type
		columns []string
		values  []any
	}{
		{field.TypeUUID, []string{"uuid", "text"}, []any{uuid.New(), uuid.New()}},
		{field.TypeString, []string{"text", "varchar(40)", "char(40)"}, texts},
		{field.TypeString, []string{"inet"}, []any{"10.0.0.1", "::1"}},
		{field.TypeEnum, []string{"text"}, texts},
		{field.TypeEnum, []string{"mood"}, []any{mood("sad"), "happy"}},
		{
			field.TypeTime,
			[]string{"timestamptz", "timestamptz(0)", "timestamp", "date"},
			[]any{at, at.UTC(), time.Time{}},
		},
		{
			field.TypeJSON,
			[]string{"jsonb", "json"},
			[]any{json.RawMessage(`{"b": 1,  "a": "\"\\ü,{}"}`), []string{}, nil, "NULL"},
		},
		{field.TypeBytes, []string{"bytea"}, []any{[]byte{}, []byte{0, 1, 255}, []byte(`\x"`)}},
		{field.TypeBool, []string{"bool"}, []any{true, false}},
		{
			field.TypeInt,
			[]string{"bigint", "smallint", "numeric"},
			[]any{0, int8(math.MaxInt8), int16(math.MinInt16), int64(5)},
		},
		{field.TypeUint64, []string{"bigint", "numeric"}, []any{uint64(0), uint64(math.MaxInt64)}},
		{
			field.TypeFloat64,
			[]string{"double precision", "real", "numeric"},
			[]any{0.1 + 0.2, float32(0.1), -1e-7, math.MaxFloat32},
		},
		{field.TypeFloat64, []string{"double precision", "numeric"}, []any{math.NaN(), math.Inf(1), math.Inf(-1)}},
		{field.TypeOther, []string{"text[]"}, []any{"{a,b}", "{}"}},
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			d := open(t, mode)
			d.exec(t, "create type mood as enum ('sad', 'happy')")
			for k, kind := range kinds {
				for c, column := range kind.columns {
					table := fmt.Sprintf("t_%d_%d", k, c)
					d.exec(t, fmt.Sprintf(
						"create table %q (i bigint, v %s); grant select, insert on %[1]q to konstruct_app",
						table, column))
					typ, first := kind.typ, kind.values[0]
					requireSameBatch(t, d, table, typ, kind.values, typ != field.TypeOther)
					requireSameBatch(t, d, table, typ, []any{first, first}, true)
					null := append(slices.Clip(kind.values), nil)
					requireSameBatch(t, d, table, typ, null, typ != field.TypeOther && typ != field.TypeTime)
					custom := []any{first, secret("s")}
					requireSameBatch(t, d, table, typ, custom, typ == field.TypeJSON || typ == field.TypeBytes)
				}
			}
		})
	}
}

// requireSameBatch inserts the values both ways. arrays reports whether ours is one statement with arrays.
func requireSameBatch(t *testing.T, d *database, table string, typ field.Type, values []any, arrays bool) {
	t.Helper()
	drv := &recorder{Driver: d}
	insert := func(g graph) ([]string, error) {
		d.exec(t, fmt.Sprintf("truncate %q", table))
		err := g.batch(t.Context(), drv, batchOf(len(values), func(i int) *sqlgraph.CreateSpec {
			node := sqlgraph.NewCreateSpec(table, nil)
			node.SetField("i", field.TypeInt, i)
			node.SetField("v", typ, values[i])
			return node
		}))
		return d.rows(t, table), err
	}
	want, wantErr := insert(ents)
	got, err := insert(ours)
	require.Equal(t, wantErr, err, "%s %v", table, values)
	require.Equal(t, want, got, "%s %v", table, values)
	require.True(t, err != nil || len(got) == len(values))
	require.Equal(t, arrays, strings.Contains(drv.query, "unnest"), "%s %v", table, values)
}

// drawn is a secret that is stored differently each time, as if encrypted.
type drawn string

var draws atomic.Int64

func (d drawn) Value() (driver.Value, error) { return fmt.Sprint(d, draws.Add(1)), nil }

// A driver.Valuer is called for each row.
func TestBatchOfValuers(t *testing.T) {
	t.Parallel()
	d := open(t, "cache_statement")
	d.exec(t, "create table drawn (i bigint, v text); grant insert on drawn to konstruct_app")
	batch := batchOf(3, func(i int) *sqlgraph.CreateSpec {
		c := sqlgraph.NewCreateSpec("drawn", nil)
		c.SetField("i", field.TypeInt, i)
		c.SetField("v", field.TypeString, drawn("same"))
		return c
	})
	require.NoError(t, ours.batch(t.Context(), d, batch))
	require.Equal(t, []string{"(0,same1)", "(1,same2)", "(2,same3)"}, d.rows(t, "drawn"))
}

// Numeric ids are int64, as generated code expects, whatever the column's type.
func TestBatchNumericIDs(t *testing.T) {
	t.Parallel()
	d := open(t, "cache_statement")
	d.exec(t, `
		create sequence numbers;
		create table numbered (id numeric primary key default nextval('numbers'), v text);
		grant all on sequence numbers to konstruct_app; grant select, insert on numbered to konstruct_app`)
	batch := batchOf(2, func(i int) *sqlgraph.CreateSpec {
		c := sqlgraph.NewCreateSpec("numbered", sqlgraph.NewFieldSpec("id", field.TypeInt))
		c.SetField("v", field.TypeString, strconv.Itoa(i))
		return c
	})
	require.NoError(t, ours.batch(t.Context(), d, batch))
	require.Equal(t, int64(2), batch.Nodes[1].ID.Value)
}

func batchOf(n int, spec func(i int) *sqlgraph.CreateSpec) *sqlgraph.BatchCreateSpec {
	batch := &sqlgraph.BatchCreateSpec{}
	for i := range n {
		batch.Nodes = append(batch.Nodes, spec(i))
	}
	return batch
}

func TestBatchCreate(t *testing.T) {
	t.Parallel()
	note := func(typ field.Type, value any) func(int, *sqlgraph.CreateSpec) {
		return func(_ int, c *sqlgraph.CreateSpec) { c.SetField("note", typ, value) }
	}
	taken := func(i int, c *sqlgraph.CreateSpec) { *c = *createThing(string(rune('a'+i)), nil) }
	for _, tt := range []struct {
		name  string
		n     int
		each  func(i int, c *sqlgraph.CreateSpec) // changes a thing without id
		batch func(b *sqlgraph.BatchCreateSpec)
		query string
		fails string
	}{
		{
			name: "the database makes the ids", n: 3,
			query: `INSERT INTO "things" ("name") SELECT "name" FROM unnest(` +
				`CASE WHEN true THEN $1 ELSE ARRAY[(NULL::"things")."name"] END) AS t ("name") RETURNING "id"`,
		},
		{
			name: "the ids are set", n: 3, each: func(i int, c *sqlgraph.CreateSpec) { c.ID.Value = i + 5 },
			query: `INSERT INTO "things" ("id", "name") SELECT "id", "name" FROM unnest(` +
				`CASE WHEN true THEN $1 ELSE ARRAY[(NULL::"things")."id"] END, ` +
				`CASE WHEN true THEN $2 ELSE ARRAY[(NULL::"things")."name"] END) AS t ("id", "name") RETURNING "id"`,
		},
		{
			name: "a schema, a common value and a foreign key", n: 3, each: func(i int, c *sqlgraph.CreateSpec) {
				c.Schema = "public"
				c.SetField("n", field.TypeInt, 5)
				c.Edges = append(c.Edges, owner(sqlgraph.M2O, true, i%2+1))
			},
			query: `INSERT INTO "public"."things" ("name", "n", "owner_id") SELECT "name", $1, "owner_id" FROM unnest(` +
				`CASE WHEN true THEN $2 ELSE ARRAY[(NULL::"public"."things")."name"] END, ` +
				`CASE WHEN true THEN $3 ELSE ARRAY[(NULL::"public"."things")."owner_id"] END) ` +
				`AS t ("name", "owner_id") RETURNING "id"`,
		},
		{
			name: "no id", n: 2, each: func(i int, c *sqlgraph.CreateSpec) {
				*c = *sqlgraph.NewCreateSpec("links", nil)
				c.SetField("a", field.TypeInt, i+5)
				c.SetField("b", field.TypeInt, 6)
			},
			query: `INSERT INTO "links" ("a", "b") SELECT "a", $1 FROM unnest(` +
				`CASE WHEN true THEN $2 ELSE ARRAY[(NULL::"links")."a"] END) AS t ("a")`,
		},
		{name: "taken names", n: 2, each: taken, query: `unnest`, fails: "unique constraint"},
		{name: "JSON that can't be marshaled", n: 2, each: note(field.TypeJSON, func() {}), fails: "marshal"},
		{name: "other columns in the last", n: 3, batch: func(b *sqlgraph.BatchCreateSpec) {
			b.Nodes[2].SetField("note", field.TypeString, "x")
		}, query: `VALUES`},
		{name: "other columns in the first", n: 3, batch: func(b *sqlgraph.BatchCreateSpec) {
			b.Nodes[0].SetField("note", field.TypeString, "x")
		}, query: `VALUES`},
		{name: "as many other columns", n: 2, each: func(i int, c *sqlgraph.CreateSpec) {
			c.SetField([]string{"note", "stamp"}[i], field.TypeString, "x")
		}, query: `VALUES`},
		{name: "the id of one", n: 3, batch: func(b *sqlgraph.BatchCreateSpec) {
			b.Nodes[1].ID.Value = 5
		}, fails: "inconsistent id values"},
		{name: "two tables", n: 3, batch: func(b *sqlgraph.BatchCreateSpec) {
			b.Nodes[1].Table = "links"
		}, fails: "more than 1 table"},
		{name: "the same in all rows", n: 2, each: func(_ int, c *sqlgraph.CreateSpec) {
			*c = *sqlgraph.NewCreateSpec("bare", idSpec(nil))
			c.SetField("n", field.TypeInt, 5)
		}, query: `VALUES`},
		{name: "one", n: 1, query: `VALUES`},
		{name: "none"},
		{name: "an expression", n: 2, each: note(field.TypeString, entsql.Raw("upper('x')")), query: `VALUES`},
		{name: "an expression around a parameter", n: 2, each: func(i int, c *sqlgraph.CreateSpec) {
			c.SetField("note", field.TypeString, shouted(strconv.Itoa(i)+"x"))
		}, query: `VALUES`},
		{
			name: "a common expression around a parameter", n: 2, each: note(field.TypeString, shouted("x")),
			query: `upper($1::text) FROM unnest`,
		},
		{name: "a conflict", n: 2, each: taken, batch: func(b *sqlgraph.BatchCreateSpec) {
			b.OnConflict = []entsql.ConflictOption{entsql.ConflictColumns("name"), entsql.ResolveWithNewValues()}
		}, query: `VALUES`},
		{name: "another row's foreign key", n: 2, each: func(i int, c *sqlgraph.CreateSpec) {
			c.Edges = append(c.Edges, owner(sqlgraph.O2M, false, i+1))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, "cache_statement")
			d.exec(t, things+`
				create table bare (id bigint primary key generated by default as identity, n bigint);
				grant select, insert on bare to konstruct_app`)
			drv := &recorder{Driver: d}
			run := func(g graph) (ids []any, rows []string, err error) {
				d.exec(t, reset+"truncate bare restart identity")
				drv.query = ""
				batch := batchOf(tt.n, func(i int) *sqlgraph.CreateSpec {
					c := createThing(fmt.Sprintf("new %d", i), nil)
					if tt.each != nil {
						tt.each(i, c)
					}
					return c
				})
				if tt.batch != nil {
					tt.batch(batch)
				}
				err = g.batch(t.Context(), drv, batch)
				for _, node := range batch.Nodes {
					if node.ID != nil {
						ids = append(ids, node.ID.Value)
					}
				}
				return ids, append(append(d.rows(t, "things"), d.rows(t, "links")...), d.rows(t, "bare")...), err
			}
			wantIDs, wantRows, wantErr := run(ents)
			ids, rows, err := run(ours)
			require.Equal(t, wantRows, rows)
			require.Equal(t, wantIDs, ids)
			require.Contains(t, drv.query, tt.query)
			requireSame(t, tt.fails, wantErr, err)
		})
	}
}

// TestBatchIDs inserts more rows than a statement can have parameters, and checks their order.
func TestBatchIDs(t *testing.T) {
	t.Parallel()
	d := open(t, "cache_statement")
	d.exec(t, `
		create sequence uuids;
		create table ordered (
			id uuid primary key default lpad(nextval('uuids')::text, 32, '0')::uuid, n bigint, m bigint
		);
		grant all on sequence uuids to konstruct_app;
		grant select, insert on ordered to konstruct_app`)
	batch := batchOf(40_000, func(i int) *sqlgraph.CreateSpec {
		c := sqlgraph.NewCreateSpec("ordered", sqlgraph.NewFieldSpec("id", field.TypeUUID))
		c.SetField("n", field.TypeInt, i)
		c.SetField("m", field.TypeInt, -i)
		return c
	})
	require.NoError(t, ours.batch(t.Context(), d, batch))
	mixed := batchOf(2, func(i int) *sqlgraph.CreateSpec { // which sqlgraph inserts
		c := sqlgraph.NewCreateSpec("ordered", sqlgraph.NewFieldSpec("id", field.TypeUUID))
		c.SetField([]string{"n", "m"}[i], field.TypeInt, 0)
		return c
	})
	require.NoError(t, ours.batch(t.Context(), d, mixed))
	require.Equal(t, "00000000-0000-0000-0000-000000040002", mixed.Nodes[1].ID.Value)
	d.exec(t, "delete from ordered where n is null or m is null")
	for i, node := range batch.Nodes {
		require.Equal(t, fmt.Sprintf("00000000-0000-0000-0000-%012d", i+1), node.ID.Value)
	}
	var same bool
	require.NoError(t, d.super.QueryRow(t.Context(), `
		select bool_and(n = -m and id = lpad((n + 1)::text, 32, '0')::uuid) and count(*) = 40000
		from ordered`).Scan(&same))
	require.True(t, same)
}
