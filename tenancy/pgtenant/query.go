package pgtenant

import (
	"cmp"
	"context"
	"database/sql"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// Row is a row of a result.
type Row interface {
	Columns() ([]string, error)
	// Scan reads the row into dest: pointers, one per column.
	Scan(dest ...any) error
}

// Rows is the result of [Query].
type Rows struct {
	rows entsql.Rows
	err  error // of the query
}

// Query sends hand-written SQL under the context's tenant. Read the rows with [Collect], which releases their
// connection and also returns the error of the query. q is a [*Driver], its [Driver.Joining], or a
// transaction's driver. Pass values as arguments ($1, …), never in the text.
func Query(ctx context.Context, q dialect.ExecQuerier, query string, args ...any) *Rows {
	r := &Rows{}
	r.err = q.Query(ctx, query, args, &r.rows)
	return r
}

// Collect reads all rows, each by a call of scan, and releases their connection. If it fails, it returns the rows read
// so far with the error.
func Collect[T any](rows *Rows, scan func(Row) (T, error)) (all []T, err error) {
	if rows.err != nil {
		return nil, rows.err
	}
	defer func() { _ = rows.rows.Close() }() // Err has the error
	for rows.rows.Next() {
		value, err := scan(rows.rows)
		if err != nil {
			return all, err
		}
		all = append(all, value)
	}
	return all, rows.rows.Err()
}

// RowTo scans a row of one column into a T.
func RowTo[T any](row Row) (value T, err error) {
	err = row.Scan(&value)
	return value, err
}

// QueryRow sends a query as [Query] does. Call Scan of the result exactly once: it releases the connection.
func QueryRow(ctx context.Context, q dialect.ExecQuerier, query string, args ...any) *SingleRow {
	return &SingleRow{*Query(ctx, q, query, args...)}
}

// SingleRow is the result of [QueryRow].
type SingleRow struct{ result Rows }

// Scan reads the first row into dest: pointers, one per column. It returns the error of the query, or [sql.ErrNoRows],
// and ignores further rows.
func (r *SingleRow) Scan(dest ...any) error {
	if r.result.err != nil {
		return r.result.err
	}
	rows := r.result.rows
	defer func() { _ = rows.Close() }() // the Close below reports its error
	if !rows.Next() {
		return cmp.Or(rows.Err(), sql.ErrNoRows)
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	return rows.Close()
}

// Exec sends hand-written SQL under the context's tenant and returns how many rows it affected.
func Exec(ctx context.Context, q dialect.ExecQuerier, query string, args ...any) (int64, error) {
	var r sql.Result
	if err := q.Exec(ctx, query, args, &r); err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
