package pgtenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
)

// The errors of the driver, besides tenancy's. A finished transaction answers [sql.ErrTxDone].
var (
	// ErrPoolBusy is returned when no connection was free within the acquire timeout. Nothing was sent.
	ErrPoolBusy = errors.New("pgtenant: no database connection was free in time")
	// ErrTenantBusy is returned when the tenant held its part of the pool for the whole acquire timeout. Nothing was sent.
	// It matches [ErrPoolBusy], too.
	ErrTenantBusy = fmt.Errorf("%w: the tenant's limit is reached", ErrPoolBusy)
	// ErrNestedTx means that a transaction was begun inside [InTx]. Pass the outer one down.
	ErrNestedTx = errors.New("pgtenant: a transaction is already open in this context")
	// ErrPoolInTx means that the pool's client was used inside [InTx], where the transaction's was meant.
	ErrPoolInTx = errors.New("pgtenant: statement outside of the context's transaction")
	// ErrTxAborted means that a transaction could not be committed because one of its statements had failed. Nothing of
	// it was written.
	ErrTxAborted = errors.New("pgtenant: transaction aborted by an earlier failure")
	// ErrRowsOpen means that a transaction's earlier result has not been read to its end, nor closed.
	ErrRowsOpen = errors.New("pgtenant: an earlier result of the transaction is still open")
	// ErrTxLeftOpen means that a single statement began a transaction. Its connection was closed, which rolls it back.
	ErrTxLeftOpen = errors.New("pgtenant: the statement left a transaction open")
	// ErrArgument means that an argument can't be encoded.
	ErrArgument = errors.New("pgtenant: argument does not fit")
	// ErrScan means that a column can't be read into its destination.
	ErrScan = errors.New("pgtenant: column does not fit its destination")
	// ErrConnection means that the connection was lost. Whether the statement took effect is unknown, unless the error is
	// a [*ConnectError] as well: then there was no connection, and nothing was sent.
	ErrConnection = errors.New("pgtenant: connection lost")
	// ErrConfig means that a pool's configuration could break isolation.
	ErrConfig = errors.New("pgtenant: unsafe configuration")
)

// SQLSTATE codes that mean something to isolation (PostgreSQL manual, appendix A).
const (
	codeQueryCanceled         = "57014"
	codeInsufficientPrivilege = "42501"
	classDataException        = "22"
)

// argumentIndex finds which argument pgx could not encode; the rest of its message repeats the value.
var argumentIndex = regexp.MustCompile(`args\[(\d+)\]`)

// translate turns an error of pgx into one that is safe to log and says what it means for the tenant. Values never
// pass: PostgreSQL prints them in DETAIL, CONTEXT and class 22, pgx in its encoding errors.
func translate(ctx context.Context, tenant tenancy.ID, err error) error {
	var db *pgconn.PgError
	switch {
	case err == nil || known(err):
		return err
	case errors.As(err, &db):
		return translateDatabase(ctx, tenant, redact(db))
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || pgconn.Timeout(err)):
		return fmt.Errorf("pgtenant: statement ended by its context: %w", ctx.Err())
	case lost(err):
		return ErrConnection
	}
	if index := argumentIndex.FindStringSubmatch(err.Error()); index != nil {
		return fmt.Errorf("%w: argument at index %s", ErrArgument, index[1])
	}
	return fmt.Errorf("pgtenant: statement failed: %T", err)
}

func translateDatabase(ctx context.Context, tenant tenancy.ID, err *pgconn.PgError) error {
	switch {
	case err.Code == codeQueryCanceled && ctx.Err() != nil:
		return fmt.Errorf("pgtenant: statement ended by its context: %w (%w)", ctx.Err(), err)
	case err.Code == codeInsufficientPrivilege && tenant.IsZero():
		return fmt.Errorf("%w: %w", tenancy.ErrNoTenant, err)
	}
	return err
}

// redact keeps what names the fault (code, constraint, table, column) and drops what could hold a value.
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

// known reports whether err is this package's, or tenancy's, already.
func known(err error) bool {
	for _, sentinel := range []error{ErrTxLeftOpen, ErrTxAborted, ErrRowsOpen, ErrPoolBusy, ErrScan, ErrConnection, sql.ErrTxDone} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

func lost(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed)
}
