package pgtenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
)

// setTenant makes its second argument the transaction's tenant. The value is bound, never spliced.
const setTenant = "select set_config($1, $2, true)"

// statement is one SQL statement with the tenant that it runs under; the zero tenant stands for none.
type statement struct {
	tenant tenancy.ID
	sql    string
	args   []any
}

func newStatement(ctx context.Context, query string, args any) (statement, error) {
	tenant, err := tenantOf(ctx)
	if err != nil {
		return statement{}, err
	}
	values, err := arguments(args)
	if err != nil {
		return statement{}, err
	}
	return statement{tenant: tenant, sql: query, args: values}, nil
}

// send puts BEGIN (if begin is given), the tenant's setting and the statement into one batch. What it returns stands at
// the statement's result.
func (s statement) send(ctx context.Context, conn *pgx.Conn, begin string) (pgx.BatchResults, error) {
	batch := &pgx.Batch{}
	if begin != "" {
		batch.Queue(begin)
	}
	batch.Queue(setTenant, Setting, s.tenant.String())
	batch.Queue(s.sql, s.args...)
	prelude := batch.Len() - 1

	results := conn.SendBatch(ctx, batch)
	for range prelude {
		if _, err := results.Exec(); err != nil {
			return nil, firstError(err, results.Close())
		}
	}
	return results, nil
}

func (s statement) exec(ctx context.Context, conn *pgx.Conn, begin string) (pgconn.CommandTag, error) {
	results, err := s.send(ctx, conn, begin)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := results.Exec()
	// What fails at commit, a deferred constraint for one, comes only from Close.
	return tag, firstError(err, results.Close())
}

// query sends the statement and reads its first row, or all of them where the statement may write. end is called once,
// with the outcome, when the last of the result has been read.
func (s statement) query(ctx context.Context, conn *pgx.Conn, begin string, end func(error) error) (*rows, error) {
	results, err := s.send(ctx, conn, begin)
	if err != nil {
		return nil, end(err)
	}
	source, err := results.Query()
	if err != nil {
		return nil, end(firstError(err, results.Close()))
	}
	r := &rows{source: source, results: results, types: conn.TypeMap(), end: end}
	if err := r.open(mayWrite(s.sql)); err != nil {
		return nil, err
	}
	return r, nil
}

// translate says what an error of the database means, and takes out of it what could carry a row's values.
func (s statement) translate(ctx context.Context, err error) error {
	return translate(ctx, s.tenant, err)
}

// mayWrite reports whether a statement could change rows. Only a plain SELECT is known not to, short of the functions
// that it calls.
func mayWrite(query string) bool {
	const read = "select"
	query = strings.TrimLeft(query, " \t\r\n(")
	return len(query) < len(read) || !strings.EqualFold(query[:len(read)], read)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// result is what a statement without rows did.
type result struct{ tag pgconn.CommandTag }

// LastInsertId implements sql.Result: PostgreSQL has none, RETURNING serves.
func (result) LastInsertId() (int64, error) {
	return 0, errors.New("pgtenant: PostgreSQL has no last insert id; use RETURNING")
}

// RowsAffected implements sql.Result.
func (r result) RowsAffected() (int64, error) { return r.tag.RowsAffected(), nil }

func setResult(v any, tag pgconn.CommandTag) error {
	switch out := v.(type) {
	case nil:
		return nil
	case *sql.Result:
		*out = result{tag: tag}
		return nil
	default:
		return fmt.Errorf("pgtenant: a result goes into a *sql.Result, not into a %T", v)
	}
}
