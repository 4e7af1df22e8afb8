package account

import (
	"errors"
	"fmt"
	"time"
)

// The errors of the package, matched with [errors.Is]. None of them contains an address, a password or a token.
var (
	// ErrCredentials is returned when a login fails, whatever the reason.
	ErrCredentials = errors.New("account: invalid credentials")
	// ErrTooManyAttempts is returned, as an [AttemptsError], when a limit of failed logins is exceeded.
	ErrTooManyAttempts = errors.New("account: too many attempts")
	// ErrBusy is returned when too many passwords wait to be hashed.
	ErrBusy = errors.New("account: too many passwords are being hashed")
	// ErrNoSession is returned when a token has no valid session.
	ErrNoSession = errors.New("account: no valid session")
	// ErrNoUser is returned when no user has the address.
	ErrNoUser = errors.New("account: user not found")
	// ErrTaken is returned when a user with the address exists.
	ErrTaken = errors.New("account: e-mail address already in use")
	// ErrEmail is returned when an address is invalid.
	ErrEmail = errors.New("account: invalid e-mail address")
	// ErrName is returned when a name is blank or too long.
	ErrName = errors.New("account: a name must have 1 to 200 characters and not be blank")
	// ErrPassword is returned when a password fails [CheckPassword].
	ErrPassword = fmt.Errorf("account: a password must have %d to %d bytes", MinPassword, MaxPassword)
	// ErrIncorrect is returned when the current password, which a change requires, is wrong.
	ErrIncorrect = errors.New("account: the current password is incorrect")
	// ErrLastAdmin is returned when a change would leave the platform without an enabled admin.
	ErrLastAdmin = errors.New("account: the platform needs an admin")
	// ErrLink is returned, as a [LinkError], when a link cannot be used.
	ErrLink = errors.New("account: invalid link")
	// ErrNoMail is returned when something must be mailed and no mail is configured.
	ErrNoMail = errors.New("account: mail is not configured")
	// ErrKey is returned when a key is too short.
	ErrKey = errors.New("account: the key must have at least 32 bytes")
)

// The reasons of a [LinkError].
const (
	LinkUnknown = "unknown"
	LinkExpired = "expired"
	LinkUsed    = "used"
	LinkRevoked = "revoked"
)

// LinkError is [ErrLink] with the reason.
type LinkError struct{ Reason string }

// Error implements error.
func (e *LinkError) Error() string { return ErrLink.Error() + ": " + e.Reason }

// Unwrap returns [ErrLink].
func (e *LinkError) Unwrap() error { return ErrLink }

// AttemptsError is [ErrTooManyAttempts] with the time until the next attempt is allowed.
type AttemptsError struct{ RetryAfter time.Duration }

// Error implements error.
func (e *AttemptsError) Error() string { return ErrTooManyAttempts.Error() }

// Unwrap returns [ErrTooManyAttempts].
func (e *AttemptsError) Unwrap() error { return ErrTooManyAttempts }
