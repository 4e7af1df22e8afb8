package operation

import (
	"context"
	"database/sql"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/token"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// The limits of a tenant. Reaching one is [ErrLimit].
const (
	// MaxMembers bounds members and pending invitations together.
	MaxMembers = 1000
	// MaxInvitationsPerDay bounds the invitations that are made in 24 hours.
	MaxInvitationsPerDay = 200
	// MaxMailsPerDay bounds the invitations that are mailed to one address in 24 hours.
	MaxMailsPerDay = 10
)

// InvitationLifetime is how long the link of an invitation works.
const InvitationLifetime = 7 * 24 * time.Hour

const day = 24 * time.Hour

// Invitations manages the invitations of the context's tenant, except for [Invitations.LookUp] and [Invitations.Accept],
// which find the tenant by the token of a link.
type Invitations struct {
	DB     dialect.Driver // joins the context's transaction
	Pages  Pages
	Clock  func() time.Time
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

// selectInvitations takes the time as $1 and the tenant as $2.
const selectInvitations = `SELECT * FROM (
SELECT i.id, i.tenant_id, i.email, i.role, CASE WHEN i.accepted_at IS NOT NULL THEN 'accepted'
  WHEN i.revoked_at IS NOT NULL THEN 'revoked' WHEN i.expires_at <= $1 THEN 'expired' ELSE 'pending' END AS status,
  i.invited_by, coalesce(u.name, ''), i.created_at, i.expires_at, i.accepted_at
FROM invitations i LEFT JOIN portal_users u ON u.id = i.invited_by WHERE i.tenant_id = $2) AS t `

func scanInvitation(row pgtenant.Row) (i Invitation, err error) {
	err = row.Scan(&i.ID, &i.TenantID, &i.Email, &i.Role, &i.Status, &i.InvitedBy, &i.InvitedByName, &i.CreatedAt,
		&i.ExpiresAt, &i.AcceptedAt)
	return i, err
}

// List returns a page of invitations, the newest first, or [ErrCursor]. A status selects those that have it.
func (i *Invitations) List(ctx context.Context, status string, page Page) (List[Invitation], error) {
	name := "invitations " + status
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return List[Invitation]{}, err
	}
	before, err := i.Pages.after(name, tenant, page.Cursor)
	if err != nil {
		return List[Invitation]{}, err
	}
	if before == uuid.Nil {
		before = uuid.Max
	}
	rows, err := pgtenant.Collect(pgtenant.Query(ctx, i.DB,
		selectInvitations+`WHERE id < $3 AND ($4 = '' OR status = $4) ORDER BY id DESC LIMIT $5`,
		i.now(), tenant.UUID(), before, status, page.Limit+1), scanInvitation)
	if err != nil {
		return List[Invitation]{}, translate("list invitations", err)
	}
	return cut(i.Pages, name, tenant, page.Limit, rows, func(row Invitation) (uuid.UUID, int) {
		return row.ID, len(row.Email) + len(row.InvitedByName)
	}), nil
}

// NewInvitation describes an invitation to create.
type NewInvitation struct {
	Email, Role string
	InvitedBy   uuid.UUID
}

// Create invites an address, and returns the token of the link unless it is mailed. Returns account.ErrEmail,
// [ErrTaken] if a member or a pending invitation has the address, [ErrLimit], or [ErrNotFound] if the tenant was deleted.
func (i *Invitations) Create(ctx context.Context, n NewInvitation) (made Invitation, link string, err error) {
	if n.Email, err = account.NormalizeEmail(n.Email); err != nil {
		return Invitation{}, "", err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Invitation{}, "", err
	}
	err = pgtenant.InTx(ctx, i.DB.Tx, func(ctx context.Context, _ dialect.Tx) error {
		if err := i.admit(ctx, n.Email); err != nil {
			return err
		}
		now := i.now()
		_, err := pgtenant.Exec(ctx, i.DB, `INSERT INTO invitations (id, email, role, invited_by, created_at, updated_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $5, $6)`, id, n.Email, n.Role, n.InvitedBy, now, now.Add(InvitationLifetime))
		if err != nil {
			return translate("create an invitation", err)
		}
		if link, err = i.send(ctx, id, n.Email); err != nil {
			return err
		}
		made, err = i.get(ctx, id)
		return err
	})
	return made, link, err
}

// admit locks the tenant, and refuses an address that is taken and one more than the limits.
func (i *Invitations) admit(ctx context.Context, email string) error {
	if _, err := lockTenant(ctx, i.DB, "NO KEY UPDATE"); err != nil {
		return err
	}
	now := i.now()
	_, err := pgtenant.Exec(ctx, i.DB, `UPDATE invitations SET revoked_at = $2, updated_at = $2
		WHERE email = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at <= $2`, email, now)
	if err != nil {
		return translate("replace an expired invitation", err)
	}
	var taken bool
	var today int
	err = pgtenant.QueryRow(ctx, i.DB, `SELECT
		EXISTS (SELECT FROM invitations WHERE email = $1 AND accepted_at IS NULL AND revoked_at IS NULL) OR
		EXISTS (SELECT FROM memberships m JOIN portal_users u ON u.id = m.user_id WHERE u.email = $1),
		(SELECT count(*) FROM invitations WHERE created_at > $2)`, email, now.Add(-day)).Scan(&taken, &today)
	switch {
	case err != nil:
		return translate("count invitations", err)
	case taken:
		return &TakenError{Field: "email", Own: true}
	case today >= MaxInvitationsPerDay:
		return ErrLimit
	}
	return i.requireRoom(ctx)
}

// requireRoom returns [ErrLimit] if the tenant has as many members and pending invitations as it may have.
func (i *Invitations) requireRoom(ctx context.Context) error {
	var people int
	err := pgtenant.QueryRow(ctx, i.DB, `SELECT (SELECT count(*) FROM memberships) + (SELECT count(*) FROM invitations
		WHERE accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $1)`, i.now()).Scan(&people)
	if err != nil {
		return translate("count members", err)
	}
	if people >= MaxMembers {
		return ErrLimit
	}
	return nil
}

// send queues the mail of an invitation, or makes the token of its link and returns it. The former link ends.
func (i *Invitations) send(ctx context.Context, id uuid.UUID, email string) (link string, err error) {
	var hash sql.NullString
	if !i.Mailing {
		link, hash.String = token.New(token.Link)
		hash.Valid = true
	}
	_, err = pgtenant.Exec(ctx, i.DB, `UPDATE invitations SET token_hash = $2, mailed = false, expires_at = $3, updated_at = $4
		WHERE id = $1`, id, hash, i.now().Add(InvitationLifetime), i.now())
	if err != nil || !i.Mailing {
		return link, translate("make a link", err)
	}
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return "", err
	}
	var mails int
	err = pgtenant.QueryRow(ctx, i.DB, `SELECT count(*) FROM mail_outbox o JOIN invitations i ON i.id = o.subject_id
		WHERE o.kind = 'invitation' AND o.created_at > $2 AND i.email = $1`, email, i.now().Add(-day)).Scan(&mails)
	if err != nil {
		return "", translate("count messages", err)
	}
	if mails >= MaxMailsPerDay {
		return "", ErrLimit
	}
	return "", i.Outbox.Add(ctx, Mail{Kind: "invitation", Tenant: tenant.UUID(), Subject: id})
}

