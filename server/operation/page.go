package operation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
)

// Page asks for a part of a list, in the order of the ids, which is that of creation.
type Page struct {
	// Limit is how many items are wanted, from 1.
	Limit int
	// Cursor is the Next of the part before; "" begins.
	Cursor string
}

// List is one part of a list. Next is "" when nothing follows.
type List[T any] struct {
	Items []T
	Next  string
}

// Pages makes cursors. A cursor is the last id and a code that binds it to the list and the tenant: it can't be made
// up, nor carried to another tenant's list, and it tells nobody anything that the list didn't.
type Pages struct{ key []byte }

// NewPages binds cursors with key: 32 bytes or more, the same on every instance.
func NewPages(key []byte) Pages { return Pages{key: key} }

// macBytes is half of SHA-256, which is still 128 bits to guess.
const macBytes = 16

// A cursor has one spelling.
func cursorEncoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// after returns the id that a page follows: the nil UUID for the first.
func (p Pages) after(list string, tenant tenancy.ID, cursor string) (uuid.UUID, error) {
	if cursor == "" {
		return uuid.Nil, nil
	}
	raw, err := cursorEncoding().DecodeString(cursor)
	if err != nil || len(raw) != len(uuid.UUID{})+macBytes || strings.ContainsAny(cursor, "\r\n") { // DecodeString skips these
		return uuid.Nil, ErrCursor
	}
	last := uuid.UUID(raw[:16])
	if !hmac.Equal(raw[16:], p.mac(list, tenant, last)) {
		return uuid.Nil, ErrCursor
	}
	return last, nil
}

func (p Pages) cursor(list string, tenant tenancy.ID, last uuid.UUID) string {
	return cursorEncoding().EncodeToString(append(last[:], p.mac(list, tenant, last)...))
}

func (p Pages) mac(list string, tenant tenancy.ID, last uuid.UUID) []byte {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte("cursor\x00" + list + "\x00" + tenant.String() + "\x00")) // a hash's Write never fails
	mac.Write(last[:])
	return mac.Sum(nil)[:macBytes]
}

// pageBytes bounds the texts of one part of a list; the API's own limits keep rows far smaller.
const pageBytes = 1 << 20

// cut makes a part of at most limit items and pageBytes from rows, of which there is one more than limit if anything
// follows. Measure returns a row's id and the bytes of its texts. A part has at least one item.
func cut[T any](p Pages, list string, tenant tenancy.ID, limit int, rows []T, measure func(T) (uuid.UUID, int)) List[T] {
	var last uuid.UUID
	size := 0
	for i, row := range rows {
		id, bytes := measure(row)
		if size += bytes; i == limit || i > 0 && size > pageBytes {
			return List[T]{Items: rows[:i], Next: p.cursor(list, tenant, last)}
		}
		last = id
	}
	return List[T]{Items: rows}
}
