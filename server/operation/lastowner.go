package operation

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// LastOwnerError is [ErrLastOwner] with the tenants that would have no enabled owner.
type LastOwnerError struct{ Tenants []uuid.UUID }

// Error implements error.
func (e *LastOwnerError) Error() string { return fmt.Sprintf("%v: %v", ErrLastOwner, e.Tenants) }

// Unwrap returns [ErrLastOwner].
func (e *LastOwnerError) Unwrap() error { return ErrLastOwner }

// UserTenant is a user's role in a tenant.
type UserTenant struct {
	TenantID uuid.UUID
	Role     string
	// sole says that the tenant has no other enabled owner.
	sole bool
}

// The join tells a session that has ended, for which user_tenants returns no row, from a user without a tenant.
const selectUserTenants = `
SELECT m.tenant_id, m.role, m.sole_owner AND t.status <> 'purging'
FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id
  LEFT JOIN user_tenants($1, $2) m ON true LEFT JOIN tenants t ON t.id = m.tenant_id
WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > now()
  AND s.last_seen_at > now() - interval '12 hours' AND u.disabled_at IS NULL AND u.is_admin
ORDER BY m.tenant_id`

// userTenants returns the roles of a user in all tenants. By is the hash of a platform admin's session token. Returns
// account.ErrNoSession if that session has ended.
func userTenants(ctx context.Context, db dialect.ExecQuerier, by string, user uuid.UUID) ([]UserTenant, error) {
	all, err := pgtenant.Collect(pgtenant.Query(ctx, db, selectUserTenants, by, user),
		func(row pgtenant.Row) (one UserTenant, err error) {
			var tenant uuid.NullUUID
			var role sql.NullString
			var sole sql.NullBool
			err = row.Scan(&tenant, &role, &sole)
			one.TenantID, one.Role, one.sole = tenant.UUID, role.String, sole.Bool
			return one, err
		})
	if err != nil {
		return nil, fmt.Errorf("list a user's tenants: %w", err)
	}
	if len(all) == 0 {
		return nil, account.ErrNoSession
	}
	return slices.DeleteFunc(all, func(one UserTenant) bool { return one.TenantID == uuid.Nil }), nil
}

const lockUserTenants = `
SELECT id FROM tenants WHERE id IN (SELECT tenant_id FROM user_tenants($1, $2)) ORDER BY id FOR NO KEY UPDATE`

// lockedTenants are the tenants of a user, whose rows are locked.
type lockedTenants struct {
	ids []uuid.UUID
	// last is a [LastOwnerError] if the user is the only owner of one, or nil.
	last error
}

// lockTenants locks the rows of a user's tenants in the order of their ids, so that no other owner of them can leave
// before the end of the transaction.
func (u *Users) lockTenants(ctx context.Context, by string, user uuid.UUID) (locked lockedTenants, err error) {
	for {
		locked.ids, err = pgtenant.Collect(
			pgtenant.Query(ctx, u.DB, lockUserTenants, by, user), pgtenant.RowTo[uuid.UUID])
		if err != nil {
			return locked, fmt.Errorf("lock a user's tenants: %w", err)
		}
		tenants, err := userTenants(ctx, u.DB, by, user)
		if err != nil {
			return locked, err
		}
		joined := func(one UserTenant) bool { return !slices.Contains(locked.ids, one.TenantID) }
		if slices.ContainsFunc(tenants, joined) { // while the others were locked
			continue
		}
		var sole []uuid.UUID
		for _, one := range tenants {
			if one.sole {
				sole = append(sole, one.TenantID)
			}
		}
		if sole != nil {
			locked.last = &LastOwnerError{Tenants: sole}
		}
		return locked, nil
	}
}

// lockAdmins locks the rows of all enabled platform admins. Returns account.ErrLastAdmin if the user is the only one.
func (u *Users) lockAdmins(ctx context.Context, user uuid.UUID) error {
	admins, err := pgtenant.Collect(pgtenant.Query(ctx, u.DB,
		`SELECT id FROM portal_users WHERE is_admin AND disabled_at IS NULL ORDER BY id FOR NO KEY UPDATE`),
		pgtenant.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("lock the platform admins: %w", err)
	}
	if len(admins) == 1 && admins[0] == user {
		return account.ErrLastAdmin
	}
	return nil
}
