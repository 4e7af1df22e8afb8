package pgtenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
)

// statement is an SQL statement with its tenant. The zero tenant means no tenant.
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
	switch {
	case startsWith(query, "copy"): // would block on data
		return statement{}, ErrCopy
	case skipToWord(query) == "":
		return statement{}, fmt.Errorf("%w: the statement is empty", ErrArgument)
	}
	values, err := arguments(args)
	if err != nil {
		return statement{}, err
	}
	return statement{tenant: tenant, sql: query, args: values}, nil
}

// opening describes what is sent around a statement, besides its tenant.
type opening struct {
	begin string // BEGIN, if it has not been sent
	check bool   // check the session: the connection was just leased
	reset bool   // reset the session after the statement
}

// preludeError is a failure of a statement that the driver sent before the caller's.
type preludeError struct{ error }

func (e preludeError) Unwrap() error { return e.error }

func (s statement) send(ctx context.Context, l *lease, o opening) (answer, error) {
	c, err := l.state(ctx)
	if err != nil {
		return answer{}, err
	}
	a, same, err := c.run(ctx, o, s)
	l.discard = l.discard || !same
	return a, err
}

func (s statement) exec(ctx context.Context, l *lease, o opening) (tag pgconn.CommandTag, err error) {
	a, err := s.send(ctx, l, o)
	if err == nil {
		tag, err = a.end()
	}
	l.recordTag(s, tag, len(a.fields), err)
	return tag, err
}

// query sends the statement and reads its first row, or all rows of a write. If it returns rows, end is called once,
// after the last row, with the outcome.
func (s statement) query(ctx context.Context, l *lease, o opening, end func(error) error) (*rowReader, error) {
	writes := mayWrite(s.sql)
	o.reset = l.driver.resets && o.check && o.begin == "" && !writes
	a, err := s.send(ctx, l, o)
	if err != nil {
		l.recordTag(s, pgconn.CommandTag{}, 0, err)
		return nil, err
	}
	r := &rowReader{statement: s, lease: l, answer: a, types: l.conn().TypeMap(), end: end}
	r.mu = &r.own
	if err := r.open(writes); err != nil {
		return nil, err
	}
	return r, nil
}

// retry is how a failed statement that has not run is resent.
type retry int

const (
	noRetry retry = iota
	// retryOnNewConn: an earlier user changed the session.
	retryOnNewConn
	// retryAfterReset: the connection's plan or description of the statement was out of date, and was dropped.
	retryAfterReset
	// retryUnprepared: the statement could not be prepared, which comes before the check of the session. The cause may
	// be a changed search_path or the statement.
	retryUnprepared
)

// retry returns how to resend the first statement on a connection after err.
func (o opening) retry(ctx context.Context, err error) retry {
	if !o.check || ctx.Err() != nil {
		return noRetry
	}
	return retryAfter(err)
}

// retryAfter returns how to resend a statement that failed before it ran. A failure of the prelude can have any code: a
// changed time limit fails there, exit_on_error makes it FATAL, and so does a session that the server ended while idle.
func retryAfter(err error) retry {
	var db *pgconn.PgError
	switch {
	case !errors.As(err, &db) || !fromServer(db):
		return noRetry
	case errors.As(err, new(unpreparedError)) && refused(db):
		return retryUnprepared
	case errors.As(err, new(preludeError)), neverSent(err):
		return retryOnNewConn
	case refused(db) && isStale(db):
		return retryAfterReset
	}
	return noRetry
}

// isStale reports whether PostgreSQL refused a prepared statement or its description as out of date: its columns
// changed, or it is no longer prepared. It compares the routine, because 0A000 and 08P01 have other causes, and
// messages are localized.
func isStale(err *pgconn.PgError) bool {
	switch err.Routine {
	case "RevalidateCachedQuery", "FetchPreparedStatement", "PortalSetResultFormat":
		return true
	}
	return false
}

// isPlainTag reports whether a command left nothing in its session but settings, unlike PREPARE, LISTEN or DECLARE.
// SELECT INTO and CREATE TABLE AS have a query's tag, but no columns.
func isPlainTag(tag pgconn.CommandTag, columns int) bool {
	return tag.Select() && columns > 0 || tag.Insert() || tag.Update() || tag.Delete() ||
		strings.HasPrefix(tag.String(), "MERGE ")
}

type result struct{ tag pgconn.CommandTag }

// LastInsertId implements sql.Result. It returns an error.
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
		return fmt.Errorf("pgtenant: the result needs a *sql.Result, not %T", v)
	}
}
