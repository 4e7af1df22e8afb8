package operation

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
)

// listing describes a list of rows that have an id.
type listing[T any] struct {
	// name is part of the list's cursors.
	name string
	// sorts are the orders that the list can have. The first one is the default.
	sorts []sorting[T]
	// search are the columns of which one must contain Page.Search.
	search []string
	// measure returns a row's id and the bytes of its texts, which bound a page.
	measure func(T) (uuid.UUID, int)
}

// sorting is an order by a column that is never null, and then by id. The order by creation has neither text nor time:
// it is the order of ids.
type sorting[T any] struct {
	name   string // in the API
	column string
	text   func(T) string
	time   func(T) time.Time
}

// byCreation orders by id, because ids are made in the order of creation.
func byCreation[T any]() sorting[T] { return sorting[T]{name: "created_at"} }

// byText orders by a text in the collation of the database.
func byText[T any](column string, value func(T) string) sorting[T] {
	return sorting[T]{name: column, column: column, text: value}
}

// byTime orders by a time.
func byTime[T any](column string, value func(T) time.Time) sorting[T] {
	return sorting[T]{name: column, column: column, time: value}
}

// maxSortText is how many characters of a text rows are sorted by. Texts of the API are not longer. It bounds cursors,
// of an id, a text and a MAC, to 1,110 bytes.
const maxSortText = 200

// filter is a condition on a column. The zero filter selects all rows.
type filter struct {
	column, operator string
	value            any
}

// equal returns the filter for a value; the zero value selects all rows.
func equal[T comparable](column string, value T) filter {
	var zero T
	if value == zero {
		return filter{}
	}
	return filter{column, " = ", value}
}

// equalTo returns the filter for a value; nil selects all rows.
func equalTo[T any](column string, value *T) filter {
	if value == nil {
		return filter{}
	}
	return filter{column, " = ", *value}
}

// since returns the filter for times from one on; the zero time selects all rows.
func since(column string, from time.Time) filter { return compared(column, " >= ", from) }

// before returns the filter for times before one; the zero time selects all rows.
func before(column string, to time.Time) filter { return compared(column, " < ", to) }

func compared(column, operator string, at time.Time) filter {
	if at.IsZero() {
		return filter{}
	}
	return filter{column, operator, at.UTC()}
}

// window is a page of a list in the making.
type window[T any] struct {
	listing *listing[T]
	pages   Pages
	page    Page
	sort    sorting[T]
	desc    bool
	filters []filter
	scope   []string  // of the cursors
	after   *position // nil on the first page
}

// window returns the page of the list in the context's tenant, or [ErrCursor].
func (l *listing[T]) window(ctx context.Context, p Pages, page Page, filters []filter) (*window[T], error) {
	tenant, _ := tenancy.From(ctx) // zero for the platform's tables; pgtenant rejects others
	w := &window[T]{listing: l, pages: p, page: page, sort: l.sorts[0], filters: filters}
	name, desc := strings.CutPrefix(page.Sort, "-")
	w.desc = desc
	for _, sort := range l.sorts {
		if sort.name == name {
			w.sort = sort
		}
	}
	if name != "" && w.sort.name != name {
		return nil, fmt.Errorf("%w: unknown sort of %s", ErrInvalid, l.name)
	}
	w.scope = append(make([]string, 0, 8), l.name, tenant.String(), w.direction(), w.sort.name, page.Search)
	for _, f := range filters {
		if f.value != nil {
			w.scope = append(w.scope, f.column+f.operator, fmt.Sprint(f.value))
		}
	}
	if page.Cursor == "" {
		return w, nil
	}
	at, err := p.open(w.scope, page.Cursor)
	if err != nil {
		return nil, err
	}
	w.after = &at
	return w, nil
}

func (w *window[T]) direction() string {
	if w.desc {
		return " DESC"
	}
	return " ASC"
}

// apply adds the conditions and the order to a query of the rows.
func (w *window[T]) apply(s *entsql.Selector) {
	for _, f := range w.filters {
		if f.value != nil {
			s.Where(entsql.P(func(b *entsql.Builder) { b.Ident(s.C(f.column)).WriteString(f.operator).Arg(f.value) }))
		}
	}
	if w.page.Search != "" {
		s.Where(entsql.P(func(b *entsql.Builder) { w.writeSearch(b, s) }))
	}
	if w.after != nil {
		s.Where(entsql.P(func(b *entsql.Builder) { w.writeAfter(b, s) }))
	}
	if w.sort.column != "" {
		s.OrderExprFunc(func(b *entsql.Builder) { w.writeColumn(b, s); b.WriteString(w.direction()) })
	}
	order := entsql.Asc
	if w.desc {
		order = entsql.Desc
	}
	s.OrderBy(order(s.C("id")))
	s.Limit(w.page.Limit + 1) // one more shows that another page follows
}

func (w *window[T]) writeSearch(b *entsql.Builder, s *entsql.Selector) {
	pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(w.page.Search) + "%"
	b.WriteByte('(')
	for i, column := range w.listing.search {
		if i > 0 {
			b.WriteString(" OR ")
		}
		b.Ident(s.C(column)).WriteString(" ILIKE ").Arg(pattern)
	}
	b.WriteByte(')')
}

// writeAfter compares (value, id) as the order does.
func (w *window[T]) writeAfter(b *entsql.Builder, s *entsql.Selector) {
	operator := " > "
	if w.desc {
		operator = " < "
	}
	if w.sort.column == "" {
		b.Ident(s.C("id")).WriteString(operator).Arg(w.after.id)
		return
	}
	b.WriteByte('(')
	w.writeColumn(b, s)
	b.WriteString(", ").Ident(s.C("id")).WriteString(")" + operator + "(")
	b.Args(w.sort.decode(w.after.value), w.after.id).WriteByte(')')
}

func (w *window[T]) writeColumn(b *entsql.Builder, s *entsql.Selector) {
	if w.sort.text == nil {
		b.Ident(s.C(w.sort.column))
		return
	}
	b.WriteString("left(").Ident(s.C(w.sort.column)).WriteString(fmt.Sprintf(", %d)", maxSortText))
}

// cut returns a page of 1 to limit items and at most pageBytes.
func (w *window[T]) cut(rows []T) List[T] {
	size := 0
	for i, row := range rows {
		_, bytes := w.listing.measure(row)
		if size += bytes; i == w.page.Limit || i > 0 && size > pageBytes {
			return List[T]{Items: rows[:i], Next: w.pages.cursor(w.scope, w.at(rows[i-1]))}
		}
	}
	return List[T]{Items: rows}
}

func (w *window[T]) at(row T) position {
	id, _ := w.listing.measure(row)
	return position{id: id, value: w.sort.encode(row)}
}

func (s sorting[T]) encode(row T) string {
	switch {
	case s.text != nil:
		return firstCharacters(s.text(row), maxSortText)
	case s.time != nil:
		return string(binary.BigEndian.AppendUint64(nil, uint64(s.time(row).UnixMicro())))
	}
	return ""
}

func (s sorting[T]) decode(value string) any {
	if s.time != nil {
		return time.UnixMicro(int64(binary.BigEndian.Uint64([]byte(value)))).UTC() //nolint:gosec // what encode wrote
	}
	return value
}

// firstCharacters returns at most n characters of a text.
func firstCharacters(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
