package operation

import (
	"context"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/tenancy"
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

// admit returns [ErrLimit] if the context's tenant has at least most rows, by count. Near the limit it locks the
// tenant's row, so that concurrent inserts cannot exceed the limit together. Call it in the transaction of the insert.
func admit(ctx context.Context, tx *ent.Tx, most int, count func(context.Context) (int, error)) error {
	rows, err := count(ctx)
	if err == nil && rows >= most-unlocked {
		if err := lockTenant(ctx, tx); err != nil {
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

// lockTenant locks the row of the context's tenant against other holders of this lock, changes and a purge, but not
// against inserts of rows that reference it.
func lockTenant(ctx context.Context, tx *ent.Tx) error {
	id, err := tenancy.From(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Tenant.Query().Where(tenant.ID(id.UUID()), noKeyUpdate).OnlyID(ctx)
	return translate("lock the tenant", err)
}

func noKeyUpdate(s *entsql.Selector) { s.ForUpdate(entsql.WithLockClause("FOR NO KEY UPDATE")) }
