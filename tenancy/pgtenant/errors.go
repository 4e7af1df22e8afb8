package pgtenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
)

// The effect of a failure on the database. An error other than PostgreSQL's refusal of the statement matches at most
// one of these with [errors.Is]. Check [ErrOutcomeUnknown] first.
//
// An HTTP server returns 503 for both, with Retry-After for ErrNoEffect only.
var (
	// ErrOutcomeUnknown is returned when the answer to a write or a commit was lost: it may have taken effect. Read the
	// data before you resend it.
	ErrOutcomeUnknown = errors.New("pgtenant: outcome unknown")
	// ErrNoEffect is returned when the database is unchanged and the same call may succeed later: it was not sent, only
	// read, or was rolled back. Repeat the whole transaction, not one statement of it.
	ErrNoEffect = errors.New("pgtenant: no effect")
)

// The errors of the driver, besides tenancy's. A finished transaction returns [sql.ErrTxDone].
var (
	// ErrPoolBusy is returned when no connection was free within the acquire timeout. It matches [ErrNoEffect].
	ErrPoolBusy error = &failure{"pgtenant: no database connection was free in time", ErrNoEffect}
	// ErrTenantBusy is returned when the tenant used its whole limit of connections during the acquire timeout. It
	// matches [ErrPoolBusy] and [ErrNoEffect].
	ErrTenantBusy error = &failure{
		"pgtenant: no database connection of the tenant's limit was free in time", ErrPoolBusy,
	}
	// ErrReadOnlyServer is returned for a write to a standby, a demoted primary, or a server with
	// default_transaction_read_only, but not in a read-only transaction. The connection is closed. It matches
	// [ErrNoEffect].
	ErrReadOnlyServer error = &failure{"pgtenant: the server is read-only", ErrNoEffect}
	// ErrConnection is returned when the server can't be reached, which is a [*ConnectError], or the connection was
	// lost. It comes with [ErrOutcomeUnknown] or [ErrNoEffect], never alone.
	ErrConnection = errors.New("pgtenant: connection lost")
	// ErrNestedTx is returned when a transaction is begun inside [InTx]. Pass the outer one down, or begin it on
	// [Driver.Joining], which joins the outer one.
	ErrNestedTx = errors.New("pgtenant: a transaction is already open in this context")
	// ErrPoolInTx is returned when the pool's client is used inside [InTx] instead of the transaction's, or one of
	// [Driver.Joining].
	ErrPoolInTx = errors.New("pgtenant: statement outside of the context's transaction")
	// ErrTxAborted is returned when a transaction can't continue or commit after a failed statement, or the rollback of
	// a transaction that joined it. Nothing is written. It wraps the cause, if known.
	ErrTxAborted = errors.New("pgtenant: transaction aborted by an earlier failure")
	// ErrRowsOpen is returned when an earlier result of the transaction was neither read to its end nor closed.
	ErrRowsOpen = errors.New("pgtenant: an earlier result of the transaction is still open")
	// ErrTxLeftOpen is returned when a single statement began a transaction, which is rolled back.
	ErrTxLeftOpen = errors.New("pgtenant: the statement left a transaction open")
	// ErrCopy is returned for COPY, which is not supported. It is not sent.
	ErrCopy = errors.New("pgtenant: COPY is not supported")
	// ErrArgument is returned when an argument can't be encoded.
	ErrArgument = errors.New("pgtenant: argument does not fit")
	// ErrScan is returned when a column can't be read into its destination.
	ErrScan = errors.New("pgtenant: column does not fit its destination")
	// ErrConfig is returned for a configuration that could break isolation, also by a statement that detects a pooler.
	ErrConfig = errors.New("pgtenant: unsafe configuration")
)

type failure struct {
	text string
	kind error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.kind }

const (
	codeQueryCanceled         = "57014"
	codeInsufficientPrivilege = "42501"
	codeReadOnly              = "25006"
	classDataException        = "22"
)

