package operation

import (
	"context"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Invitations manages the invitations of the context's tenant, except for [Invitations.LookUp] and
// [Invitations.Accept], which find the tenant by the token of a link.
type Invitations struct {
	Store

	Outbox *Outbox
	// Mailing says that links are mailed. Otherwise Create and Resend return them.
	Mailing bool
}

// Invitation invites an address to the tenant.
type Invitation struct {
	ID, TenantID uuid.UUID
	Email, Role  string
	// Status is pending, accepted, revoked or expired.
	Status        string
	InvitedBy     uuid.UUID
	InvitedByName string
	CreatedAt     time.Time
	ExpiresAt     time.Time
	AcceptedAt    *time.Time
}

const (
	invitationAccepted = "accepted"
	invitationRevoked  = "revoked"
	invitationExpired  = "expired"
)

// inviterMay is true while the user who sent invitation i may invite. Otherwise people whose access has ended could
// return by an invitation of their own.
const inviterMay = `EXISTS (SELECT FROM portal_users b
  LEFT JOIN memberships bm ON bm.tenant_id = i.tenant_id AND bm.user_id = b.id
  WHERE b.id = i.invited_by AND b.disabled_at IS NULL AND (b.is_admin OR bm.role = 'owner'))`

// invitationStatus takes the time as $1.
const invitationStatus = `CASE WHEN i.accepted_at IS NOT NULL THEN 'accepted'
  WHEN i.revoked_at IS NOT NULL OR NOT ` + inviterMay + ` THEN 'revoked'
  WHEN i.expires_at <= $1 THEN 'expired' ELSE 'pending' END`

// joinInviter finds the name of who sent invitation i, if that is a member. Tenants do not learn the names of platform
// admins.
const joinInviter = ` LEFT JOIN memberships m ON m.tenant_id = i.tenant_id AND m.user_id = i.invited_by
  LEFT JOIN portal_users inviter ON inviter.id = m.user_id`

// selectInvitations takes the time as $1 and the tenant as $2.
const selectInvitations = `SELECT i.id, i.tenant_id, i.email, i.role, ` + invitationStatus + `,
  i.invited_by, coalesce(inviter.name, ''), i.created_at, i.expires_at, i.accepted_at
FROM invitations i` + joinInviter + ` WHERE i.tenant_id = $2 AND `

func scanInvitation(row pgtenant.Row) (i Invitation, err error) {
	err = row.Scan(&i.ID, &i.TenantID, &i.Email, &i.Role, &i.Status, &i.InvitedBy, &i.InvitedByName, &i.CreatedAt,
		&i.ExpiresAt, &i.AcceptedAt)
	return i, err
}

// List returns a page of invitations, the newest first, or [ErrCursor]. A status selects those that have it.
func (i *Invitations) List(ctx context.Context, status string, page Page) (List[Invitation], error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return List[Invitation]{}, err
	}
	page.Sort = newestFirst
	return ListByID(ctx, i.Pages, "invitations "+status, page,
		func(before uuid.UUID, limit int) ([]Invitation, error) {
			return pgtenant.Collect(pgtenant.Query(ctx, i.DB,
				selectInvitations+`i.id < $3 AND $4 IN ('', `+invitationStatus+`) ORDER BY i.id DESC LIMIT $5`,
				i.Clock(), tenant.UUID(), before, status, limit), scanInvitation)
		},
		func(row Invitation) (uuid.UUID, int) { return row.ID, len(row.Email) + len(row.InvitedByName) })
}

// Get returns an invitation, or [ErrNotFound].
func (i *Invitations) Get(ctx context.Context, id uuid.UUID) (Invitation, error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return Invitation{}, err
	}
	row, err := first(pgtenant.Collect(
		pgtenant.Query(ctx, i.DB, selectInvitations+`i.id = $3`, i.Clock(), tenant.UUID(), id), scanInvitation))
	return row, translate("get an invitation", err)
}

// Revoke ends an invitation. Returns [ErrNotFound], or account.ErrLink if it was accepted or revoked.
func (i *Invitations) Revoke(ctx context.Context, id uuid.UUID) error {
	return pgtenant.InTx(ctx, i.DB.Tx, func(ctx context.Context, _ dialect.Tx) error {
		if _, err := i.locked(ctx, id); err != nil {
			return err
		}
		_, err := pgtenant.Exec(ctx, i.DB, `UPDATE invitations SET revoked_at = $2, updated_at = $2 WHERE id = $1`,
			id, i.Clock())
		return translate("revoke an invitation", err)
	})
}

// locked locks the tenant, and so its invitations, and returns one that has not ended, except by its time.
func (i *Invitations) locked(ctx context.Context, id uuid.UUID) (Invitation, error) {
	if err := i.lockPeople(ctx); err != nil {
		return Invitation{}, err
	}
	row, err := i.Get(ctx, id)
	if err != nil || row.Status == invitationExpired {
		return row, err
	}
	return row, statusError(row.Status)
}
