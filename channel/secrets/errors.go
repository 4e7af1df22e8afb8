package secrets

import (
	"errors"
	"fmt"
)

// Errors of the configured keys.
var (
	// ErrNoKeys is returned when there is no key to seal or open with.
	ErrNoKeys = errors.New("secrets: KONSTRUCT_SECRETS_KEY is not set on the server")
	// ErrKey is returned when a key is not 32 bytes long. The message has its position.
	ErrKey = errors.New("secrets: a key must be 32 bytes, in standard base64")
	// ErrDuplicateKey is returned when a key is configured twice.
	ErrDuplicateKey = errors.New("secrets: duplicate key")
)

// Errors of stored secrets. None is caused by the client.
var (
	// ErrInvalidRef is returned when a [Ref] lacks its connection or channel type. A missing tenant is
	// tenancy.ErrInvalidID.
	ErrInvalidRef = errors.New("secrets: incomplete reference")
	// ErrNotSealed is returned when a text does not have the format that Seal writes.
	ErrNotSealed = errors.New("secrets: not a sealed text")
	// ErrUnknownKey is returned when a text is sealed with a key that is not configured.
	ErrUnknownKey = errors.New("secrets: sealed with a key that is not configured")
	// ErrOpen is returned when a sealed text was modified, or belongs to another tenant, connection, channel type or
	// name.
	ErrOpen = errors.New("secrets: decryption failed")
)

// Errors of a [Patch], wrapped in a [FaultError]. Clients see their texts.
var (
	// ErrName is returned when a name does not match [a-z0-9_]{1,64}.
	ErrName = errors.New("secrets: a name must be 1 to 64 of a-z, 0-9 and _")
	// ErrEmpty is returned when a value is empty or white space.
	ErrEmpty = errors.New("secrets: the value is empty; send null to remove the secret")
	// ErrRedacted is returned when a value is a redacted secret sent back by mistake.
	ErrRedacted = errors.New("secrets: the value is redacted; omit the name to keep the secret")
	// ErrTooLarge is returned when a value has more than [MaxValue] bytes.
	ErrTooLarge = fmt.Errorf("secrets: the value is longer than %d bytes", MaxValue)
	// ErrTooMany is returned when a connection would have more than [MaxNames] secrets.
	ErrTooMany = fmt.Errorf("secrets: a connection can have at most %d secrets", MaxNames)
)

// FaultError is one error of a [Patch]. Several are joined: use [errors.As] for one, Unwrap() []error for all.
type FaultError struct {
	// Name is the secret's name. It is empty for [ErrTooMany] and [ErrName]: an invalid name may be a secret.
	Name string
	// Err is ErrName, ErrEmpty, ErrRedacted, ErrTooLarge, ErrTooMany or ErrNoKeys.
	Err error
}

// Error implements error.
func (e *FaultError) Error() string {
	if e.Name == "" {
		return e.Err.Error()
	}
	return e.Name + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *FaultError) Unwrap() error { return e.Err }