// argumentIndex finds the argument that pgx could not encode. The message repeats its value.
var argumentIndex = regexp.MustCompile(`args\[(\d+)\]`)

// translate turns an error of pgx into one of this package that is safe to log. It removes what can contain values:
// DETAIL, CONTEXT and the messages of class 22, and pgx's encoding errors.
func translate(ctx context.Context, tenant tenancy.ID, e effect, err error) error {
	if err == nil || known(err) {
		return err
	}
	var db *pgconn.PgError
	switch {
	case errors.As(err, &db) && ctx.Err() != nil && retryAfter(err) != noRetry: // too late to resend it
		return fmt.Errorf("pgtenant: statement ended by its context: %w (%w, %w)", ctx.Err(), redact(db), ErrNoEffect)
	case db != nil && refused(db):
		return translateDatabase(ctx, tenant, e, redact(db))
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || pgconn.Timeout(err)):
		return fmt.Errorf("pgtenant: statement ended by its context: %w (%w)", ctx.Err(), e.kind(err))
	case db != nil:
		return fmt.Errorf("%w: %w (%w)", ErrConnection, redact(db), e.kind(err))
	case lost(err):
		return fmt.Errorf("%w (%w)", ErrConnection, e.kind(err))
	}
	if index := argumentIndex.FindStringSubmatch(err.Error()); index != nil {
		return fmt.Errorf("%w: argument at index %s", ErrArgument, index[1])
	}
	if e.kind(err) == ErrOutcomeUnknown { //nolint:errorlint // kind returns the sentinel itself
		return fmt.Errorf("pgtenant: statement failed: %T (%w)", err, ErrOutcomeUnknown)
	}
	return fmt.Errorf("pgtenant: statement failed: %T", err)
}

func translateDatabase(ctx context.Context, tenant tenancy.ID, e effect, err *pgconn.PgError) error {
	switch {
	case err.Code == codeQueryCanceled && ctx.Err() != nil:
		return fmt.Errorf("pgtenant: statement ended by its context: %w (%w, %w)", ctx.Err(), err, ErrNoEffect)
	case err.Code == codeInsufficientPrivilege && tenant.IsZero():
		return fmt.Errorf("%w: %w", tenancy.ErrNoTenant, err)
	case err.Code == codeReadOnly && e != readOnlyEffect:
		return fmt.Errorf("%w: %w", ErrReadOnlyServer, err)
	case isStale(err):
		return fmt.Errorf("%w: %w", ErrNoEffect, err)
	}
	return err
}

// redact keeps code, constraint, table and column, and drops the fields that can contain a value.
func redact(err *pgconn.PgError) *pgconn.PgError {
	safe := &pgconn.PgError{
		Severity:            err.Severity,
		SeverityUnlocalized: err.SeverityUnlocalized,
		Code:                err.Code,
		Message:             err.Message,
		Position:            err.Position,
		SchemaName:          err.SchemaName,
		TableName:           err.TableName,
		ColumnName:          err.ColumnName,
		DataTypeName:        err.DataTypeName,
		ConstraintName:      err.ConstraintName,
		Routine:             err.Routine,
	}
	if len(err.Code) == 5 && err.Code[:2] == classDataException {
		safe.Message = "invalid value"
	}
	return safe
}

func known(err error) bool {
	return isAny(err, ErrTxLeftOpen, ErrTxAborted, ErrRowsOpen, ErrPoolBusy, ErrScan, ErrConfig, ErrConnection,
		ErrOutcomeUnknown, ErrNoEffect, sql.ErrTxDone)
}

func isAny(err error, sentinels ...error) bool {
	return slices.ContainsFunc(sentinels, func(sentinel error) bool { return errors.Is(err, sentinel) })
}

func lost(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) ||
		isAny(err, io.EOF, io.ErrUnexpectedEOF, pgconn.ErrConnClosed)
}
