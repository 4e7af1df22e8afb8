package returning

import (
	"context"
	"database/sql/driver"
	"slices"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
)

// UpdateNode stands in for sqlgraph.UpdateNode: it updates one node and reads its columns back, by one
// UPDATE … RETURNING. If nothing is set it is one SELECT. A node that does not exist, or that the spec's predicate
// excludes, is a *sqlgraph.NotFoundError. An update of edges that other tables hold is sqlgraph's, in a transaction.
func UpdateNode(ctx context.Context, drv dialect.Driver, spec *sqlgraph.UpdateSpec) error {
	if spec.ScanValues == nil || external(spec.Edges.Add) || external(spec.Edges.Clear) {
		return sqlgraph.UpdateNode(ctx, drv, spec)
	}
	returning := *spec
	returning.Modifiers = append(slices.Clip(spec.Modifiers), func(u *sql.UpdateBuilder) {
		u.Returning(spec.Node.Columns...)
	})
	return sqlgraph.UpdateNode(ctx, &update{Driver: drv}, &returning)
}

// external reports whether other tables than the node's own hold one of the edges.
func external(edges []*sqlgraph.EdgeSpec) bool {
	return slices.ContainsFunc(edges, func(e *sqlgraph.EdgeSpec) bool {
		return e.Rel == sqlgraph.M2M || e.Rel == sqlgraph.O2M || e.Rel == sqlgraph.O2O && !e.Inverse
	})
}

// update is the driver of one sqlgraph.UpdateNode, which sends an UPDATE and then a SELECT of the row. It answers
// the second with what the first has returned.
type update struct {
	dialect.Driver

	returned sql.ColumnScanner // nil before the UPDATE
}

// Tx implements dialect.Driver: one statement needs no transaction.
func (u *update) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(u), nil }

// Exec implements dialect.Driver for the UPDATE. It always tells of one row: if there is none, sqlgraph finds out
// by the SELECT, and makes the error.
func (u *update) Exec(ctx context.Context, query string, args, v any) error {
	rows := &sql.Rows{}
	if err := u.Driver.Query(ctx, query, args, rows); err != nil {
		return err
	}
	u.returned = rows.ColumnScanner
	*v.(*sql.Result) = driver.RowsAffected(1) //nolint:errcheck,forcetypeassert // sqlgraph asks for a result
	return nil
}

// Query implements dialect.Driver for the SELECT.
func (u *update) Query(ctx context.Context, query string, args, v any) error {
	if u.returned == nil { // nothing was set
		return u.Driver.Query(ctx, query, args, v)
	}
	v.(*sql.Rows).ColumnScanner = u.returned //nolint:errcheck,forcetypeassert // and for rows
	return nil
}
