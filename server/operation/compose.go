package operation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/server/token"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Composer writes the messages of the outbox. It makes the token of a link when the message is sent, so that an earlier
// message's link ends, and stores only its hash.
type Composer struct {
	DB    dialect.ExecQuerier
	Clock func() time.Time
	Links mail.Links
	From  string // an address of RFC 5322
}

// Compose returns the message of a job. ctx must have no tenant. Returns [mail.ErrObsolete] if the invitation or the
// link was used, revoked or has expired, the tenant is not active, or the user is disabled or was erased.
func (c *Composer) Compose(ctx context.Context, job mail.Job) (mail.Message, error) {
	to, text, err := c.text(ctx, job)
	if errors.Is(err, sql.ErrNoRows) {
		return mail.Message{}, mail.ErrObsolete
	}
	if err != nil {
		return mail.Message{}, fmt.Errorf("read what a message is about: %w", err)
	}
	return mail.Compose(c.From, to, text)
}

func (c *Composer) text(ctx context.Context, job mail.Job) (to string, text mail.Text, err error) {
	switch job.Kind {
	case mail.KindInvitation:
		return c.invitation(ctx, job)
	case mail.KindPasswordReset, mail.KindConfirmEmail:
		return c.link(ctx, job)
	case mail.KindEmailChanged, mail.KindPasswordChanged:
		return c.notice(ctx, job)
	}
	return "", nil, fmt.Errorf("%w: unknown kind %s", mail.ErrPermanent, job.Kind)
}

const linkInvitation = `
WITH i AS (
  UPDATE invitations i SET token_hash = $2, mailed = true
  WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $3 AND ` + inviterMay + `
  RETURNING tenant_id, email, role, expires_at, invited_by
)
SELECT i.email, i.role, i.expires_at, t.name, coalesce(inviter.name, '')
FROM i JOIN tenants t ON t.id = i.tenant_id AND t.status = 'active'` + joinInviter

func (c *Composer) invitation(ctx context.Context, job mail.Job) (to string, _ mail.Text, err error) {
	tenant, err := tenancy.FromUUID(job.TenantID)
	if err != nil {
		return "", nil, err
	}
	link, hash := token.New(token.Link)
	text := mail.Invitation{Link: c.Links.Invitation(link)}
	err = pgtenant.QueryRow(tenancy.With(ctx, tenant), c.DB, linkInvitation, job.SubjectID, hash, c.Clock()).
		Scan(&to, &text.Role, &text.Expires, (*string)(&text.Tenant), (*string)(&text.Inviter))
	return to, text, err
}

const linkUser = `
UPDATE portal_links l SET token_hash = $3 FROM portal_users u
WHERE l.id = $1 AND l.kind = $2 AND l.used_at IS NULL AND l.expires_at > $4
  AND u.id = l.user_id AND u.erased_at IS NULL AND u.disabled_at IS NULL
RETURNING l.email, u.name, l.expires_at`

func (c *Composer) link(ctx context.Context, job mail.Job) (to string, _ mail.Text, err error) {
	var name string
	var expires time.Time
	link, hash := token.New(token.Link)
	err = pgtenant.QueryRow(ctx, c.DB, linkUser, job.SubjectID, job.Kind, hash, c.Clock()).
		Scan(&to, &name, &expires)
	if job.Kind == mail.KindConfirmEmail {
		return to, mail.ConfirmEmail{Name: mail.Name(name), Link: c.Links.Confirm(link), Expires: expires}, err
	}
	return to, mail.PasswordReset{Name: mail.Name(name), Link: c.Links.Reset(link), Expires: expires}, err
}

// notice goes to the job's address, which the user no longer has, or to the user's.
func (c *Composer) notice(ctx context.Context, job mail.Job) (to string, _ mail.Text, err error) {
	var name string
	err = pgtenant.QueryRow(ctx, c.DB, `SELECT coalesce(nullif($2, ''), email), name FROM portal_users
		WHERE id = $1 AND erased_at IS NULL`, job.SubjectID, job.Address).Scan(&to, &name)
	if job.Kind == mail.KindEmailChanged {
		return to, mail.EmailChanged{Name: mail.Name(name)}, err
	}
	return to, mail.PasswordChanged{Name: mail.Name(name)}, err
}
