package account

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Membership is a role of a user in a tenant.
type Membership struct {
	TenantID                       uuid.UUID
	TenantName, TenantSlug, Status string
	Role                           Role
}

// maxMemberships bounds the memberships that are returned.
const maxMemberships = 1000

const memberships = `
SELECT t.id, t.name, t.slug, t.status, m.role
FROM session_tenants($1) m JOIN tenants t ON t.id = m.tenant_id
WHERE t.status <> 'purging' ORDER BY t.name, t.id LIMIT $2`

// Memberships returns the principal's roles, by the name of the tenant, without tenants that are being deleted: at most
// 1,000. ctx must have no tenant.
func (s *Sessions) Memberships(ctx context.Context, p Principal) ([]Membership, error) {
	all, err := pgtenant.Collect(pgtenant.Query(ctx, s.db, memberships, p.tokenHash, maxMemberships),
		func(row pgtenant.Row) (m Membership, err error) {
			err = row.Scan(&m.TenantID, &m.TenantName, &m.TenantSlug, &m.Status, &m.Role)
			return m, err
		})
	if err != nil {
		return nil, fmt.Errorf("list memberships: %w", err)
	}
	return all, nil
}

// A version of a row is newer than the last one, even if the clock is behind.
const nextVersion = ` updated_at = greatest($2, updated_at + interval '1 microsecond') `

const rename = `UPDATE portal_users SET name = $3,` + nextVersion + `
WHERE id = $1 AND disabled_at IS NULL`

// Rename changes the name of a user and returns it. Returns [ErrName], or [ErrNoSession] if the user was disabled.
func (p *Profiles) Rename(ctx context.Context, user uuid.UUID, name string) (string, error) {
	name, err := NormalizeName(name)
	if err != nil {
		return "", err
	}
	renamed, err := pgtenant.Exec(ctx, p.db, rename, user, p.now(), name)
	if err != nil {
		return "", fmt.Errorf("rename a user: %w", err)
	}
	if renamed == 0 {
		return "", ErrNoSession
	}
	return name, nil
}
