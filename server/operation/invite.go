package operation

import (
	"context"
	"database/sql"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/server/token"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// InvitationLifetime is how long the link of an invitation works.
const InvitationLifetime = 7 * 24 * time.Hour

const day = 24 * time.Hour

// NewInvitation describes an invitation to create.
type NewInvitation struct {
	Email, Role string
	InvitedBy   uuid.UUID
}

// Create invites an address, and returns the token of the link unless it is mailed. Returns account.ErrEmail,
// [ErrTaken] if a member or a pending invitation has the address, [ErrLimit], or [ErrNotFound] if the tenant was
// deleted.
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
		now := i.Clock()
		_, err := pgtenant.Exec(ctx, i.DB, `INSERT INTO invitations
			(id, email, role, invited_by, created_at, updated_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)`,
			id, n.Email, n.Role, n.InvitedBy, now, now.Add(InvitationLifetime))
		if err != nil {
			return translate("create an invitation", err)
		}
		if link, err = i.send(ctx, id, n.Email); err != nil {
			return err
		}
		made, err = i.Get(ctx, id)
		return err
	})
	return made, link, err
}

// admit locks the tenant, and refuses an address that is taken and one more than the limits.
func (i *Invitations) admit(ctx context.Context, email string) error {
	if err := i.lockPeople(ctx); err != nil {
		return err
	}
	now := i.Clock()
	_, err := pgtenant.Exec(ctx, i.DB, `UPDATE invitations i SET revoked_at = $2, updated_at = $2
		WHERE email = $1 AND accepted_at IS NULL AND revoked_at IS NULL
		  AND (expires_at <= $2 OR NOT `+inviterMay+`)`, email, now)
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
		WHERE accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $1)`, i.Clock()).Scan(&people)
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
	_, err = pgtenant.Exec(ctx, i.DB, `UPDATE invitations
		SET token_hash = $2, mailed = false, expires_at = $3, updated_at = $4 WHERE id = $1`,
		id, hash, i.Clock().Add(InvitationLifetime), i.Clock())
	if err != nil || !i.Mailing {
		return link, translate("make a link", err)
	}
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return "", err
	}
	var mails int
	err = pgtenant.QueryRow(ctx, i.DB, `SELECT count(*) FROM mail_outbox o JOIN invitations i ON i.id = o.subject_id
		WHERE o.kind = 'invitation' AND o.created_at > $2 AND i.email = $1`, email, i.Clock().Add(-day)).Scan(&mails)
	if err != nil {
		return "", translate("count messages", err)
	}
	if mails >= MaxMailsPerDay {
		return "", ErrLimit
	}
	return "", i.Outbox.Add(ctx, mail.Job{Kind: mail.KindInvitation, TenantID: tenant.UUID(), SubjectID: id})
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
		sent, err = i.Get(ctx, id)
		return err
	})
	return sent, link, err
}
