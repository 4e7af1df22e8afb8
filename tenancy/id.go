package tenancy

import (
	"fmt"

	"github.com/google/uuid"
)

// ID identifies a tenant. Only [Parse] and [FromUUID] make one, so that a string can't be used as a tenant by mistake. The
// zero ID is invalid everywhere.
type ID struct{ u uuid.UUID }

// Parse parses a UUID in canonical form: 36 characters, lower case, with hyphens (RFC 9562, section 4). It returns
// [ErrInvalidID] for other forms, which PostgreSQL accepts ("{AAAA…}", upper case), and for the nil UUID: with one spelling
// per tenant, a Redis key and a row can't have different spellings.
func Parse(s string) (ID, error) {
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s {
		// The input is not repeated: it may be a secret in the wrong field.
		return ID{}, fmt.Errorf("%w: not a UUID in canonical form", ErrInvalidID)
	}
	return FromUUID(u)
}

// FromUUID returns the ID of u, or [ErrInvalidID] for the nil UUID.
func FromUUID(u uuid.UUID) (ID, error) {
	if u == uuid.Nil {
		return ID{}, fmt.Errorf("%w: nil UUID", ErrInvalidID)
	}
	return ID{u: u}, nil
}

// UUID returns the UUID, which is nil for the zero ID.
func (id ID) UUID() uuid.UUID { return id.u }

// IsZero reports whether id is the zero ID.
func (id ID) IsZero() bool { return id.u == uuid.Nil }

// String returns the canonical form, or "" for the zero ID, which must not look like a tenant.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return id.u.String()
}

// MarshalText implements [encoding.TextMarshaler]. It returns [ErrInvalidID] for the zero ID.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, fmt.Errorf("%w: the zero ID has no text", ErrInvalidID)
	}
	return []byte(id.u.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler]. See [Parse].
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
