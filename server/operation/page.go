package operation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
)

// Page selects a page of a list, ordered by id, which is the order of creation.
type Page struct {
	// Limit is the maximum number of items, from 1.
	Limit int
	// Cursor is the Next of the previous page, or "" for the first one.
	Cursor string
}

// List is a page of a list. Next is "" on the last page.
type List[T any] struct {
	Items []T
	Next  string
}

// Pages issues cursors. A cursor is the last id of a page with a MAC over the id, the list and the tenant.
type Pages struct{ key []byte }

// NewPages signs cursors with key: at least 32 bytes, the same on every instance.
func NewPages(key []byte) Pages { return Pages{key: key} }

// macBytes is the length of the truncated HMAC-SHA256.
const macBytes = 16

// cursorEncoding is strict so that each cursor has one spelling.
func cursorEncoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// after returns the last id of the previous page, or the nil UUID.
func (p Pages) after(list string, tenant tenancy.ID, cursor string) (uuid.UUID, error) {
	if cursor == "" {
		return uuid.Nil, nil
	}
	raw, err := cursorEncoding().DecodeString(cursor)
	// DecodeString skips line breaks.
	if err != nil || len(raw) != len(uuid.UUID{})+macBytes || strings.ContainsAny(cursor, "\r\n") {
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

// pageBytes bounds the texts of a page, far above the size of rows from the API.
const pageBytes = 1 << 20

// cut returns a page of 1 to limit items and at most pageBytes. Rows has limit+1 items if another page follows.
func cut[T any](
	p Pages, list string, tenant tenancy.ID, limit int, rows []T, measure func(T) (uuid.UUID, int),
) List[T] {
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
