package mixin_test

import (
	"context"
	"testing"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy"
)

// listAllocations limits the allocations of a list of 20 agents.
const listAllocations = 240

func TestAllocationsOfAList(t *testing.T) { //nolint:paralleltest // what other tests allocate would count
	b := setup(t)
	ctx := tenancy.With(t.Context(), b.one)
	creates := make([]*ent.AgentCreate, 20)
	for i := range creates {
		creates[i] = b.Agent.Create().SetName("Ada").SetRole("engineer").SetPersona("kind").SetSystemPrompt("Be brief.")
	}
	b.Agent.CreateBulk(creates...).SaveX(ctx)
	list := b.Agent.Query().Limit(len(creates))
	allocations := testing.AllocsPerRun(100, func() {
		require.Len(t, list.Clone().AllX(ctx), len(creates))
	})
	require.LessOrEqual(t, allocations, float64(listAllocations))
}

// An entity's SELECT is built once, and must equal what Ent builds each time.
func TestSelectsAreAsEntWritesThem(t *testing.T) {
	t.Parallel()
	columns := []string{"id", "name", "group"}
	pets := func() *sql.Selector { return sql.Dialect(dialect.Postgres).Select().From(sql.Table("pets")) }
	for name, change := range map[string]func(*sqlgraph.QuerySpec){
		"all":              func(*sqlgraph.QuerySpec) {},
		"a part":           func(s *sqlgraph.QuerySpec) { s.Node.Columns = []string{"group", "id"} },
		"another column":   func(s *sqlgraph.QuerySpec) { s.Node.Columns = []string{"id", "owner_id", "owners.name"} },
		"no column":        func(s *sqlgraph.QuerySpec) { s.Node.Columns = nil },
		"distinct, a page": func(s *sqlgraph.QuerySpec) { s.Unique, s.Limit, s.Offset = true, 3, 2 },
		"an alias":         func(s *sqlgraph.QuerySpec) { s.From = pets().As("t1") },
		"an edge": func(s *sqlgraph.QuerySpec) {
			s.From = pets()
			s.From.Join(pets().As("t1")).On(s.From.C("id"), "t1.owner_id")
		},
		"a schema": func(s *sqlgraph.QuerySpec) { s.Node.Schema = "other" },
		"a modifier": func(s *sqlgraph.QuerySpec) {
			s.Modifiers = append(s.Modifiers, func(s *sql.Selector) {
				s.Select(append(s.SelectedColumns(), s.UnqualifiedColumns()...)...).AppendSelectAs(s.C("name"), "title")
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := func() *sqlgraph.QuerySpec {
				spec := sqlgraph.NewQuerySpec("pets", columns, nil)
				change(spec)
				return spec
			}
			want, got := spec(), spec()
			var nodes []*int
			mixin.ScanRows(got, columns, mixin.Qualify("pets", columns), nil, &nodes, nil)
			require.Equal(t, textOf(t, want), textOf(t, got))
		})
	}
	require.Equal(t, []string{"id", "name", "group"}, columns)
	require.Equal(t, []string{`"pets"."id"`, `"pets"."name"`, `"pets"."group"`}, mixin.Qualify("pets", columns))
}

func textOf(t *testing.T, spec *sqlgraph.QuerySpec) string {
	t.Helper()
	var sent recorder
	require.ErrorIs(t, sqlgraph.QueryNodes(t.Context(), &sent, spec), context.Canceled)
	return sent.text
}

type recorder struct {
	dialect.Driver

	text string
}

func (*recorder) Dialect() string { return dialect.Postgres }

func (r *recorder) Query(_ context.Context, query string, _, _ any) error {
	r.text = query
	return context.Canceled
}
