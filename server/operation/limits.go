package operation

import (
	"context"
	"database/sql"
	"errors"

	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// The limits of a tenant's rows. A request beyond one returns [ErrLimit].
const (
	MaxMembers           = 1000
	MaxInvitationsPerDay = 200
	MaxMailsPerDay       = 10
	MaxAgents            = 1000
	MaxConnections       = 100
)

// Limit is the number of rows of a class that a tenant can have.
type Limit struct {
	Class string
	Most  int
}

// Limits returns the limits of a tenant, as docs/operations.md lists them.
func Limits() []Limit {
	return []Limit{
		{"agents", MaxAgents},
		{"channel connections", MaxConnections},
		{"members and pending invitations", MaxMembers},
		{"invitations a day", MaxInvitationsPerDay},
		{"mailed invitations a day for an address", MaxMailsPerDay},
	}
}

// unlocked is how far below a limit rows are counted without a lock. More inserts at once could exceed the limit.
const unlocked = 50

// checkLimit returns [ErrLimit] if the context's tenant has at least most rows, by count. Near the limit it locks the
// tenant's row, so that concurrent inserts cannot exceed the limit together. Call it in the transaction of the insert.
func (s *Store) checkLimit(ctx context.Context, most int, count func(context.Context) (int, error)) error {
	rows, err := count(ctx)
	if err == nil && rows >= most-unlocked {
		if _, err := s.lockTenant(ctx, forChange); err != nil {
			return err
		}
		rows, err = count(ctx)
	}
	switch {
	case err != nil:
		return translate("count rows", err)
	case rows >= most:
		return ErrLimit
	}
	return nil
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
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	return status, translate("lock a tenant", err)
}
