package account

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/portallink"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// ResetRequest asks for a link to set a new password.
type ResetRequest struct {
	Email string
	// Client is the client's network address, as in [Attempt].
	Client netip.Addr
	// Action, RequestID and Address are those of the audit event.
	Action, RequestID, Address string
}

// One statement queues the link and records the event, so that an unknown address takes as many round trips.
const resetLink = newLink + `u.email = $4` + mailedLink + `
INSERT INTO platform_audit_events (id, created_at, action, object_type, object_id, request_id, address)
SELECT $7, $2, $8, 'user', user_id, $9, $10 FROM link`

// RequestReset queues a link to the user with the address. An unknown or invalid address, a disabled user and an
// address to which too much was mailed are no errors, and take the same statements. Returns [ErrTooManyAttempts] after
// too many requests of the client.
//
// The attempt is counted in the transaction that queues the link, so each commit writes.
func (p *Profiles) RequestReset(ctx context.Context, r ResetRequest) error {
	email, _ := NormalizeEmail(r.Email) // "" for an invalid address, which no user has
	attempts, limits, now := p.logins.attempts, p.logins.limits, p.now()
	client := clientOf(r.Client)
	toAddress := counter{attempts.mailKey("address", cmp.Or(email, r.Email)), limits.Mail}
	byClient := counter{attempts.mailKey("client", client.String()), limits.MailClient}
	counters := []counter{toAddress, byClient}
	if !client.IsValid() {
		counters = counters[:1]
	}
	return pgtenant.InTx(ctx, p.db.Tx, func(ctx context.Context, _ dialect.Tx) error {
		over, err := attempts.add(ctx, now, counters)
		if err != nil {
			return err
		}
		if wait, ok := over[byClient.key]; ok { // the rollback refunds the attempt
			return &AttemptsError{RetryAfter: wait}
		}
		if _, ok := over[toAddress.key]; ok {
			return nil
		}
		args, err := linkArgs(portallink.KindPasswordReset, email, now, ResetLifetime)
		if err != nil {
			return err
		}
		event, err := uuid.NewV7()
		if err != nil {
			return err
		}
		_, err = pgtenant.Exec(ctx, p.db, resetLink, append(args, event, r.Action, r.RequestID, r.Address)...)
		if err != nil {
			return fmt.Errorf("queue a link: %w", err)
		}
		return nil
	})
}

// Reset is a new password for the user of a link.
type Reset struct {
	link link
	hash string
}

// UserID returns the user of the link.
func (r Reset) UserID() uuid.UUID { return r.link.user }

// PrepareReset hashes a new password if the link works. Returns [ErrPassword] before anything else, a [LinkError],
// [ErrBusy] or the hasher's error.
func (p *Profiles) PrepareReset(ctx context.Context, linkToken, password string, client netip.Addr) (Reset, error) {
	if err := CheckPassword(password); err != nil {
		return Reset{}, err
	}
	l, err := p.find(ctx, portallink.KindPasswordReset, linkToken)
	if err != nil {
		return Reset{}, err
	}
	if l.address != l.email { // the user's address was changed since
		return Reset{}, &LinkError{Reason: LinkUnknown}
	}
	hash, err := p.logins.HashPassword(ctx, password, client)
	return Reset{link: l, hash: hash}, err
}

const resetPassword = `UPDATE portal_users SET hashed_password = $4, unproven_tenant_id = NULL,` + nextVersion + `
WHERE id = $1 AND email = $3 AND disabled_at IS NULL AND erased_at IS NULL`

// ResetPassword stores the password, uses the link, ends all sessions of the user, voids the other links and clears the
// failed attempts. The address, to which the link was mailed, is proven. Returns a [LinkError] if the link was used
// since, or the user was disabled. Call it in a transaction.
func (p *Profiles) ResetPassword(ctx context.Context, r Reset) error {
	l := r.link
	stored, err := pgtenant.Exec(ctx, p.db, resetPassword, l.user, p.now(), l.email, r.hash)
	if err != nil {
		return fmt.Errorf("reset a password: %w", err)
	}
	if stored == 0 {
		return &LinkError{Reason: LinkUnknown}
	}
	if err := p.use(ctx, l); err != nil {
		return err
	}
	if _, err := EndSessions(ctx, p.db, l.user, "", p.now()); err != nil {
		return err
	}
	return p.logins.attempts.Clear(ctx, l.email)
}
