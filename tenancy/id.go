package tenancy

import (
	"fmt"

	"github.com/google/uuid"
)

// ID names a tenant. It is made from a UUID by [Parse] or [FromUUID] only, so that a string that merely looks
// like a tenant can't be used as one. The zero ID names nobody and is refused wherever an ID is taken.
type ID struct{ u uuid.UUID }

// Parse reads a tenant's UUID in its canonical form: 36 characters, lower case, with hyphens (RFC 9562, section 4).
// PostgreSQL accepts more spellings ("{AAAA…}", upper case); here one tenant has one spelling, so that a row's
// tenant and a Redis key's tenant can't part. Anything else, and the nil UUID, is [ErrInvalidID].
func Parse(s string) (ID, error) {
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s {
		// The input is not repeated: it may be somebody's secret in the wrong field.
		return ID{}, fmt.Errorf("%w: not a UUID in canonical form", ErrInvalidID)
	}
	return FromUUID(u)
}

// FromUUID makes an ID of u. The nil UUID is [ErrInvalidID].
func FromUUID(u uuid.UUID) (ID, error) {
	if u == uuid.Nil {
		return ID{}, fmt.Errorf("%w: the nil UUID names nobody", ErrInvalidID)
	}
	return ID{u: u}, nil
}

// UUID returns the tenant's UUID; the nil UUID for the zero ID.
func (id ID) UUID() uuid.UUID { return id.u }

// IsZero reports whether id names nobody.
func (id ID) IsZero() bool { return id.u == uuid.Nil }

// String returns the canonical form, or "" for the zero ID: what names nobody must not look like a tenant.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return id.u.String()
}

// MarshalText implements [encoding.TextMarshaler] with the canonical form; the zero ID is [ErrInvalidID].
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, fmt.Errorf("%w: the zero ID has no text", ErrInvalidID)
	}
	return []byte(id.u.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler] as [Parse] does.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
