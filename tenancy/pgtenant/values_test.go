package pgtenant_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// manyRows exceed a connection's buffer, so that it is refilled while the rows are read.
const manyRows = 2000

// Values do not change when the connection reads further: rows of a write, json and bytea.
func TestValuesAreCopiedOutOfTheBuffer(t *testing.T) {
	t.Parallel()
	const values = `from (select n, repeat(n::text, 10) word from generate_series(1, $1) n) v`
	const columns = `select n, word::bytea, json_build_object('word', word)::json,
		json_build_object('word', word)::jsonb, word, md5(word)::uuid `
	eachMode(t, func(t *testing.T, h *testBundle) {
		h.admin(t, `
			create table kept (n int, b bytea, j json, jb jsonb, word text, id uuid);
			grant select, insert on kept to konstruct_app`)
		for name, query := range map[string]string{
			"read":  columns + values + " order by n",
			"write": "insert into kept " + columns + values + " returning n, b, j, jb, word, id",
			"with": "with w as (insert into kept " + columns + values +
				" returning *) select n, b, j, jb, word, id from w",
		} {
			type row struct {
				n       int64
				b, j, i []byte
				word    sql.NullString
				id      uuid.UUID
			}
			var rows []row
			r := openRows(h.asA, t, h, query, manyRows)
			for r.Next() {
				var next row
				require.NoError(t, r.Scan(&next.n, &next.b, &next.j, &next.i, &next.word, &next.id))
				rows = append(rows, next)
			}
			require.NoError(t, r.Err())
			require.NoError(t, r.Close())
			h.healthy(t) // reuses the buffer
			require.Len(t, rows, manyRows)
			for i, got := range rows {
				word := string(bytes.Repeat([]byte(strconv.Itoa(i+1)), 10))
				require.Equal(t, int64(i+1), got.n, name)
				require.Equal(t, word, string(got.b), name)
				require.JSONEq(t, `{"word":"`+word+`"}`, string(got.j), name)
				require.JSONEq(t, `{"word":"`+word+`"}`, string(got.i), name)
				require.Equal(t, word, got.word.String, name)
			}
		}
	})
}

type keeper struct{ Kept any }

func (k *keeper) Scan(v any) error         { k.Kept = v; return nil }
func (k *keeper) ScanBytes(v []byte) error { k.Kept = v; return nil }

// A destination that keeps the connection's buffer would expose what the next user reads.
func TestDestinationsKeepNothingOfTheBuffer(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		for _, query := range []string{
			"select repeat('a', 32)", "select repeat('a', 32)::bytea",
			`select ('"' || repeat('a', 32) || '"')::json`,
			"select array[repeat('a', 32)]", "update agents set role = repeat('a', 32) returning role",
		} {
			for _, dest := range []any{
				&keeper{}, new(pgtype.DriverBytes), &[]pgtype.DriverBytes{}, new(pgtype.UndecodedBytes),
				new(sql.RawBytes), &sql.Null[sql.RawBytes]{}, &entsql.NullScanner{S: &keeper{}}, new(any),
				&[][]byte{},
			} {
				for _, inTx := range []bool{false, true} {
					var q dialect.ExecQuerier = h
					rollback := func() error { return nil }
					if inTx {
						tx := h.begin(h.asA, t)
						q, rollback = tx, tx.Rollback
					}
					err := pgtenant.QueryRow(h.asA, q, query).Scan(dest)
					require.NoError(t, rollback())
					if err != nil {
						require.ErrorIs(t, err, pgtenant.ErrScan)
						continue
					}
					was, err := json.Marshal(dest)
					require.NoError(t, err)
					for range 3 {
						read[string](h.asB, t, h, "select repeat('BBBB', 50)")
					}
					now, err := json.Marshal(dest)
					require.NoError(t, err)
					require.Equal(t, string(was), string(now), "%T: %s", dest, query)
				}
			}
		}
	})
}

