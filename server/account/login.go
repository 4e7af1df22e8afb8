package account

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// LoginOptions is what [NewLogins] needs. Limit has a default of 10 attempts in 15 minutes.
type LoginOptions struct {
	Client *ent.Client
	DB     dialect.ExecQuerier // the same database, for hand-written SQL
	Hasher Hasher
	Clock  func() time.Time
	// Key hides addresses in the table of attempts: 32 bytes or more, the same on every instance.
	Key   []byte
	Limit Limit
}

// Logins logs people in. It may be used by several goroutines at once.
type Logins struct {
	client   *ent.Client
	db       dialect.ExecQuerier
	hasher   Hasher
	clock    func() time.Time
	attempts attempts
	// decoy is what a password is compared with where there is no user, so that it takes as long.
	decoy string
}

// Login is a login that succeeded. The token is told here and nowhere else.
type Login struct {
	User      User
	Token     string
	ExpiresAt time.Time
	// Warning is why the address's attempts could not be reset, which does not matter to the login. It is safe to log.
	Warning error
}

const (
	defaultAttempts = 10
	defaultWindow   = 15 * time.Minute
)

// NewLogins hashes one password, for the comparison where there is no user. The errors are [ErrKey] and the hasher's.
func NewLogins(ctx context.Context, o LoginOptions) (*Logins, error) {
	if len(o.Key) < minKey {
		return nil, ErrKey
	}
	if o.Limit == (Limit{}) {
		o.Limit = Limit{Attempts: defaultAttempts, Window: defaultWindow}
	}
	decoy, err := o.Hasher.Hash(ctx, newToken())
	if err != nil {
		return nil, fmt.Errorf("hash the decoy: %w", err)
	}
	return &Logins{
		client: o.Client, db: o.DB, hasher: o.Hasher, clock: o.Clock, decoy: decoy,
		attempts: attempts{db: o.DB, key: o.Key, limit: o.Limit},
	}, nil
}

// Login opens a session for the user with the address and the password. The errors are [ErrTooManyAttempts],
// [ErrBusy], and [ErrCredentials] for everything that is wrong with either, after one hash of the same cost.
func (l *Logins) Login(ctx context.Context, email, password string) (Login, error) {
	normal, err := NormaliseEmail(email)
	if err != nil {
		normal = "" // nobody's, and counted like any other
	}
	if err := l.attempts.count(ctx, normal, instant(l.clock)); err != nil {
		return Login{}, err
	}
	user, hash, err := l.find(ctx, normal)
	if err != nil {
		return Login{}, err
	}
	same, err := l.hasher.Compare(ctx, password, hash) // no connection is held
	if err != nil {
		return Login{}, fmt.Errorf("compare a password: %w", err)
	}
	if !same || user == nil {
		return Login{}, ErrCredentials
	}
	login, err := l.open(ctx, user)
	if err != nil {
		return Login{}, err
	}
	login.Warning = l.attempts.forget(ctx, normal)
	return login, nil
}

// find returns the user, or nil for one who may not log in, and always a hash to compare with.
func (l *Logins) find(ctx context.Context, email string) (*ent.PortalUser, string, error) {
	user, err := l.client.PortalUser.Query().Where(portaluser.Email(email)).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		return nil, l.decoy, nil
	case err != nil:
		return nil, "", fmt.Errorf("look up a user: %w", err)
	case user.DisabledAt != nil:
		return nil, user.HashedPassword, nil
	}
	return user, user.HashedPassword, nil
}

// The lock waits for whoever is changing the user at this moment, and looks again: a session can't slip in between a
// new password and the end of the old one's sessions.
const openSession = `
INSERT INTO portal_sessions (token_hash, user_id, created_at, last_seen_at, expires_at)
SELECT $1, u.id, $4, $4, $5 FROM portal_users u
WHERE u.id = $2 AND u.hashed_password = $3 AND u.disabled_at IS NULL
FOR SHARE OF u`

func (l *Logins) open(ctx context.Context, user *ent.PortalUser) (Login, error) {
	now, token := instant(l.clock), newToken()
	hash, _ := hashToken(token)
	ends := now.Add(Lifetime)
	opened, err := pgtenant.Exec(ctx, l.db, openSession, hash, user.ID, user.HashedPassword, now, ends)
	if err != nil {
		return Login{}, fmt.Errorf("open a session: %w", err)
	}
	if opened == 0 {
		return Login{}, ErrCredentials
	}
	return Login{User: userOf(user), Token: token, ExpiresAt: ends}, nil
}

func userOf(u *ent.PortalUser) User {
	return User{ID: u.ID, Email: u.Email, Name: u.Name, IsAdmin: u.IsAdmin}
}
