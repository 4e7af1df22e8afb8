package operation

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/token"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Link is what the link of an invitation is for.
type Link struct {
	Tenant           tenancy.ID
	TenantName, Slug string
	Email, Role      string
	InvitedBy        string // the name of a member
	ExpiresAt        time.Time
	// NeedsAccount says that the link is accepted with a name and a password. Otherwise the address has an account,
	// whose user must log in.
	NeedsAccount bool

	invitation uuid.UUID
	tokenHash  string
	mailed     bool
	unproven   uuid.UUID // the tenant of the address's account, if it may be taken over
}

// selectLink takes the time as $1 and the hash of the token as $2.
const selectLink = `SELECT i.id, i.email, i.role, i.mailed, i.expires_at, ` + invitationStatus + `,
  t.name, t.slug, t.status, coalesce(inviter.name, ''),
  u.id, coalesce(u.is_admin, false), u.disabled_at, u.unproven_tenant_id
FROM invitations i JOIN tenants t ON t.id = i.tenant_id` + joinInviter + `
  LEFT JOIN portal_users u ON u.email = i.email
WHERE i.token_hash = $2`

// LookUp returns what the link with the token is for. ctx must have no tenant. Returns [account.ErrLink], or
// [ErrSuspended]. An unknown and a malformed token take one round trip, and others two.
func (i *Invitations) LookUp(ctx context.Context, linkToken string) (Link, error) {
	unknown := &account.LinkError{Reason: account.LinkUnknown}
	link := Link{}
	link.tokenHash, _ = token.Hash(token.Link, linkToken) // "" for a malformed token, which no row has
	var found uuid.NullUUID
	err := pgtenant.QueryRow(ctx, i.DB, `SELECT invitation_tenant($1)`, link.tokenHash).Scan(&found)
	if err != nil {
		return Link{}, translate("find the tenant of a link", err)
	}
	if !found.Valid {
		return Link{}, unknown
	}
	if link.Tenant, err = tenancy.FromUUID(found.UUID); err != nil {
		return Link{}, err
	}
	var status string
	var tenantStatus tenant.Status
	var id, unproven uuid.NullUUID
	var user account.User
	err = pgtenant.QueryRow(tenancy.With(ctx, link.Tenant), i.DB, selectLink, i.Clock(), link.tokenHash).Scan(
		&link.invitation, &link.Email, &link.Role, &link.mailed, &link.ExpiresAt, &status, &link.TenantName, &link.Slug,
		&tenantStatus, &link.InvitedBy, &id, &user.IsAdmin, &user.DisabledAt, &unproven)
	if errors.Is(err, sql.ErrNoRows) { // it has been replaced
		return Link{}, unknown
	}
	if err != nil {
		return Link{}, translate("look up a link", err)
	}
	if err := cmp.Or(statusError(status), tenantError(tenantStatus)); err != nil {
		return Link{}, err
	}
	user.UnprovenTenant = unproven.UUID
	if link.mailed && user.MayTakeOver() {
		link.unproven = user.UnprovenTenant
	}
	link.NeedsAccount = !id.Valid || link.unproven != uuid.Nil
	return link, nil
}

// statusError returns the error of an invitation that cannot be accepted, or nil.
func statusError(status string) error {
	reasons := map[string]string{
		invitationAccepted: account.LinkUsed, invitationRevoked: account.LinkRevoked,
		invitationExpired: account.LinkExpired,
	}
	if reason, found := reasons[status]; found {
		return &account.LinkError{Reason: reason}
	}
	return nil
}

// tenantError returns the error of a tenant that new members cannot join, or nil.
func tenantError(status tenant.Status) error {
	switch status {
	case tenant.StatusSuspended:
		return ErrSuspended
	case tenant.StatusPurging:
		return &account.LinkError{Reason: account.LinkUnknown}
	case tenant.StatusActive:
	}
	return nil
}
