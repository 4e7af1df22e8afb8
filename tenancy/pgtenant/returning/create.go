package returning

import (
	"context"
	"database/sql/driver"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
)

// Row is the node that the row of a create is read into.
type Row struct {
	// Columns are the node's.
	Columns []string
	// ScanValues returns a destination for each of the columns, as that of a sqlgraph.QuerySpec does.
	ScanValues func(columns []string) ([]any, error)
	// Assign takes all of the node's values from what was scanned. NULL must replace a value that the node had before.
	Assign func(columns []string, values []any) error
}

// CreateNode stands in for sqlgraph.CreateNode: it creates a node and reads the row back, by one INSERT …
// RETURNING. With ON CONFLICT DO UPDATE this is the row that was there. With DO NOTHING a conflict is
// sql.ErrNoRows, and the node is left as it was. If other tables hold edges of the node, it takes a transaction,
// in which sqlgraph adds them.
func CreateNode(ctx context.Context, drv dialect.Driver, spec *sqlgraph.CreateSpec, row Row) error {
	return sqlgraph.CreateNode(ctx, &create{Driver: drv, on: drv, row: row}, spec)
}

// create is the driver of one sqlgraph.CreateNode. The first statement is the INSERT of the node. sqlgraph has it
// return the id, if it does not know that, or nothing. The driver has it return the row as well.
type create struct {
	dialect.Driver

	on       dialect.ExecQuerier // Driver, or its transaction once that has begun
	row      Row
	inserted bool
}

// createTx is the transaction of a create.
type createTx struct {
	*create
	driver.Tx
}

// Tx implements dialect.Driver.
func (c *create) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := c.Driver.Tx(ctx)
	c.on = tx
	return createTx{create: c, Tx: tx}, err
}

// Exec implements dialect.Driver for an INSERT that returns nothing, and for what follows. No row is no error, as with
// sqlgraph: the table may have a trigger that drops it.
func (c *create) Exec(ctx context.Context, query string, args, v any) error {
	if c.inserted {
		return c.on.Exec(ctx, query, args, v)
	}
	rows := &sql.Rows{}
	if err := c.insert(ctx, query, " RETURNING ", args, rows); err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		if err := (created{rows, c.row}).Scan(); err != nil {
			return err
		}
		rows.Next() // to the end, where the outcome is known
	}
	return rows.Err()
}

// Query implements dialect.Driver for an INSERT that returns the id.
func (c *create) Query(ctx context.Context, query string, args, v any) error {
	if c.inserted {
		return c.on.Query(ctx, query, args, v)
	}
	rows := v.(*sql.Rows) //nolint:errcheck,forcetypeassert // sqlgraph asks for rows
	if err := c.insert(ctx, query, ", ", args, rows); err != nil {
		return err
	}
	rows.ColumnScanner = created{rows.ColumnScanner, c.row}
	return nil
}

// insert sends the INSERT with the node's columns at the end of its query.
func (c *create) insert(ctx context.Context, query, clause string, args any, rows *sql.Rows) error {
	c.inserted = true
	var b sql.Builder
	b.SetDialect(c.Dialect())
	b.WriteString(query).WriteString(clause).IdentComma(c.row.Columns...)
	return c.on.Query(ctx, b.String(), args, rows)
}

// created are the rows of the INSERT without the columns of the node, which it is scanned into along with a row.
type created struct {
	sql.ColumnScanner

	row Row
}

// Columns implements sql.ColumnScanner.
func (c created) Columns() ([]string, error) {
	columns, err := c.ColumnScanner.Columns()
	return columns[:max(0, len(columns)-len(c.row.Columns))], err
}

// Scan implements sql.ColumnScanner.
func (c created) Scan(dest ...any) error {
	values, err := c.row.ScanValues(c.row.Columns)
	if err != nil {
		return err
	}
	if err := c.ColumnScanner.Scan(append(dest, values...)...); err != nil {
		return err
	}
	return c.row.Assign(c.row.Columns, values)
}
