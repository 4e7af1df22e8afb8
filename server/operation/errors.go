package operation

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/ent"
)

// The errors of the package, matched with [errors.Is]. Any other error is a failure of the database or a bug.
var (
	// ErrNotFound is returned when the row does not exist or belongs to another tenant.
	ErrNotFound = errors.New("operation: not found")
	// ErrTaken is returned when a unique value is in use, by any tenant.
	ErrTaken = errors.New("operation: unique value already in use")
	// ErrNotEmpty is returned when other rows still reference the row to delete.
	ErrNotEmpty = errors.New("operation: row is still referenced")
	// ErrStale is returned when the row's version does not match.
	ErrStale = errors.New("operation: row was modified")
	// ErrCursor is returned when a cursor was not issued for this list of this tenant.
	ErrCursor = errors.New("operation: invalid cursor")
	// ErrInvalid is returned when the schema or the database rejects a value that the API's validation accepted.
	ErrInvalid = errors.New("operation: invalid value")
	// ErrLastOwner is returned when a change would leave a tenant without an enabled owner.
	ErrLastOwner = errors.New("operation: the tenant needs an owner")
	// ErrLimit is returned when a tenant has reached a limit of its rows.
	ErrLimit = errors.New("operation: limit reached")
	// ErrLoginRequired is returned when a link is used for an address that has an account, without a session.
	ErrLoginRequired = errors.New("operation: the address has an account")
	// ErrWrongAccount is returned when an invitation is for another address than the user's.
	ErrWrongAccount = errors.New("operation: the invitation is for another address")
	// ErrUnproven is returned when an account whose address is not proven would join another tenant, or accept a mailed
	// link.
	ErrUnproven = errors.New("operation: the account's address is not proven")
	// ErrSuspended is returned when the tenant of a link is suspended.
	ErrSuspended = errors.New("operation: the tenant is suspended")
)

// PostgreSQL's codes (manual, appendix A).
const (
	foreignKeyViolation = "23503"
	uniqueViolation     = "23505"
	checkViolation      = "23514"
	deadlockDetected    = "40P01"
	lockNotAvailable    = "55P03"
	classDataException  = "22"
)

// translate adds the package's error to one of Ent or the database.
func translate(what string, err error) error {
	if err == nil {
		return nil
	}
	if meaning := meaningOf(err); meaning != nil {
		return fmt.Errorf("%s: %w (%w)", what, meaning, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func meaningOf(err error) error {
	switch code := sqlState(err); {
	case ent.IsNotFound(err), errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case ent.IsValidationError(err), code == checkViolation, len(code) == 5 && code[:2] == classDataException:
		return ErrInvalid
	case code == uniqueViolation:
		return takenError(err)
	case code == foreignKeyViolation: // the tenant was deleted concurrently
		return ErrNotFound
	}
	return nil
}

// TakenError is [ErrTaken] with the name of the field.
type TakenError struct {
	Field string
	// Own says that a row of the caller's tenant has the value, which is no secret to its members.
	Own bool
}

// Error implements error.
func (e *TakenError) Error() string { return ErrTaken.Error() + ": " + e.Field }

// Unwrap returns [ErrTaken].
func (e *TakenError) Unwrap() error { return ErrTaken }

// takenError returns the error of a unique violation, with the field if known.
func takenError(err error) error {
	db, _ := errors.AsType[*pgconn.PgError](err)
	switch db.ConstraintName {
	case "tenants_name_key":
		return &TakenError{Field: "name"}
	case "tenants_slug_key":
		return &TakenError{Field: "slug"}
	case "portal_users_email_key":
		return &TakenError{Field: "email"}
	case "channelconnection_channel_type_workspace_id":
		return &TakenError{Field: "workspace_id"}
	}
	return ErrTaken
}

// Deadlocked reports whether err is a deadlock, which rolled the transaction back.
func Deadlocked(err error) bool { return sqlState(err) == deadlockDetected }

func sqlState(err error) string {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		return db.Code
	}
	return ""
}
