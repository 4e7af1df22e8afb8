package pgtenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// Cause is the reason why a connection could not be opened. Its text is safe to log.
type Cause string

// The causes of a [ConnectError].
const (
	CauseRefused     Cause = "connection refused"
	CauseUnreachable Cause = "host unreachable"
	CauseTimeout     Cause = "timed out"
	CauseHostname    Cause = "host name not resolved"
	CauseTLS         Cause = "TLS handshake failed"
	CauseHangup      Cause = "connection closed by the server"
	CauseCredentials Cause = "authentication failed"                  // SQLSTATE class 28
	CausePermission  Cause = "permission denied for the database"     // 42501
	CauseDatabase    Cause = "database does not exist"                // 3D000
	CauseLimit       Cause = "too many connections"                   // 53300: of the role, the database or the server
	CauseStarting    Cause = "server is starting up or shutting down" // 57P01, 57P02, 57P03
	CauseTarget      Cause = "no server has the target session state" // target_session_attrs
	CauseClosed      Cause = "the driver is closed"                   // Close was called
	CauseOther       Cause = "connection failed"                      // none of the above
)

// ConnectError is returned when no connection could be opened. It matches [ErrConnection] and [ErrNoEffect], and
// errors.As finds the server's *pgconn.PgError, if any. Neither repeats a part of the connection string: the PgError
// keeps only code, severity and routine.
type ConnectError struct {
	Cause Cause

	db *pgconn.PgError // nil unless the server refused
}

// Error implements error.
func (e *ConnectError) Error() string {
	if e.db != nil {
		return fmt.Sprintf("pgtenant: can't connect: %s (SQLSTATE %s)", e.Cause, e.db.Code)
	}
	return fmt.Sprintf("pgtenant: can't connect: %s", e.Cause)
}

// Unwrap makes the error match [ErrConnection], [ErrNoEffect] and the server's error.
func (e *ConnectError) Unwrap() []error {
	if e.db != nil {
		return []error{ErrConnection, ErrNoEffect, e.db}
	}
	return []error{ErrConnection, ErrNoEffect}
}

// Connect opens a connection outside of a driver. It has the driver's connect timeout and changes config. It returns a
// [*ConnectError], or the error of a canceled ctx, and never pgx's: that repeats user, host and database, which can
// contain parts of an unescaped password.
func Connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	boundConnect(&config.Config)
	conn, err := pgx.ConnectConfig(ctx, config)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, ctx.Err()
	}
	return nil, newConnectError(err)
}

// transient reports whether the cause may be gone within a second, such as an exiting backend that counts towards the
// limit, or a restart.
func (e *ConnectError) transient() bool { return e.Cause == CauseLimit || e.Cause == CauseStarting }

// newConnectError returns the cause of a failed dial. With several hosts, the error of a server that answered takes
// precedence.
func newConnectError(err error) *ConnectError {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		cause := causeOfCode(db.Code)
		return &ConnectError{Cause: cause, db: &pgconn.PgError{
			Severity: db.Severity, SeverityUnlocalized: db.SeverityUnlocalized,
			Code: db.Code, Message: string(cause), Routine: db.Routine,
		}}
	}
	return &ConnectError{Cause: causeOf(err)}
}

func causeOfCode(code string) Cause {
	switch code {
	case codeInsufficientPrivilege:
		return CausePermission
	case "3D000":
		return CauseDatabase
	case "53300":
		return CauseLimit
	case "57P01", "57P02", "57P03":
		return CauseStarting
	}
	if strings.HasPrefix(code, "28") {
		return CauseCredentials
	}
	return CauseOther
}

func causeOf(err error) Cause {
	var hostname *net.DNSError
	var network net.Error
	switch {
	case errors.Is(err, puddle.ErrClosedPool):
		return CauseClosed
	case isAny(err, pgconn.ErrReadOnlyConnection, pgconn.ErrReadWriteConnection,
		pgconn.ErrPrimaryConnection, pgconn.ErrStandbyConnection):
		return CauseTarget
	case isAny(err, syscall.ECONNREFUSED, syscall.ENOENT): // ENOENT: no such socket
		return CauseRefused
	case isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH):
		return CauseUnreachable
	case errors.As(err, &hostname):
		return CauseHostname
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return CauseTimeout
	case strings.Contains(err.Error(), "tls error"): // pgconn's own prefix: crypto/tls has no common error type
		return CauseTLS
	case isAny(err, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE):
		return CauseHangup
	}
	return CauseOther
}
