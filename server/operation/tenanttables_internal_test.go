package operation

import (
	"slices"
	"testing"

	"entgo.io/ent/dialect/sql/schema"
	"github.com/stretchr/testify/require"

	fixture "github.com/konstruct/konstruct/integration/fixture/ent/migrate"
)

// The fixture has edges between tenant tables.
func TestChildrenFirst(t *testing.T) {
	t.Parallel()
	ordered, err := childrenFirst(fixture.Tables)
	require.NoError(t, err)
	keys := 0
	for _, table := range fixture.Tables {
		for _, key := range table.ForeignKeys {
			if child, parent := slices.Index(ordered, table.Name), slices.Index(ordered, key.RefTable.Name); child != parent {
				require.GreaterOrEqual(t, child, 0, table.Name)
				require.Less(t, child, parent, "%s references %s", table.Name, key.RefTable.Name)
				keys++
			}
		}
	}
	require.Positive(t, keys)
}

func TestChildrenFirstRefusesCycles(t *testing.T) {
	t.Parallel()
	table := func(name string) *schema.Table {
		return schema.NewTable(name).AddColumn(&schema.Column{Name: "tenant_id"})
	}
	a, b := table("a"), table("b")
	a.AddForeignKey(&schema.ForeignKey{RefTable: b})
	a.AddForeignKey(&schema.ForeignKey{RefTable: a})
	ordered, err := childrenFirst([]*schema.Table{b, a})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, ordered)
	b.AddForeignKey(&schema.ForeignKey{RefTable: a})
	_, err = childrenFirst([]*schema.Table{b, a})
	require.ErrorContains(t, err, "cycle")
}
