package account

import (
	"errors"
	"fmt"
	"time"
)

// The errors of the package, matched with [errors.Is]. None of them repeats an address, a password or a token.
var (
	// ErrCredentials means that a login failed. It doesn't say why.
	ErrCredentials = errors.New("account: wrong credentials")
	// ErrTooManyAttempts means that an address was tried too often. It comes as an [AttemptsError].
	ErrTooManyAttempts = errors.New("account: too many attempts")
	// ErrBusy means that more passwords wait to be hashed than the server takes on.
	ErrBusy = errors.New("account: too many passwords are being hashed")
	// ErrNoSession means that a token belongs to no session that is valid.
	ErrNoSession = errors.New("account: no valid session")
	// ErrNoUser means that there is no user with the address.
	ErrNoUser = errors.New("account: no such user")
	// ErrTaken means that there is a user with the address already.
	ErrTaken = errors.New("account: the address is taken")
	// ErrEmail means that an address is none.
	ErrEmail = errors.New("account: not an e-mail address")
	// ErrName means that a name is blank or too long.
	ErrName = errors.New("account: a name must be 1 to 200 characters, not all of them blank")
	// ErrPassword means that a password breaks the rules of [CheckPassword].
	ErrPassword = fmt.Errorf("account: a password must have %d to %d bytes", MinPassword, MaxPassword)
	// ErrKey means that the key under which addresses are hashed is too short.
	ErrKey = errors.New("account: the key must have 32 bytes or more")
)

// AttemptsError is [ErrTooManyAttempts] with the time after which it is over.
type AttemptsError struct{ RetryAfter time.Duration }

// Error implements error.
func (e *AttemptsError) Error() string { return ErrTooManyAttempts.Error() }

// Unwrap returns [ErrTooManyAttempts].
func (e *AttemptsError) Unwrap() error { return ErrTooManyAttempts }
