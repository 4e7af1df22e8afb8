package operation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Page selects a page of a list.
type Page struct {
	// Limit is the maximum number of items, from 1.
	Limit int
	// Cursor is the Next of the previous page, or "" for the first one.
	Cursor string
	// Sort is the name of a sort of the list, with a "-" in front for the descending order. The default is the list's
	// first sort, ascending.
	Sort string
	// Search is a text that an item must contain, in any case, or "".
	Search string
}

// List is a page of a list. Next is "" on the last page.
type List[T any] struct {
	Items []T
	Next  string
}

// Pages issues cursors. A cursor is the position of a page's last item in the list, with a MAC over it and over the
// tenant, the list, its sort, its search and its filters. It is valid for exactly these.
type Pages struct{ key []byte }

// NewPages signs cursors with key: at least 32 bytes, the same on every instance.
func NewPages(key []byte) Pages { return Pages{key: key} }

// macBytes is the length of the truncated HMAC-SHA256.
const macBytes = 16

// position is where an item is in a list: the encoded value that the list is sorted by, and the id.
type position struct {
	id    uuid.UUID
	value string
}

// cursorEncoding is strict so that each cursor has one spelling.
func cursorEncoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// open returns the position in a cursor that was issued for the scope.
func (p Pages) open(scope []string, cursor string) (position, error) {
	raw, err := cursorEncoding().DecodeString(cursor)
	// DecodeString skips line breaks.
	if err != nil || len(raw) < macBytes+len(uuid.UUID{}) || strings.ContainsAny(cursor, "\r\n") {
		return position{}, ErrCursor
	}
	body, mac := raw[:len(raw)-macBytes], raw[len(raw)-macBytes:]
	if !hmac.Equal(mac, p.mac(scope, body)) {
		return position{}, ErrCursor
	}
	return position{id: uuid.UUID(body[:16]), value: string(body[16:])}, nil
}

func (p Pages) cursor(scope []string, at position) string {
	body := at.id[:]
	body = append(body, at.value...)
	return cursorEncoding().EncodeToString(append(body, p.mac(scope, body)...))
}

func (p Pages) mac(scope []string, body []byte) []byte {
	mac := hmac.New(sha256.New, p.key)
	text := append(make([]byte, 0, 128), "cursor"...)
	for _, part := range scope {
		text = strconv.AppendQuote(text, part) // no two scopes have the same text
	}
	text = append(text, 0)
	mac.Write(append(text, body...)) // a hash's Write never fails
	return mac.Sum(text[:0])[:macBytes]
}

// pageBytes bounds the texts of a page, far above the size of rows from the API.
const pageBytes = 1 << 20

// ListByID returns a page of rows in the order of their ids or, for newestFirst, in the reverse order, or
// [ErrCursor]. Fetch returns at most limit rows after the given id, which is the first or the last UUID for the first
// page. Measure returns a row's id and the bytes of its texts. Cursors are valid for the list with the name, in the
// context's tenant.
func ListByID[T any](
	ctx context.Context, p Pages, name string, page Page,
	fetch func(after uuid.UUID, limit int) ([]T, error), measure func(T) (uuid.UUID, int),
) (List[T], error) {
	l := listing[T]{name: name, sorts: []sorting[T]{byCreation[T]()}, measure: measure}
	w, err := l.window(ctx, p, page, nil)
	if err != nil {
		return List[T]{}, err
	}
	after := uuid.Nil
	switch {
	case w.after != nil:
		after = w.after.id
	case w.desc:
		after = uuid.Max
	}
	rows, err := fetch(after, page.Limit+1)
	if err != nil {
		return List[T]{}, translate("list rows", err)
	}
	return w.cut(rows), nil
}
