package returning

import (
	"context"
	"database/sql/driver"
	"slices"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
)

// UpdateNode replaces sqlgraph.UpdateNode. It updates a node and reads its columns by one UPDATE … RETURNING, or one
// SELECT if nothing is set. It returns a *sqlgraph.NotFoundError if the node does not exist or the spec's predicate
// excludes it. sqlgraph updates edges in other tables, in a transaction.
func UpdateNode(ctx context.Context, drv dialect.Driver, spec *sqlgraph.UpdateSpec) error {
	if spec.ScanValues == nil || external(spec.Edges.Add) || external(spec.Edges.Clear) {
		return sqlgraph.UpdateNode(ctx, drv, spec)
	}
	returning := *spec
	// update.Exec adds RETURNING. This removes that of other modifiers.
	returning.Modifiers = append(slices.Clip(spec.Modifiers), func(u *sql.UpdateBuilder) { u.Returning() })
	return sqlgraph.UpdateNode(ctx, &update{Driver: drv, spec: &returning}, &returning)
}

// external reports whether an edge is in another table.
func external(edges []*sqlgraph.EdgeSpec) bool {
	return slices.ContainsFunc(edges, func(e *sqlgraph.EdgeSpec) bool {
		return e.Rel == sqlgraph.M2M || e.Rel == sqlgraph.O2M || e.Rel == sqlgraph.O2O && !e.Inverse
	})
}

// update is the driver of one sqlgraph.UpdateNode, which sends an UPDATE and then a SELECT of the row.
type update struct {
	dialect.Driver

	spec *sqlgraph.UpdateSpec // sqlgraph's
}

// Tx implements dialect.Driver: one statement needs no transaction.
func (u *update) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(u), nil }

// Exec implements dialect.Driver for the UPDATE. If it returns no row, sqlgraph's SELECT shows whether the row is
// missing or a trigger dropped the update.
func (u *update) Exec(ctx context.Context, query string, args, v any) error {
	row := Row{u.spec.Node.Columns, u.spec.ScanValues, u.spec.Assign}
	found, err := row.query(ctx, u.Driver, withNames(query, " RETURNING ", row.Columns), args)
	updated := driver.RowsAffected(0)
	if found {
		updated = 1
		u.spec.ScanValues = nil // then sqlgraph sends no SELECT
	}
	*v.(*sql.Result) = updated //nolint:errcheck,forcetypeassert // sqlgraph passes a result
	return err
}