// Resend replaces the link of an invitation that is pending or expired, and returns the token unless it is mailed. The
// former link ends, and the new one works for [InvitationLifetime]. Returns [ErrNotFound], account.ErrLink if the
// invitation was accepted or revoked, or [ErrLimit].
func (i *Invitations) Resend(ctx context.Context, id uuid.UUID) (sent Invitation, link string, err error) {
	err = pgtenant.InTx(ctx, i.DB.Tx, func(ctx context.Context, _ dialect.Tx) error {
		if sent, err = i.locked(ctx, id); err != nil {
			return err
		}
		if sent.Status == invitationExpired { // it counts again
			if err := i.requireRoom(ctx); err != nil {
				return err
			}
		}
		if link, err = i.send(ctx, id, sent.Email); err != nil {
			return err
		}
		sent, err = i.get(ctx, id)
		return err
	})
	return sent, link, err
}

// Revoke ends an invitation. Returns [ErrNotFound], or account.ErrLink if it was accepted or revoked.
func (i *Invitations) Revoke(ctx context.Context, id uuid.UUID) error {
	return pgtenant.InTx(ctx, i.DB.Tx, func(ctx context.Context, _ dialect.Tx) error {
		if _, err := i.locked(ctx, id); err != nil {
			return err
		}
		_, err := pgtenant.Exec(ctx, i.DB, `UPDATE invitations SET revoked_at = $2, updated_at = $2 WHERE id = $1`,
			id, i.now())
		return translate("revoke an invitation", err)
	})
}

// locked locks the tenant, and so its invitations, and returns one that has not ended, except by its time.
func (i *Invitations) locked(ctx context.Context, id uuid.UUID) (Invitation, error) {
	if _, err := lockTenant(ctx, i.DB, "NO KEY UPDATE"); err != nil {
		return Invitation{}, err
	}
	row, err := i.get(ctx, id)
	switch {
	case err != nil:
		return Invitation{}, err
	case row.Status == invitationAccepted:
		return Invitation{}, &account.LinkError{Reason: account.LinkUsed}
	case row.Status == invitationRevoked:
		return Invitation{}, &account.LinkError{Reason: account.LinkRevoked}
	}
	return row, nil
}

func (i *Invitations) get(ctx context.Context, id uuid.UUID) (Invitation, error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return Invitation{}, err
	}
	rows, err := pgtenant.Collect(pgtenant.Query(ctx, i.DB, selectInvitations+`WHERE id = $3`, i.now(), tenant.UUID(), id),
		scanInvitation)
	if err != nil {
		return Invitation{}, translate("get an invitation", err)
	}
	if len(rows) == 0 {
		return Invitation{}, ErrNotFound
	}
	return rows[0], nil
}

func (i *Invitations) now() time.Time { return i.Clock().UTC().Truncate(time.Microsecond) }
