package pgtenant

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// effect is what may have happened when the answer to something that was sent is lost.
type effect int

const (
	// noEffect is that of a read, and of all that is sent inside a transaction but its COMMIT.
	noEffect effect = iota
	// readOnlyEffect is noEffect in a transaction that was begun read only.
	readOnlyEffect
	// writeEffect is that of a single statement that may write: PostgreSQL commits it after its command tag was sent.
	writeEffect
	// commitEffect is that of a COMMIT.
	commitEffect
)

// lateError is a failure that came after the statement's command tag, and so while it was committed.
type lateError struct{ error }

func (e lateError) Unwrap() error { return e.error }

// unsentError is a failure before the statement was sent.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// unpreparedError is a failure to prepare the statement, or its prelude, before it was sent.
type unpreparedError struct{ error }

func (e unpreparedError) Unwrap() error { return e.error }

// effect is what the statement may have done, as a single statement with rows.
func (s statement) effect() effect {
	if mayWrite(s.sql) {
		return writeEffect
	}
	return noEffect
}

// kind returns [ErrNoEffect] or [ErrOutcomeUnknown] for a failure that is not PostgreSQL's refusal of the statement.
func (e effect) kind(err error) error {
	var db *pgconn.PgError
	switch {
	case e == noEffect, e == readOnlyEffect, neverSent(err):
		return ErrNoEffect
	case e == writeEffect && errors.As(err, &db) && fromServer(db) && !errors.As(err, new(lateError)):
		return ErrNoEffect // the session was ended before the statement was through
	}
	return ErrOutcomeUnknown
}

// neverSent reports whether err came before the statement was sent. Of a connection that is closed while an answer is read,
// pgconn says that it was closed before, and so that it is safe to try again.
func neverSent(err error) bool {
	return pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed) ||
		errors.As(err, new(unsentError)) || errors.As(err, new(unpreparedError))
}

// refused reports whether err is PostgreSQL's word that a statement failed and its session goes on.
func refused(err *pgconn.PgError) bool { return severity(err) == "ERROR" }

// fromServer tells PostgreSQL's own errors from a pooler's, which lack the unlocalized severity. A pooler that reports the
// loss of its server does not know what the server did.
func fromServer(err *pgconn.PgError) bool { return err.SeverityUnlocalized != "" }

func severity(err *pgconn.PgError) string {
	if fromServer(err) {
		return err.SeverityUnlocalized
	}
	return err.Severity
}