// The rows of a write are scanned after their connection was released, when another tenant may use it.
func TestRowsScannedAfterRelease(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(2))
	var users sync.WaitGroup
	for _, ctx := range []context.Context{h.asA, h.asB, h.asA, h.asB} {
		users.Go(func() {
			for i := range 100 {
				var number, list any
				const query = "update agents set role = role where $1::numeric is not null " +
					"returning $1::numeric, array['a']::varchar[], 'unknown'::regtype"
				if err := pgtenant.QueryRow(ctx, h, query, float64(i)).Scan(&number, &list, &keeper{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
}

func TestRawJSON(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		var first, second []byte
		for _, out := range []*[]byte{&first, &second} {
			want := json.RawMessage(fmt.Sprintf(`{"n": %d}`, 1+len(first)))
			require.NoError(t, pgtenant.QueryRow(h.asA, h, "select $1::jsonb", want).Scan(out))
		}
		require.JSONEq(t, `{"n": 1}`, string(first))
		require.NotEqual(t, string(first), string(second))
	})
}

func TestNullsAndSmallIntegers(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		id := uuid.New()
		const query = `select v.u, u, v.four, v.two, v.eight, v.four, v.flag, v.word, v.at, v.b, v.j
			from (values ($1::text::uuid, $2::int4, $3::int2, $4::int8, $5::bool, $6::text, $7::timestamptz,
			$8::text::bytea, $9::text::jsonb)) v (u, four, two, eight, flag, word, at, b, j)`
		var u uuid.UUID
		var nullable entsql.NullScanner
		var four, two, eight, plain sql.NullInt64
		var flag sql.NullBool
		var word sql.NullString
		var at sql.NullTime
		var b, j []byte
		number := func(n int64) sql.NullInt64 { return sql.NullInt64{Int64: n, Valid: true} }
		scan := func(args ...any) {
			// Values that must be overwritten.
			u, nullable = uuid.New(), entsql.NullScanner{S: new(uuid.UUID), Valid: args[0] == nil}
			four, two, eight = number(7), number(7), number(7)
			flag, word, b, j = sql.NullBool{Bool: true, Valid: true}, sql.NullString{String: "x", Valid: true},
				[]byte("x"), []byte("x")
			require.NoError(t, pgtenant.QueryRow(h.asA, h, query, args...).Scan(
				&u, &nullable, &four, &two, &eight, &plain, &flag, &word, &at, &b, &j))
		}
		scan(id.String(), math.MinInt32, math.MinInt16, int64(math.MinInt64),
			false, "", "2000-01-01T00:00:00Z", "b", `{"a": 1}`)
		require.Equal(t, id, u)
		require.True(t, nullable.Valid)
		require.Equal(t, &id, nullable.S)
		require.Equal(t, number(math.MinInt32), four)
		require.Equal(t, number(math.MinInt16), two)
		require.Equal(t, number(math.MinInt64), eight)
		require.Equal(t, four, plain)
		require.Equal(t, sql.NullBool{Valid: true}, flag)
		require.Equal(t, sql.NullString{Valid: true}, word, "empty is not NULL")
		require.True(t, at.Valid)
		require.Equal(t, "b", string(b))
		require.JSONEq(t, `{"a": 1}`, string(j))

		scan(nil, nil, nil, nil, nil, nil, nil, nil, nil)
		require.Equal(t, uuid.Nil, u)
		require.False(t, nullable.Valid)
		require.False(t,
			four.Valid || two.Valid || eight.Valid || plain.Valid || flag.Valid || word.Valid || at.Valid)
		require.Nil(t, b)
		require.Nil(t, j)

		var n int64
		require.EqualValues(t, -5, read[int64](h.asA, t, h, "select -5::int4"))
		require.EqualValues(t, -5, read[int64](h.asA, t, h, "select -5::int2"))
		require.ErrorIs(t, pgtenant.QueryRow(h.asA, h, "select null::int4").Scan(&n), pgtenant.ErrScan)
		many := []uuid.UUID{id, uuid.Nil}
		require.Equal(t, many, read[[]uuid.UUID](h.asA, t, h, "select $1::uuid[]", many))
	})
}

// HINT and DETAIL of a RAISE, CONTEXT and the internal query of a function can contain any value.
func TestErrorsCarryNoContext(t *testing.T) {
	t.Parallel()
	const secret = "xoxb-canary-7f3a"
	h := setup(t)
	h.admin(t, `
		create function tells(v text) returns int language plpgsql as $$
			begin raise exception 'refused' using
				detail = v, hint = v, errcode = 'P0001', table = 'agents', column = 'name'; end $$;
		create function asks(v text) returns int language plpgsql as $$
			begin execute 'select 1 from nowhere where x = ' || quote_literal(v); return 1; end $$;
		create function casts(v text) returns int language plpgsql as $$ begin return v::int; end $$;
		grant execute on all functions in schema public to konstruct_app`)
	for function, code := range map[string]string{"tells": "P0001", "asks": "42P01", "casts": "22P02"} {
		for name, err := range map[string]error{
			"exec":  exec(h.asA, h, "select "+function+"($1)", secret),
			"query": h.Query(h.asA, "select "+function+"($1)", []any{secret}, &entsql.Rows{}),
		} {
			requireCode(t, code, err)
			var db *pgconn.PgError
			require.ErrorAs(t, err, &db)
			require.Empty(t, db.Detail+db.Hint+db.Where+db.InternalQuery, "%s %s", function, name)
			require.Zero(t, db.InternalPosition)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v %#v", err, err, err, db), secret, "%s %s", function, name)
		}
	}
}

// Errors of pgx and of this package contain no values.
func TestOwnErrorsCarryNoValues(t *testing.T) {
	t.Parallel()
	const secret = "xoxb-canary-7f3a"
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx := h.asA
		var n int64
		var id uuid.UUID
		var at sql.NullTime
		for name, err := range map[string]error{
			"a column that does not fit":     pgtenant.QueryRow(ctx, h, "select $1::text", secret).Scan(&n),
			"a column that is not a uuid":    pgtenant.QueryRow(ctx, h, "select $1::text", secret).Scan(&id),
			"a column that is not a time":    pgtenant.QueryRow(ctx, h, "select $1::text", secret).Scan(&at),
			"an argument that does not fit":  exec(ctx, h, "select $1::int", secret),
			"an element that does not fit":   exec(ctx, h, "select $1::int[]", []string{secret}),
			"a map":                          exec(ctx, h, "select $1", map[string]string{secret: secret}),
			"a struct":                       exec(ctx, h, "select $1", struct{ S string }{secret}),
			"a Valuer that fails":            exec(ctx, h, "select $1", failing{secret}),
			"a Valuer in a slice that fails": exec(ctx, h, "select $1::text[]", []failing{{secret}}),
			"a Scanner that fails": pgtenant.QueryRow(ctx, h, "select $1::text", secret).
				Scan(failing{secret}),
			"too many arguments":                 exec(ctx, h, "select $1::text", secret, secret),
			"arguments that are not a list":      h.Exec(ctx, "select 1", secret, nil),
			"a statement that can't be prepared": exec(ctx, h, "select '"+secret+"'::int"),
		} {
			require.Error(t, err, name)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret, name)
			for ; err != nil; err = unwrap(err) {
				require.NotContains(t, fmt.Sprintf("%v %+v", err, err), secret, name)
			}
		}
		h.healthy(t)
	})
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// failing is an argument and a destination whose error repeats a value.
type failing struct{ secret string }

