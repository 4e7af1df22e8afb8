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
	unchanged := func(*sqlgraph.CreateSpec) {}
	owned := func(rel sqlgraph.Rel, id int) func(*sqlgraph.CreateSpec) {
		return func(c *sqlgraph.CreateSpec) { c.Edges = append(c.Edges, owner(rel, rel == sqlgraph.M2O, id)) }
	}
	set := func(column string, typ field.Type, value any) func(*sqlgraph.CreateSpec) {
		return func(c *sqlgraph.CreateSpec) { c.SetField(column, typ, value) }
	}
	conflict := func(options ...entsql.ConflictOption) func(*sqlgraph.CreateSpec) {
		return func(c *sqlgraph.CreateSpec) { c.OnConflict = options }
	}
	created := func(id int64, owner any) node {
		return node{"id": id, "name": "c", "n": int64(7), "owner_id": owner, "stamp": "INSERT c"}
	}
	for _, tt := range []struct {
		name  string
		thing string
		id    any
		spec  func(*sqlgraph.CreateSpec) // changes that of the thing
		trips int64
		node  node // nil where no row is read
		fails string
	}{
		{"the database makes the id", "c", nil, unchanged, 1, created(3, nil), ""},
		{"the id is set", "c", 5, unchanged, 1, created(5, nil), ""},
		{"a taken name", "a", nil, unchanged, 1, nil, "unique constraint"},
		{"JSON that can't be marshaled", "c", nil, set("note", field.TypeJSON, func() {}), 0, nil, "marshal"},
		{"JSON, NULL and a foreign key, the id is set", "c", 5, func(c *sqlgraph.CreateSpec) {
			c.SetField("note", field.TypeJSON, []int{1})
			c.SetField("stamp", field.TypeString, nil)
			c.Edges = append(c.Edges, owner(sqlgraph.M2O, true, 1))
		}, 1, created(5, int64(1)), ""},
		{"an expression", "c", 5, set("n", field.TypeInt, entsql.Raw("3 + 4")), 1, created(5, nil), ""},
		{"a value in an expression", "c", 5, set("note", field.TypeString, shouted("x")), 1, created(5, nil), ""},
		{"a view in another schema", "c", 5, func(c *sqlgraph.CreateSpec) {
			c.Schema, c.Table = "elsewhere", "seen"
		}, 1, created(5, nil), ""},
		{
			"a conflict that updates", "a", 5, // not the row's id
			conflict(onName, entsql.ResolveWith(func(u *entsql.UpdateSet) { u.Add("n", 1) })), 1,
			node{"id": int64(1), "name": "a", "n": int64(8), "owner_id": nil, "stamp": "UPDATE a"},
			"",
		},
		{"no conflict to update", "c", 5, conflict(onName, entsql.ResolveWithNewValues()), 1, created(5, nil), ""},
		{"a conflict that does nothing", "a", nil, conflict(onName, entsql.DoNothing()), 1, nil, sql.ErrNoRows.Error()},
		{"a foreign key", "c", nil, owned(sqlgraph.M2O, 1), 1, created(3, int64(1)), ""},
		// BEGIN goes with the INSERT.
		{"another row's foreign key", "c", nil, owned(sqlgraph.O2M, 1), 3, created(3, nil), ""},
		{"another row's foreign key, the id is set", "c", 5, owned(sqlgraph.O2M, 1), 3, created(5, nil), ""},
		{
			"another row's foreign key to a missing row", "c", nil, owned(sqlgraph.O2M, 9), 3, created(3, nil),
			"already connected",
		},
		{"a row that a trigger drops", "dropped", 5, unchanged, 1, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, "cache_statement")
			d.exec(t, things)
			run := func(g graph) (*sqlgraph.CreateSpec, node, []string, error) {
				d.exec(t, reset)
				n, spec := node{"stale": true}, createThing(tt.thing, tt.id)
				tt.spec(spec)
				row := returning.Row{Columns: thingColumns, ScanValues: scanValues, Assign: n.assign}
				err := g.create(t.Context(), d, spec, row)
				return spec, n, d.rows(t, "things"), err
			}
			want, _, wantRows, wantErr := run(ents)
			got, n, rows, err := run(ours)
			require.Equal(t, wantRows, rows)
			require.Equal(t, want.ID, got.ID)
			requireSame(t, tt.fails, wantErr, err)
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
