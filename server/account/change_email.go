package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/ent/portallink"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// The password must still be the one that was confirmed.
const lockUser = `SELECT id FROM portal_users
WHERE id = $1 AND hashed_password = $2 AND disabled_at IS NULL AND erased_at IS NULL FOR NO KEY UPDATE`

// The user's own address is mailed too: the link proves it.
const confirmLink = newLink + `u.id = $7
    AND NOT EXISTS (SELECT FROM portal_users o WHERE o.email = $4 AND o.id <> u.id)` + mailedLink + `
SELECT count(*) FROM link`

// RequestEmail queues a link to a new, normalized address and voids earlier ones, so that a mistyped address is not
// confirmed later. If another user has the address, or too much was mailed to it, nothing is mailed, and the caller
// does not learn it. It reports whether the present address may be told of the request, which it is unless it is the
// same or was told too often. Returns [ErrTooManyAttempts] after too many requests of the user, or
// [ErrIncorrect] if the password was changed since. Call it in a transaction.
func (p *Profiles) RequestEmail(ctx context.Context, c Confirmed, email string) (tell bool, err error) {
	attempts, limits, now := p.logins.attempts, p.logins.limits, p.now()
	// Counted separately from the links for a new password: users can enter other people's addresses here, which are
	// counted although nothing is mailed to them.
	toAddress := counter{attempts.mailKey("new address", email), limits.Mail}
	byUser := counter{attempts.mailKey("user", c.user.ID.String()), limits.MailClient}
	counters := []counter{toAddress, byUser}
	notices := counter{attempts.mailKey("noticed user", c.user.ID.String()), limits.Mail}
	if email != c.user.Email {
		counters = append(counters, notices)
	}
	over, err := attempts.add(ctx, now, counters)
	if err != nil {
		return false, err
	}
	if wait, ok := over[byUser.key]; ok {
		return false, &AttemptsError{RetryAfter: wait}
	}
	var id uuid.UUID
	err = pgtenant.QueryRow(ctx, p.db, lockUser, c.user.ID, c.hash).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, ErrIncorrect
	}
	if err != nil {
		return false, fmt.Errorf("lock a user: %w", err)
	}
	_, err = pgtenant.Exec(ctx, p.db, `DELETE FROM portal_links WHERE user_id = $1 AND kind = $2 AND used_at IS NULL`,
		c.user.ID, string(portallink.KindConfirmEmail))
	if err != nil {
		return false, fmt.Errorf("void links: %w", err)
	}
	_, isOver := over[notices.key]
	tell = email != c.user.Email && !isOver
	if _, isOver := over[toAddress.key]; isOver {
		return tell, nil
	}
	args, err := linkArgs(portallink.KindConfirmEmail, email, now, ConfirmLifetime)
	if err != nil {
		return false, err
	}
	if _, err := pgtenant.Exec(ctx, p.db, confirmLink, append(args, c.user.ID)...); err != nil {
		return false, fmt.Errorf("queue a link: %w", err)
	}
	return tell, nil
}

const changeEmail = `UPDATE portal_users SET email = $4, unproven_tenant_id = NULL,` + nextVersion + `
WHERE id = $1 AND email = $3 AND disabled_at IS NULL AND erased_at IS NULL`

// ConfirmEmail changes the address of the link's user to the one that the link was mailed to, which is then proven, and
// voids the user's other links. Sessions stay. It returns the user's id, a [LinkError], or [ErrTaken] if another user
// has the address. Call it in a transaction.
func (p *Profiles) ConfirmEmail(ctx context.Context, linkToken string) (uuid.UUID, error) {
	l, err := p.find(ctx, portallink.KindConfirmEmail, linkToken)
	if err != nil {
		return uuid.Nil, err
	}
	changed, err := pgtenant.Exec(ctx, p.db, changeEmail, l.user, p.now(), l.email, l.address)
	if db, ok := errors.AsType[*pgconn.PgError](err); ok && db.Code == uniqueViolation {
		return uuid.Nil, ErrTaken
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("change an address: %w", err)
	}
	if changed == 0 { // a concurrent request used the link, or changed the user
		return uuid.Nil, &LinkError{Reason: LinkUsed}
	}
	return l.user, p.use(ctx, l)
}
