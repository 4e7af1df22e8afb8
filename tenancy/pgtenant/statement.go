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
	switch {
	case begins(query, "copy"): // it would wait for data that never comes
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

// opening says what goes out in front of a statement, besides its tenant.
type opening struct {
	begin string // the transaction's BEGIN, if it has not been sent
	check bool   // the connection was just leased: check its session
	reset bool   // reset the session behind the statement
}

// preludeError is a failure of what goes out in front of a statement.
type preludeError struct{ error }

func (e preludeError) Unwrap() error { return e.error }

// send sends the statement behind what opens it.
func (s statement) send(ctx context.Context, l *lease, o opening) (answer, error) {
	c, err := l.state(ctx)
	if err != nil {
		return answer{}, err
	}
	a, same, err := c.run(ctx, o, s)
	l.spoiled = l.spoiled || !same
	return a, err
}

func (s statement) exec(ctx context.Context, l *lease, o opening) (tag pgconn.CommandTag, err error) {
	a, err := s.send(ctx, l, o)
	if err == nil {
		tag, err = a.end()
	}
	l.saw(s, tag, len(a.fields), err)
	return tag, err
}

// query sends the statement and reads its first row, or all of them where the statement may write. Once it has returned
// rows, end is called once, with the outcome, when the last of the result has been read.
func (s statement) query(ctx context.Context, l *lease, o opening, end func(error) error) (*rowReader, error) {
	writes := mayWrite(s.sql)
	o.reset = l.resets && o.check && o.begin == "" && !writes
	a, err := s.send(ctx, l, o)
	if err != nil {
		l.saw(s, pgconn.CommandTag{}, 0, err)
		return nil, err
	}
	r := &rowReader{statement: s, lease: l, answer: a, types: l.conn().TypeMap(), end: end}
	r.mu = &r.own
	if err := r.open(writes); err != nil {
		return nil, err
	}
	return r, nil
}

// remedy is what may be done about the failure of a statement of which nothing has run.
type remedy int

const (
	noRemedy remedy = iota
	// anotherSession: the session was changed by an earlier user.
	anotherSession
	// sameSession: a plan or a description of the statement that the connection had kept was out of date; it has been forgotten.
	sameSession
	// checkedSession: the statement could not be prepared, which is done before the session is checked. It may be the
	// session, where a changed search_path finds no table, or the statement.
	checkedSession
)

// remedy tells what to do about err, which came with a statement that was the first on its connection. A failure of the
// prelude is known by its place, since its code can be any: a changed time limit shows itself there, exit_on_error makes it
// FATAL, and so does the end of a connection that the server closed while it was idle.
func (o opening) remedy(ctx context.Context, err error) remedy {
	if err == nil || !o.check || ctx.Err() != nil {
		return noRemedy
	}
	var db *pgconn.PgError
	switch {
	case !errors.As(err, &db) || !fromServer(db):
		return noRemedy
	case errors.As(err, new(unpreparedError)) && refused(db):
		return checkedSession
	case errors.As(err, new(preludeError)), neverSent(err):
		return anotherSession
	case refused(db) && isStale(db):
		return sameSession
	}
	return noRemedy
}

// isStale reports whether PostgreSQL refused what a connection had kept about a statement: its plan gives other columns now,
// it is not prepared any more, or it has another number of columns than when it was described. The routine is looked at
// because 0A000 and 08P01 have other causes, and messages are localized.
func isStale(err *pgconn.PgError) bool {
	switch err.Routine {
	case "RevalidateCachedQuery", "FetchPreparedStatement", "PortalSetResultFormat":
		return true
	}
	return false
}

// isPlainTag reports whether a command can't have left anything in its session, settings apart. What can, such as PREPARE,
// LISTEN or DECLARE, has another tag. SELECT INTO and CREATE TABLE AS have that of a query, and no columns.
func isPlainTag(tag pgconn.CommandTag, columns int) bool {
	return tag.Select() && columns > 0 || tag.Insert() || tag.Update() || tag.Delete() || strings.HasPrefix(tag.String(), "MERGE ")
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
