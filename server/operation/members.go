package operation

import (
	"context"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const owner = string(account.Owner)

// Members manages who works in the context's tenant, and as what.
type Members struct{ Store }

// Member is a user with a role in the tenant.
type Member struct {
	ID          uuid.UUID // of the membership
	UserID      uuid.UUID
	Email, Name string
	// Disabled users cannot log in.
	Disabled             bool
	Role                 string
	CreatedAt, UpdatedAt time.Time
}

const selectMembers = `SELECT m.id, m.user_id, u.email, u.name, u.disabled_at IS NOT NULL, m.role,
  m.created_at, m.updated_at
FROM memberships m JOIN portal_users u ON u.id = m.user_id WHERE m.tenant_id = $1 AND `

func scanMember(row pgtenant.Row) (m Member, err error) {
	err = row.Scan(&m.ID, &m.UserID, &m.Email, &m.Name, &m.Disabled, &m.Role, &m.CreatedAt, &m.UpdatedAt)
	return m, err
}

// List returns a page of members in the order in which they joined, or [ErrCursor].
func (m *Members) List(ctx context.Context, page Page) (List[Member], error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return List[Member]{}, err
	}
	return ListByID(ctx, m.Pages, "members", page,
		func(after uuid.UUID, limit int) ([]Member, error) {
			return pgtenant.Collect(pgtenant.Query(ctx, m.DB, selectMembers+`m.id > $2 ORDER BY m.id LIMIT $3`,
				tenant.UUID(), after, limit), scanMember)
		},
		func(row Member) (uuid.UUID, int) { return row.ID, len(row.Email) + len(row.Name) })
}

// Get returns the member with the user's id, or [ErrNotFound].
func (m *Members) Get(ctx context.Context, user uuid.UUID) (Member, error) {
	return m.get(ctx, user, "")
}

// get returns a member, and locks the membership if lock says so.
func (m *Members) get(ctx context.Context, user uuid.UUID, lock string) (Member, error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return Member{}, err
	}
	member, err := first(pgtenant.Collect(
		pgtenant.Query(ctx, m.DB, selectMembers+`m.user_id = $2`+lock, tenant.UUID(), user), scanMember))
	return member, translate("get a member", err)
}

// SetRole changes a member's role, and returns the member and the former role. Returns [ErrNotFound], [ErrStale] or
// [ErrLastOwner].
func (m *Members) SetRole(
	ctx context.Context, user uuid.UUID, match Match, role string,
) (changed Member, former string, err error) {
	err = pgtenant.InTx(ctx, m.DB.Tx, func(ctx context.Context, _ dialect.Tx) error {
		changed, err = m.locked(ctx, user, match)
		if err != nil {
			return err
		}
		former = changed.Role
		if err := m.setRole(ctx, &changed, role); err != nil || former != owner || role == owner {
			return err
		}
		return m.endOwner(ctx, user)
	})
	return changed, former, err
}

func (m *Members) setRole(ctx context.Context, member *Member, role string) error {
	member.Role, member.UpdatedAt = role, MatchVersions(member.UpdatedAt).next(m.Clock())
	_, err := pgtenant.Exec(ctx, m.DB, `UPDATE memberships SET role = $2, updated_at = $3 WHERE id = $1`,
		member.ID, member.Role, member.UpdatedAt)
	return translate("change a role", err)
}

// Remove ends a membership, and returns its role. Returns [ErrNotFound], [ErrStale] or [ErrLastOwner].
func (m *Members) Remove(ctx context.Context, user uuid.UUID, match Match) (role string, err error) {
	err = pgtenant.InTx(ctx, m.DB.Tx, func(ctx context.Context, _ dialect.Tx) error {
		member, err := m.locked(ctx, user, match)
		if err != nil {
			return err
		}
		role = member.Role
		if _, err := pgtenant.Exec(ctx, m.DB, `DELETE FROM memberships WHERE id = $1`, member.ID); err != nil {
			return translate("remove a member", err)
		}
		if role != owner {
			return nil
		}
		return m.endOwner(ctx, user)
	})
	return role, err
}

// endOwner revokes the invitations by a user who is no longer an owner, who could return by one of them. Returns
// [ErrLastOwner] if no owner is left.
func (m *Members) endOwner(ctx context.Context, user uuid.UUID) error {
	_, err := pgtenant.Exec(ctx, m.DB, `UPDATE invitations SET revoked_at = $2, updated_at = $2
		WHERE invited_by = $1 AND accepted_at IS NULL AND revoked_at IS NULL`, user, m.Clock())
	if err != nil {
		return translate("revoke invitations", err)
	}
	return m.requireOwner(ctx)
}

// locked locks the tenant and the member. Changes of members wait for each other, so that two owners who demote each
// other do not both find the other one.
func (m *Members) locked(ctx context.Context, user uuid.UUID, match Match) (Member, error) {
	if err := m.lockPeople(ctx); err != nil {
		return Member{}, err
	}
	member, err := m.get(ctx, user, ` FOR UPDATE OF m`)
	if err != nil {
		return Member{}, err
	}
	if !match.has(member.UpdatedAt) {
		return Member{}, ErrStale
	}
	return member, nil
}

// requireOwner returns [ErrLastOwner] if no enabled owner is left. Disabled ones cannot log in. The tenant must be
// locked.
func (m *Members) requireOwner(ctx context.Context) error {
	var owned bool
	err := pgtenant.QueryRow(ctx, m.DB, `SELECT EXISTS (
		SELECT FROM memberships m JOIN portal_users u ON u.id = m.user_id
		WHERE m.role = 'owner' AND u.disabled_at IS NULL)`).Scan(&owned)
	if err != nil {
		return translate("look for an owner", err)
	}
	if !owned {
		return ErrLastOwner
	}
	return nil
}
