package secrets

import "errors"

// Faults of keys, found at start-up.
var (
	// ErrNoKeys is returned when there is no key to seal or open with.
	ErrNoKeys = errors.New("secrets: the server has no KONSTRUCT_SECRETS_KEY")
	// ErrKey means that a key isn't 32 bytes, or not in standard base64. The message tells which, by position.
	ErrKey = errors.New("secrets: a key must be 32 bytes, in standard base64")
	// ErrDuplicateKey means that one key was given twice.
	ErrDuplicateKey = errors.New("secrets: a key is repeated")
)

// Faults of what is stored. None of them is the client's.
var (
	// ErrInvalidRef means that a [Ref] lacks its connection or its channel type. A missing tenant is
	// tenancy.ErrInvalidID.
	ErrInvalidRef = errors.New("secrets: incomplete reference")
	// ErrNotSealed means that a text doesn't have the form that Seal writes.
	ErrNotSealed = errors.New("secrets: not a sealed text")
	// ErrUnknownKey means that a text is sealed with a key that isn't configured.
	ErrUnknownKey = errors.New("secrets: sealed with a key that is not configured")
	// ErrOpen means that a sealed text was changed, or belongs to another tenant, connection, channel type or name.
	ErrOpen = errors.New("secrets: does not open here")
)

// Faults of a [Patch]; they come in a [FaultError].
var (
	// ErrName means that a name isn't of the form [a-z0-9_]{1,64}.
	ErrName = errors.New("secrets: a name must be 1 to 64 of a-z, 0-9 and _")
	// ErrEmpty means that a value is empty or white space. Null removes a secret.
	ErrEmpty = errors.New("secrets: a value can't be empty; null removes it")
	// ErrRedacted means that a value is what redaction leaves of a secret, sent back by mistake. Leave the name out to
	// keep the secret.
	ErrRedacted = errors.New("secrets: a value is redacted; leave the name out to keep the secret")
	// ErrTooLarge means that a value has more than [MaxValue] bytes.
	ErrTooLarge = errors.New("secrets: a value is too large")
	// ErrTooMany means that a connection would have more than [MaxNames] secrets.
	ErrTooMany = errors.New("secrets: too many secrets")
)

// FaultError is one fault of a [Patch]. Several come joined: find them with [errors.As], or all of them through
// Unwrap() []error.
type FaultError struct {
	// Name is the secret's name, "" for a fault of the whole and for [ErrName]: what isn't a name may be a secret.
	Name string
	// Err is one of ErrName, ErrEmpty, ErrRedacted, ErrTooLarge, ErrTooMany and ErrNoKeys.
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
