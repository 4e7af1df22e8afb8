package operation

import (
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
)

// ListRows returns a page of rows that belong to no tenant, or [ErrCursor]. Fetch returns the rows with ids after the
// given one, in their order, at most limit. Measure returns a row's id and the bytes of its texts. Cursors are of the
// list with the name.
func ListRows[T any](
	p Pages, name string, page Page,
	fetch func(after uuid.UUID, limit int) ([]T, error), measure func(T) (uuid.UUID, int),
) (List[T], error) {
	after, err := p.after(name, tenancy.ID{}, page.Cursor)
	if err != nil {
		return List[T]{}, err
	}
	rows, err := fetch(after, page.Limit+1)
	if err != nil {
		return List[T]{}, err
	}
	return cut(p, name, tenancy.ID{}, page.Limit, rows, measure), nil
}
