package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/portallink"
	"github.com/konstruct/konstruct/server/token"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// A mailed link works once, within its lifetime.
const (
	ResetLifetime   = time.Hour
	ConfirmLifetime = 24 * time.Hour
)

// Profiles changes the accounts of users who are logged in or have a mailed link. It is safe for concurrent use.
//
// Passwords are compared and hashed by the Prepare methods, which must be called without a transaction. The other
// methods join the context's transaction.
type Profiles struct {
	logins *Logins
	db     dialect.Driver
}

// NewProfiles uses the passwords, limits and clock of logins. The driver of both must join the context's transaction.
func NewProfiles(logins *Logins, db dialect.Driver) *Profiles {
	return &Profiles{logins: logins, db: db}
}

func (p *Profiles) now() time.Time { return instant(p.logins.clock) }

// link is a link that works, and its user.
type link struct {
	id, user uuid.UUID
	address  string // to which it was mailed
	email    string // of the user
}

const findLink = `
SELECT l.id, l.user_id, l.email, u.email, l.expires_at, l.used_at
FROM portal_links l JOIN portal_users u ON u.id = l.user_id
WHERE l.token_hash = $1 AND l.kind = $2 AND u.disabled_at IS NULL AND u.erased_at IS NULL`

// find returns the link with the token, or a [LinkError].
func (p *Profiles) find(ctx context.Context, kind portallink.Kind, linkToken string) (link, error) {
	hash, ok := token.Hash(token.Link, linkToken)
	if !ok {
		return link{}, &LinkError{Reason: LinkUnknown}
	}
	var (
		l       link
		expires time.Time
		used    sql.NullTime
	)
	err := pgtenant.QueryRow(ctx, p.db, findLink, hash, string(kind)).
		Scan(&l.id, &l.user, &l.address, &l.email, &expires, &used)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return link{}, &LinkError{Reason: LinkUnknown}
	case err != nil:
		return link{}, fmt.Errorf("look up a link: %w", err)
	case used.Valid:
		return link{}, &LinkError{Reason: LinkUsed}
	case !expires.After(p.now()):
		return link{}, &LinkError{Reason: LinkExpired}
	}
	return l, nil
}

// use marks the link as used and deletes the user's other links. Of two concurrent calls, the second returns a
// [LinkError]. Lock the user's row first, as every change of a user does.
func (p *Profiles) use(ctx context.Context, l link) error {
	used, err := pgtenant.Exec(ctx, p.db,
		`UPDATE portal_links SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND expires_at > $2`, l.id, p.now())
	if err != nil {
		return fmt.Errorf("use a link: %w", err)
	}
	if used == 0 {
		return &LinkError{Reason: LinkUsed}
	}
	return voidLinks(ctx, p.db, l.user)
}

// voidLinks deletes the user's links that were not used.
func voidLinks(ctx context.Context, db dialect.ExecQuerier, user uuid.UUID) error {
	_, err := pgtenant.Exec(ctx, db, `DELETE FROM portal_links WHERE user_id = $1 AND used_at IS NULL`, user)
	if err != nil {
		return fmt.Errorf("void a user's links: %w", err)
	}
	return nil
}

// A new link, for the user that follows, and its message in the outbox. The link's token is made when it is mailed.
const (
	newLink = `
WITH link AS (
  INSERT INTO portal_links (id, created_at, kind, email, expires_at, user_id)
  SELECT $1, $2, $3, $4, $5, u.id FROM portal_users u
  WHERE u.disabled_at IS NULL AND u.erased_at IS NULL AND `
	mailedLink = `
  RETURNING id, kind, user_id
), message AS (
  INSERT INTO mail_outbox (id, created_at, not_before, kind, subject_id)
  SELECT $6, $2, $2, kind, id FROM link
)`
)

// linkArgs returns the arguments of newLink and mailedLink.
func linkArgs(kind portallink.Kind, email string, now time.Time, lifetime time.Duration) ([]any, error) {
	id, err1 := uuid.NewV7()
	message, err2 := uuid.NewV7()
	return []any{id, now, string(kind), email, now.Add(lifetime), message}, errors.Join(err1, err2)
}
