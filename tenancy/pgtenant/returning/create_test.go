package returning_test

import (
	"database/sql"
	"reflect"
	"testing"

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/pgtenant/returning"
)

func createThing(name string, id any) *sqlgraph.CreateSpec {
	spec := sqlgraph.NewCreateSpec("things", idSpec(id))
	spec.SetField("name", field.TypeString, name)
	return spec
}

func TestCreateNode(t *testing.T) {
	t.Parallel()
	onName := entsql.ConflictColumns("name")
	for _, tt := range []struct {
		name  string
		spec  func() *sqlgraph.CreateSpec
		trips int64
		node  node // nil where no row is read
		fails string
	}{
		{
			"the database makes the id", func() *sqlgraph.CreateSpec { return createThing("c", nil) }, 1,
			node{"id": int64(3), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c"},
			"",
		},
		{
			"the id is set", func() *sqlgraph.CreateSpec { return createThing("c", 5) }, 1,
			node{"id": int64(5), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c"},
			"",
		},
		{"a taken name", func() *sqlgraph.CreateSpec { return createThing("a", nil) }, 1, nil, "unique constraint"},
		{"JSON that can't be marshaled", func() *sqlgraph.CreateSpec {
			c := createThing("c", nil)
			c.SetField("note", field.TypeJSON, func() {})
			return c
		}, 0, nil, "marshal"},
		{"JSON, NULL and a foreign key, the id is set", func() *sqlgraph.CreateSpec {
			c := createThing("c", 5)
			c.SetField("note", field.TypeJSON, []int{1})
			c.SetField("stamp", field.TypeString, nil)
			c.Edges = append(c.Edges, owner(sqlgraph.M2O, true, 1))
			return c
		}, 1, node{"id": int64(5), "name": "c", "n": int64(7), "owner_id": int64(1), "stamp": "INSERT c"}, ""},
		{"an expression", func() *sqlgraph.CreateSpec {
			c := createThing("c", 5)
			c.SetField("n", field.TypeInt, entsql.Raw("3 + 4"))
			return c
		}, 1, node{"id": int64(5), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c"}, ""},
		{"a value in an expression", func() *sqlgraph.CreateSpec {
			c := createThing("c", 5)
			c.SetField("note", field.TypeString, shouted("x"))
			return c
		}, 1, node{"id": int64(5), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c"}, ""},
		{"a view in another schema", func() *sqlgraph.CreateSpec {
			c := createThing("c", 5)
			c.Schema, c.Table = "elsewhere", "seen"
			return c
		}, 1, node{"id": int64(5), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c"}, ""},
		{"a conflict that updates", func() *sqlgraph.CreateSpec {
			c := createThing("a", 5) // not the row's id
			c.OnConflict = []entsql.ConflictOption{
				onName, entsql.ResolveWith(func(u *entsql.UpdateSet) { u.Add("n", 1) }),
			}
			return c
		}, 1, node{"id": int64(1), "name": "a", "n": int64(8), "owner_id": nil, "stamp": "UPDATE a"}, ""},
		{"no conflict to update", func() *sqlgraph.CreateSpec {
			c := createThing("c", 5)
			c.OnConflict = []entsql.ConflictOption{onName, entsql.ResolveWithNewValues()}
			return c
		}, 1, node{"id": int64(5), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c"}, ""},
		{"a conflict that does nothing", func() *sqlgraph.CreateSpec {
			c := createThing("a", nil)
			c.OnConflict = []entsql.ConflictOption{onName, entsql.DoNothing()}
			return c
		}, 1, nil, sql.ErrNoRows.Error()},
		{"a foreign key", func() *sqlgraph.CreateSpec {
			c := createThing("c", nil)
			c.Edges = append(c.Edges, owner(sqlgraph.M2O, true, 1))
			return c
		}, 1, node{"id": int64(3), "name": "c", "n": int64(7), "owner_id": int64(1), "stamp": "INSERT c"}, ""},
		// BEGIN goes with the INSERT.
		{"another row's foreign key", func() *sqlgraph.CreateSpec {
			c := createThing("c", nil)
			c.Edges = append(c.Edges, owner(sqlgraph.O2M, false, 1))
			return c
		}, 3, node{"id": int64(3), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c"}, ""},
		{"another row's foreign key, the id is set", func() *sqlgraph.CreateSpec {
			c := createThing("c", 5)
			c.Edges = append(c.Edges, owner(sqlgraph.O2M, false, 1))
			return c
		}, 3, node{"id": int64(5), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c"}, ""},
		{"another row's foreign key to a missing row", func() *sqlgraph.CreateSpec {
			c := createThing("c", nil)
			c.Edges = append(c.Edges, owner(sqlgraph.O2M, false, 9))
			return c
		}, 3, node{
			"id": int64(3), "name": "c", "n": int64(7), "owner_id": nil, "stamp": "INSERT c",
		}, "already connected"},
		{"a row that a trigger drops", func() *sqlgraph.CreateSpec { return createThing("dropped", 5) }, 1, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, "cache_statement")
			d.exec(t, things)
			run := func(g graph) (*sqlgraph.CreateSpec, node, []string, error) {
				d.exec(t, reset)
				n, spec := node{"stale": true}, tt.spec()
				row := returning.Row{Columns: thingColumns, ScanValues: scanValues, Assign: n.assign}
				err := g.create(t.Context(), d, spec, row)
				return spec, n, d.rows(t, "things"), err
			}
			want, _, wantRows, wantErr := run(ents)
			got, n, rows, err := run(ours)
			require.Equal(t, wantRows, rows)
			require.Equal(t, want.ID, got.ID)
			if tt.fails != "" {
				requireSame(t, wantErr, err)
				require.ErrorContains(t, err, tt.fails)
			} else {
				require.NoError(t, wantErr)
				require.NoError(t, err)
			}
			if tt.node == nil {
				tt.node = node{"stale": true}
			}
			require.Equal(t, tt.node, n)
			if !sqlgraph.IsConstraintError(err) { // after one the connection may be closed
				before := d.trips.Count()
				_, _, _, _ = run(ours)
				require.Equal(t, tt.trips, d.trips.Count()-before)
			}
		})
	}
}

// An edge schema may have a composite id, which sqlgraph does not read back.
func TestCreateNodeWithoutID(t *testing.T) {
	t.Parallel()
	d := open(t, "cache_statement")
	d.exec(t, things)
	create := func(options ...entsql.ConflictOption) (node, error) {
		spec := sqlgraph.NewCreateSpec("links", nil)
		spec.SetField("a", field.TypeInt, 3)
		spec.SetField("b", field.TypeInt, 4)
		spec.OnConflict = options
		n := node{}
		row := returning.Row{Columns: []string{"a", "b", "note"}, ScanValues: scanValues, Assign: n.assign}
		return n, returning.CreateNode(t.Context(), d, spec, row)
	}
	n, err := create()
	require.NoError(t, err)
	require.Equal(t, node{"a": int64(3), "b": int64(4), "note": nil}, n)
	n, err = create(entsql.DoNothing())
	require.NoError(t, err)
	require.Empty(t, n)
}

// insertNode and BatchCreate would ignore fields that a new release of Ent adds.
func TestSpecsAreKnown(t *testing.T) {
	t.Parallel()
	require.Equal(t, 6, reflect.TypeFor[sqlgraph.CreateSpec]().NumField())
	require.Equal(t, 2, reflect.TypeFor[sqlgraph.BatchCreateSpec]().NumField())
}