func (f failing) Value() (any, error) { return nil, fmt.Errorf("can't use %s", f.secret) }
func (f failing) Scan(any) error      { return fmt.Errorf("can't use %s", f.secret) }

func TestNewChecksThePool(t *testing.T) {
	t.Parallel()
	h := setup(t)
	open := func(change func(*pgx.ConnConfig)) error {
		drv, err := pgtenant.New(h.pool(t, change))
		if err != nil {
			return err
		}
		served := *h
		served.Driver = drv
		served.healthy(t)
		return nil
	}
	param := func(name, value string) func(*pgx.ConnConfig) {
		return func(c *pgx.ConnConfig) { c.RuntimeParams[name] = value }
	}
	without := func(name string) func(*pgx.ConnConfig) {
		return func(c *pgx.ConnConfig) { delete(c.RuntimeParams, name) }
	}
	for name, change := range map[string]func(*pgx.ConnConfig){
		"simple protocol":        func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol },
		"describe_exec":          func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec },
		"no cache of statements": func(c *pgx.ConnConfig) { c.StatementCacheCapacity = 0 },
		"no cache of descriptions": func(c *pgx.ConnConfig) {
			c.DefaultQueryExecMode, c.DescriptionCacheCapacity = pgx.QueryExecModeCacheDescribe, 0
		},
		"a tenant":                     param("app.current_tenant", h.a.String()),
		"options":                      param("options", "-c row_security=off"),
		"a role":                       param("Role", "konstruct_owner"),
		"row_security":                 param("row_security", "off"),
		"no encoding":                  without("client_encoding"),
		"another encoding":             param("client_encoding", "LATIN1"),
		"no time zone":                 without("timezone"),
		"another time zone":            param("timezone", "Asia/Tokyo"),
		"no handler for notifications": func(c *pgx.ConnConfig) { c.OnNotification = nil },
	} {
		require.ErrorIs(t, open(change), pgtenant.ErrConfig, name)
	}
	require.NoError(t, open(func(*pgx.ConnConfig) {}), "the unchanged pool is accepted")
	require.NoError(t, open(func(c *pgx.ConnConfig) {
		delete(c.RuntimeParams, "timezone")
		c.RuntimeParams["TimeZone"] = "utc"
	}), "in any case")
}

// pool is accepted by the driver, unless changed.
func (h *testBundle) pool(t *testing.T, change func(*pgx.ConnConfig)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(h.url + "&client_encoding=UTF8&timezone=UTC")
	require.NoError(t, err)
	config.ConnConfig.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {}
	change(config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}
