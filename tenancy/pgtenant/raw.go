package pgtenant

import (
	"context"
	"database/sql"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// QueryRow runs hand-written SQL under the context's tenant and reads its only row into dest (pointers, one a
// column). No row is [sql.ErrNoRows]; further rows are not looked at. q is a [*Driver], or a transaction's driver.
// Values go in as arguments ($1, …), never into the text.
func QueryRow(ctx context.Context, q dialect.ExecQuerier, query string, args []any, dest ...any) error {
	var r entsql.Rows
	if err := q.Query(ctx, query, args, &r); err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // the Close below is the one that counts
	if !r.Next() {
		return firstError(r.Err(), sql.ErrNoRows)
	}
	if err := r.Scan(dest...); err != nil {
		return err
	}
	return r.Close()
}

// Exec runs hand-written SQL under the context's tenant and returns how many rows it affected.
func Exec(ctx context.Context, q dialect.ExecQuerier, query string, args ...any) (int64, error) {
	var r sql.Result
	if err := q.Exec(ctx, query, args, &r); err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
