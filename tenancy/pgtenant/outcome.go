package pgtenant

import (
	"cmp"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// effect is what a statement may have changed if its answer is lost.
type effect int

const (
	// noEffect: a read, or anything in a transaction except COMMIT.
	noEffect effect = iota
	// readOnlyEffect: noEffect in a read-only transaction.
	readOnlyEffect
	// writeEffect: a single write, which PostgreSQL commits after sending its command tag.
	writeEffect
	// commitEffect: a COMMIT.
	commitEffect
)

// lateError is a failure after the command tag, during the commit.
type lateError struct{ error }

func (e lateError) Unwrap() error { return e.error }

// unsentError is a failure before the statement was sent.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// unpreparedError is a failure to prepare the statement or its prelude.
type unpreparedError struct{ error }

func (e unpreparedError) Unwrap() error { return e.error }

func (s statement) effect() effect {
	if mayWrite(s.sql) {
		return writeEffect
	}
	return noEffect
}

// kind returns [ErrNoEffect] or [ErrOutcomeUnknown] for a failure other than PostgreSQL's refusal of the statement.
func (e effect) kind(err error) error {
	var db *pgconn.PgError
	switch {
	case e == noEffect, e == readOnlyEffect, neverSent(err):
		return ErrNoEffect
	case e == writeEffect && errors.As(err, &db) && fromServer(db) && !errors.As(err, new(lateError)):
		return ErrNoEffect // the server ended the session before the statement was complete
	}
	return ErrOutcomeUnknown
}

// neverSent reports whether the statement was not sent. pgconn.ErrConnClosed is excluded: pgconn also returns it, as
// safe to retry, for a connection that was closed while an answer was read.
func neverSent(err error) bool {
	return pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed) ||
		errors.As(err, new(unsentError)) || errors.As(err, new(unpreparedError))
}

// refused reports whether the statement failed and its session continues.
func refused(err *pgconn.PgError) bool {
	return cmp.Or(err.SeverityUnlocalized, err.Severity) == "ERROR"
}

// fromServer reports whether err is PostgreSQL's own. A pooler's errors lack the unlocalized severity, and do not
// report what a lost server did.
func fromServer(err *pgconn.PgError) bool { return err.SeverityUnlocalized != "" }
