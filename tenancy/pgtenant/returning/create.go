package returning

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
)

// Row describes the node that a row is scanned into.
type Row struct {
	Columns []string
	// ScanValues returns a destination for each column, as in sqlgraph.QuerySpec.
	ScanValues func(columns []string) ([]any, error)
	// Assign sets all values of the node from the scanned ones. NULL must replace an earlier value.
	Assign func(columns []string, values []any) error
}

// query sends a statement and scans the row that it returns, if any.
func (r Row) query(ctx context.Context, drv dialect.ExecQuerier, query string, args any) (found bool, err error) {
	rows := &sql.Rows{}
	if err := drv.Query(ctx, query, args, rows); err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	if found = rows.Next(); found {
		if err := r.scan(rows); err != nil {
			return false, err
		}
		rows.Next() // to the end, for the outcome
	}
	return found, rows.Err()
}

// scan scans the current row. Columns in front of the node's are scanned into dest.
func (r Row) scan(rows sql.ColumnScanner, dest ...any) error {
	values, err := r.ScanValues(r.Columns)
	if err != nil {
		return err
	}
	if len(dest) > 0 {
		err = rows.Scan(append(dest, values...)...)
	} else {
		err = rows.Scan(values...)
	}
	if err != nil {
		return fmt.Errorf("failed scanning rows: %w", err)
	}
	return r.Assign(r.Columns, values)
}

// CreateNode replaces sqlgraph.CreateNode. It creates a node and reads its row by one INSERT … RETURNING. With ON
// CONFLICT DO UPDATE this is the existing row; with DO NOTHING a conflict returns sql.ErrNoRows and leaves the node
// unchanged. sqlgraph adds edges in other tables in a transaction.
func CreateNode(ctx context.Context, drv dialect.Driver, spec *sqlgraph.CreateSpec, row Row) error {
	query, args, err := insertNode(spec, row.Columns)
	if errors.Is(err, errUnusual) {
		return sqlgraph.CreateNode(ctx, &create{Driver: drv, on: drv, row: row}, spec)
	}
	if err == nil {
		_, err = row.query(ctx, drv, query, args) // no row is no error: see create.Exec
	}
	return err
}

// insertNode returns the INSERT of a node whose id is set and whose edges are in its table, and errUnusual for others.
// With Ent's builder a create costs a tenth more CPU time.
func insertNode(spec *sqlgraph.CreateSpec, returned []string) (query string, args []any, err error) {
	if len(spec.OnConflict) > 0 || external(spec.Edges) || spec.ID != nil && spec.ID.Value == nil {
		return "", nil, errUnusual
	}
	fields := appendAssignments(make([]*sqlgraph.FieldSpec, 0, 1+len(spec.Fields)+len(spec.Edges)), spec)
	if len(fields) == 0 {
		return "", nil, errUnusual
	}
	columns := make([]string, len(fields))
	args = make([]any, len(fields))
	for i, f := range fields {
		columns[i] = f.Column
		if args[i], err = value(f); err != nil {
			return "", nil, err
		}
		switch args[i].(type) {
		case sql.Querier, sql.ParamFormatter: // SQL, not a value
			return "", nil, errUnusual
		}
	}
	b := appendTable(append(make([]byte, 0, textSize), "INSERT INTO "...), spec)
	b = append(appendNames(append(b, " ("...), columns), ") VALUES ("...)
	for i := range args {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(append(b, '$'), int64(i+1), 10)
	}
	return string(appendNames(append(b, ") RETURNING "...), returned)), args, nil
}

// create is the driver of one sqlgraph.CreateNode. It makes the INSERT, the first statement, return the row as well.
type create struct {
	dialect.Driver

	on       dialect.ExecQuerier // Driver, or its transaction
	row      Row
	inserted bool
}

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

// Exec implements dialect.Driver for an INSERT that returns nothing. As with sqlgraph, a missing row, which a trigger
// may have dropped, is no error.
func (c *create) Exec(ctx context.Context, query string, args, v any) error {
	if c.inserted {
		return c.on.Exec(ctx, query, args, v)
	}
	c.inserted = true
	_, err := c.row.query(ctx, c.on, withNames(query, " RETURNING ", c.row.Columns), args)
	return err
}

// Query implements dialect.Driver for an INSERT that returns the id.
func (c *create) Query(ctx context.Context, query string, args, v any) error {
	if c.inserted {
		return c.on.Query(ctx, query, args, v)
	}
	c.inserted = true
	rows := v.(*sql.Rows) //nolint:errcheck,forcetypeassert // sqlgraph passes rows
	if err := c.on.Query(ctx, withNames(query, ", ", c.row.Columns), args, rows); err != nil {
		return err
	}
	rows.ColumnScanner = created{rows.ColumnScanner, c.row}
	return nil
}

// created are the rows of the INSERT. It scans the node's columns and hides them from sqlgraph.
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
func (c created) Scan(dest ...any) error { return c.row.scan(c.ColumnScanner, dest...) }
