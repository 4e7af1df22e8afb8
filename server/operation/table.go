package operation

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Store is what the operations on every table use.
type Store struct {
	DB     dialect.Driver // joins the context's transaction
	Client *ent.Client    // on DB
	Pages  Pages
	Clock  func() time.Time
	// Permitted applies the access rule of the context's request again. Nil permits all.
	Permitted func(context.Context) error
}

// stillPermitted applies the access rule again. Call it when rows are locked and not yet changed: the request may have
// waited for the change that ended its access, such as a demotion.
func (s *Store) stillPermitted(ctx context.Context) error {
	if s.Permitted == nil {
		return nil
	}
	return s.Permitted(ctx)
}

// The strengths of a lock on a tenant's row. Both keep changes of the row and a purge out, but not inserts of rows that
// reference it.
const (
	forChange = "NO KEY UPDATE"
	forShare  = "SHARE" // with other holders of this lock
)

// lockTenant locks the row of the context's tenant and returns its status. Call it before other rows are locked.
// Returns [ErrNotFound] if the tenant was deleted.
func (s *Store) lockTenant(ctx context.Context, strength string) (status tenant.Status, err error) {
	id, err := tenancy.From(ctx)
	if err != nil {
		return "", err
	}
	err = pgtenant.QueryRow(ctx, s.DB, `SELECT status FROM tenants WHERE id = $1 FOR `+strength, id.UUID()).
		Scan(&status)
	return status, translate("lock a tenant", err)
}

// lockPeople locks the tenant against other changes of its people, and applies the access rule again.
func (s *Store) lockPeople(ctx context.Context) error {
	if _, err := s.lockTenant(ctx, forChange); err != nil {
		return err
	}
	return s.stillPermitted(ctx)
}

// first returns the first row, or [sql.ErrNoRows].
func first[T any](rows []T, err error) (row T, _ error) {
	if err == nil && len(rows) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return row, err
	}
	return rows[0], nil
}

// The methods of Ent's builders for rows of type T and predicates of type P. All tables have the columns id and
// updated_at.
type (
	query[T any, P ~func(*entsql.Selector), Q any] interface {
		Where(predicates ...P) Q
		All(ctx context.Context) ([]*T, error)
		Only(ctx context.Context) (*T, error)
		Exist(ctx context.Context) (bool, error)
	}
	updateOne[T any, P ~func(*entsql.Selector), U any] interface {
		Where(predicates ...P) U
		Save(ctx context.Context) (*T, error)
	}
	deletion[P ~func(*entsql.Selector), D any] interface {
		Where(predicates ...P) D
		Exec(ctx context.Context) (int, error)
	}
)

// list returns a page of q, which has no order of its own, or [ErrCursor].
func list[T any, P ~func(*entsql.Selector), Q query[T, P, Q]](
	ctx context.Context, p Pages, l *listing[*T], page Page, q Q, filters ...filter,
) (List[*T], error) {
	w, err := l.window(ctx, p, page, filters)
	if err != nil {
		return List[*T]{}, err
	}
	rows, err := q.Where(w.apply).All(ctx)
	if err != nil {
		return List[*T]{}, translate("list "+l.name, err)
	}
	return w.cut(rows), nil
}

// listRows returns a page of the rows of a statement, which has no order of its own, or [ErrCursor]. It is for what
// Ent cannot query.
func listRows[T any](
	ctx context.Context, db dialect.ExecQuerier, p Pages, l *listing[T], page Page, s *entsql.Selector,
	scan func(pgtenant.Row) (T, error), filters ...filter,
) (List[T], error) {
	w, err := l.window(ctx, p, page, filters)
	if err != nil {
		return List[T]{}, err
	}
	w.apply(s)
	text, args := s.Query()
	rows, err := pgtenant.Collect(pgtenant.Query(ctx, db, text, args...), scan)
	if err != nil {
		return List[T]{}, translate("list "+l.name, err)
	}
	return w.cut(rows), nil
}

// save updates row id if its version matches.
func save[T any, P ~func(*entsql.Selector), U updateOne[T, P, U], Q query[T, P, Q]](
	ctx context.Context, id uuid.UUID, match Match, u U, q Q,
) (*T, error) {
	if !match.isAny() {
		u.Where(match.in)
	}
	row, err := u.Save(ctx)
	if ent.IsNotFound(err) {
		return nil, unmatched(ctx, id, q)
	}
	return row, translate("update a row", err)
}

// remove deletes row id if its version matches.
func remove[T any, P ~func(*entsql.Selector), D deletion[P, D], Q query[T, P, Q]](
	ctx context.Context, id uuid.UUID, match Match, d D, q Q,
) error {
	d.Where(entsql.FieldEQ("id", id))
	if !match.isAny() {
		d.Where(match.in)
	}
	deleted, err := d.Exec(ctx)
	switch {
	case sqlState(err) == foreignKeyViolation:
		return fmt.Errorf("delete a row: %w (%w)", ErrNotEmpty, err)
	case err == nil && deleted == 0:
		return unmatched(ctx, id, q)
	}
	return translate("delete a row", err)
}

// unmatched returns [ErrStale] if row id exists, or [ErrNotFound].
func unmatched[T any, P ~func(*entsql.Selector), Q query[T, P, Q]](ctx context.Context, id uuid.UUID, q Q) error {
	exists, err := q.Where(entsql.FieldEQ("id", id)).Exist(ctx)
	switch {
	case err != nil:
		return translate("look up a row", err)
	case exists:
		return ErrStale
	}
	return ErrNotFound
}

// lock locks and returns row id if its version matches.
func lock[T any, P ~func(*entsql.Selector), Q query[T, P, Q]](
	ctx context.Context, id uuid.UUID, match Match, q Q, version func(*T) time.Time,
) (*T, error) {
	row, err := q.Where(entsql.FieldEQ("id", id), func(s *entsql.Selector) { s.ForUpdate() }).Only(ctx)
	if err != nil {
		return nil, translate("lock a row", err)
	}
	if !match.has(version(row)) {
		return nil, ErrStale
	}
	return row, nil
}
