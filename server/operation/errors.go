package operation

import (
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
)

// PostgreSQL's codes (manual, appendix A).
const (
	foreignKeyViolation = "23503"
	uniqueViolation     = "23505"
	checkViolation      = "23514"
	deadlockDetected    = "40P01"
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
	case ent.IsNotFound(err):
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
type TakenError struct{ Field string }

// Error implements error.
func (e *TakenError) Error() string { return ErrTaken.Error() + ": " + e.Field }

// Unwrap returns [ErrTaken].
func (e *TakenError) Unwrap() error { return ErrTaken }

// takenError returns the error of a unique violation, with the field if known.
func takenError(err error) error {
	db, _ := errors.AsType[*pgconn.PgError](err)
	switch db.ConstraintName {
	case "tenants_name_key":
		return &TakenError{"name"}
	case "tenants_slug_key":
		return &TakenError{"slug"}
	case "channelconnection_channel_type_workspace_id":
		return &TakenError{"workspace_id"}
	}
	return ErrTaken
}

func sqlState(err error) string {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		return db.Code
	}
	return ""
}
