package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Lifetime is how long a session lasts. It isn't prolonged.
const Lifetime = 12 * time.Hour

// seenEvery is how exact last_seen_at is: writing it with each request would make every read a write.
const seenEvery = time.Minute

// User is a portal user as answers show it.
type User struct {
	ID      uuid.UUID
	Email   string
	Name    string
	IsAdmin bool
	// DisabledAt is when the user was disabled; nil for a user who may log in.
	DisabledAt *time.Time
}

// Principal is who makes a request, as the database says at this moment.
type Principal struct {
	User

	// SessionEnds is when the session expires.
	SessionEnds time.Time
	// TenantExists answers, for the tenant that Authenticate was asked about, whether there is one.
	TenantExists bool

	// Warning is why the session's use could not be noted, which does not matter to the request. It is safe to log.
	Warning error

	tokenHash string
}

// touchTimeout bounds writing last_seen_at, so that a lock on the session does not slow a request down.
const touchTimeout = 250 * time.Millisecond

// Sessions looks tokens up and ends sessions. It may be used by several goroutines at once.
type Sessions struct {
	db    dialect.ExecQuerier
	clock func() time.Time

	untouched atomic.Pointer[time.Time] // when touching last failed
}

// NewSessions reads sessions through db, which is the driver itself: a session belongs to no tenant.
func NewSessions(db dialect.ExecQuerier, clock func() time.Time) *Sessions {
	return &Sessions{db: db, clock: clock}
}

const authenticate = `
SELECT u.id, u.email, u.name, u.is_admin, s.expires_at, s.last_seen_at, EXISTS (SELECT FROM tenants t WHERE t.id = $3)
FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id
WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL`

// Authenticate returns whose session token is, and, in the same round trip, whether there is a tenant about (the
// zero ID asks about none). ctx must have no tenant. The error is [ErrNoSession] for a token that is malformed,
// unknown, expired or revoked, and for a user who is disabled.
func (s *Sessions) Authenticate(ctx context.Context, token string, about tenancy.ID) (Principal, error) {
	hash, ok := hashToken(token)
	if !ok {
		return Principal{}, ErrNoSession
	}
	var (
		p               = Principal{tokenHash: hash}
		email, name     sql.NullString
		admin, exists   sql.NullBool
		expires, seenAt sql.NullTime
		now             = s.now()
	)
	err := pgtenant.QueryRow(ctx, s.db, authenticate, hash, now, about.UUID()).Scan(&p.ID, &email, &name, &admin, &expires, &seenAt, &exists)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, ErrNoSession
	}
	if err != nil {
		return Principal{}, fmt.Errorf("look up a session: %w", err)
	}
	p.Email, p.Name, p.IsAdmin = email.String, name.String, admin.Bool
	p.SessionEnds, p.TenantExists = expires.Time, exists.Bool
	if longest := now.Add(Lifetime); p.SessionEnds.After(longest) {
		p.SessionEnds = longest
	}
	if !within(seenEvery, now, seenAt.Time) {
		p.Warning = s.touch(ctx, hash, now)
	}
	return p, nil
}

// within reports whether at is less than d before now. A time in the future, which a clock that was set back leaves
// behind, is not.
func within(d time.Duration, now, at time.Time) bool {
	age := now.Sub(at)
	return age >= 0 && age < d
}

// A session that began while the clock was ahead must not last longer than others.
const touch = `UPDATE portal_sessions
SET last_seen_at = $2, created_at = LEAST(created_at, $2), expires_at = LEAST(expires_at, $4)
WHERE token_hash = $1 AND (last_seen_at < $3 OR last_seen_at > $2)`

// touch writes when the session was last used. After a failure no session is touched for a minute: on a read-only
// server, each attempt would cost a connection.
func (s *Sessions) touch(ctx context.Context, hash string, now time.Time) error {
	if failed := s.untouched.Load(); failed != nil && within(seenEvery, now, *failed) {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, touchTimeout)
	defer cancel()
	_, err := pgtenant.Exec(bounded, s.db, touch, hash, now, now.Add(-seenEvery), now.Add(Lifetime))
	if err == nil || ctx.Err() != nil {
		return nil // the request has ended, which says nothing about the database
	}
	s.untouched.Store(&now)
	return fmt.Errorf("note a session's use: %w", err)
}

// End revokes the principal's session, as logging out does.
func (s *Sessions) End(ctx context.Context, p Principal) error {
	_, err := pgtenant.Exec(ctx, s.db,
		`UPDATE portal_sessions SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL`, p.tokenHash, s.now())
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// Sweep deletes what has expired: sessions, a day later, and counts of login attempts.
func (s *Sessions) Sweep(ctx context.Context) error {
	now := s.now()
	if _, err := pgtenant.Exec(ctx, s.db, `DELETE FROM portal_sessions WHERE expires_at < $1`, now.Add(-24*time.Hour)); err != nil {
		return fmt.Errorf("sweep sessions: %w", err)
	}
	if _, err := pgtenant.Exec(ctx, s.db, `DELETE FROM login_attempts WHERE window_ends < $1`, now); err != nil {
		return fmt.Errorf("sweep login attempts: %w", err)
	}
	return nil
}

func (s *Sessions) now() time.Time { return instant(s.clock) }

// instant is the clock's time as PostgreSQL stores it.
func instant(clock func() time.Time) time.Time { return clock().UTC().Truncate(time.Microsecond) }
