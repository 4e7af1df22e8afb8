package operation

import (
	"context"

	"github.com/google/uuid"
)

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
