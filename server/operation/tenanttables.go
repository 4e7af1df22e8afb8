package operation

import (
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql/schema"

	"github.com/konstruct/konstruct/ent/migrate"
	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// TenantTables returns the tables with rows of tenants, each before those that its foreign keys reference. Their rows
// can be deleted in this order.
func TenantTables() ([]string, error) { return childrenFirst(migrate.Tables) }

func childrenFirst(tables []*schema.Table) (ordered []string, err error) {
	var left []*schema.Table
	for _, table := range tables {
		if table.HasColumn(mixin.TenantColumn) {
			left = append(left, table)
		}
	}
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(table *schema.Table) bool { return !referenced(table, left) })
		if next < 0 {
			return nil, fmt.Errorf("operation: the foreign keys of table %s form a cycle", left[0].Name)
		}
		ordered = append(ordered, left[next].Name)
		left = slices.Delete(left, next, next+1)
	}
	return ordered, nil
}

// referenced reports whether another table references table. Rows that reference their own table are deleted from the
// newest on.
func referenced(table *schema.Table, by []*schema.Table) bool {
	return slices.ContainsFunc(by, func(other *schema.Table) bool {
		return other != table && slices.ContainsFunc(other.ForeignKeys, func(key *schema.ForeignKey) bool {
			return key.RefTable == table
		})
	})
}
