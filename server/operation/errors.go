package operation

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/ent"
)

// The errors of the package, matched with [errors.Is]. Other errors are faults of the database or of ours.
var (
	// ErrNotFound means that there is no such row, or that it is another tenant's.
	ErrNotFound = errors.New("operation: not found")
	// ErrTaken means that a unique value belongs to another row, whoever's that is.
	ErrTaken = errors.New("operation: a unique value is taken")
	// ErrNotEmpty means that a tenant still has something.
	ErrNotEmpty = errors.New("operation: the tenant is not empty")
	// ErrStale means that the row's version is none of those that the change may replace.
	ErrStale = errors.New("operation: the row has changed")
	// ErrCursor means that a cursor was not made for this list of this tenant.
	ErrCursor = errors.New("operation: not a cursor of this list")
	// ErrRefused means that the schema or the database refuses a value which the API's own rules let pass.
	ErrRefused = errors.New("operation: a value is refused")
)

// PostgreSQL's codes (manual, appendix A).
const (
	foreignKeyViolation = "23503"
	uniqueViolation     = "23505"
	checkViolation      = "23514"
	deadlockDetected    = "40P01"
	classDataException  = "22"
)

// translate says what an error of Ent or of the database means, and keeps it for the log.
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
		return ErrRefused
	case code == uniqueViolation:
		return takenError(err)
	case code == foreignKeyViolation: // the tenant went away while this was done
		return ErrNotFound
	}
	return nil
}

// TakenError is [ErrTaken] with the field whose value is taken.
type TakenError struct{ Field string }

// Error implements error.
func (e *TakenError) Error() string { return ErrTaken.Error() + ": " + e.Field }

// Unwrap returns [ErrTaken].
func (e *TakenError) Unwrap() error { return ErrTaken }

// takenError names the field of a unique constraint that callers may know.
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
