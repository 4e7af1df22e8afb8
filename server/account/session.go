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

	"github.com/konstruct/konstruct/server/token"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// A session ends after Lifetime, or earlier if it is not used for IdleLifetime, which the functions of the database
// check as well.
const (
	Lifetime     = 7 * 24 * time.Hour
	IdleLifetime = 12 * time.Hour
)

// seenEvery is the resolution of last_seen_at, so that not every read is a write.
const seenEvery = time.Minute

// User is a portal user, without the password hash.
type User struct {
	ID      uuid.UUID
	Email   string
	Name    string
	IsAdmin bool
	// DisabledAt is nil for a user who may log in.
	DisabledAt *time.Time
	// UnprovenTenant is the only tenant that the user may join until a mailed link proves the address. It is zero for a
	// proven address.
	UnprovenTenant uuid.UUID
}

// Principal is the authenticated user of a request, read for that request.
type Principal struct {
	User

	// SessionID identifies the session to its user.
	SessionID uuid.UUID
	// SessionEnds is when the session ends unless it is used before.
	SessionEnds time.Time
	// TenantStatus is the status of the requested tenant, or "" if it does not exist.
	TenantStatus string
	// Role is the user's role in that tenant, or "". A platform admin has none.
	Role Role

	// Warning is the error of a failed update of last_seen_at. It is safe to log.
	Warning error

	tokenHash string
}

// TokenHash returns the hash of the session's token, which the definer functions of the database take.
func (p Principal) TokenHash() string { return p.tokenHash }

// touchTimeout bounds the update of last_seen_at, so that a locked session row does not delay the request.
const touchTimeout = 250 * time.Millisecond

// Sessions authenticates tokens and ends sessions. It is safe for concurrent use.
type Sessions struct {
	db    dialect.ExecQuerier
	clock func() time.Time

	touchFailed atomic.Pointer[time.Time] // the last failure
}

// NewSessions uses db, the driver. Sessions belong to no tenant.
func NewSessions(db dialect.ExecQuerier, clock func() time.Time) *Sessions {
	return &Sessions{db: db, clock: clock}
}

const authenticate = `
SELECT u.id, u.email, u.name, u.is_admin, u.unproven_tenant_id, s.session_id, s.expires_at, s.last_seen_at,
  COALESCE(t.status, ''), CASE WHEN u.is_admin THEN '' ELSE COALESCE(session_role($1, t.id), '') END
FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id LEFT JOIN tenants t ON t.id = $3
WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND s.last_seen_at > $4
  AND u.disabled_at IS NULL`

// Authenticate returns the principal of a session token, and its role in the tenant, in one round trip. ctx must have
// no tenant. Returns [ErrNoSession] if the token is malformed, unknown, expired, idle or revoked, or the user is
// disabled.
func (s *Sessions) Authenticate(ctx context.Context, sessionToken string, tenant tenancy.ID) (Principal, error) {
	hash, ok := token.Hash(token.Session, sessionToken)
	if !ok {
		return Principal{}, ErrNoSession
	}
	now := s.now()
	var row struct { // one allocation
		Principal

		unproven        uuid.NullUUID
		expires, seenAt sql.NullTime
	}
	p := &row.Principal
	p.tokenHash = hash
	err := pgtenant.QueryRow(ctx, s.db, authenticate, hash, now, tenant.UUID(), now.Add(-IdleLifetime)).
		Scan(&p.ID, &p.Email, &p.Name, &p.IsAdmin, &row.unproven, &p.SessionID, &row.expires, &row.seenAt,
			&p.TenantStatus, &p.Role)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, ErrNoSession
	}
	if err != nil {
		return Principal{}, fmt.Errorf("look up a session: %w", err)
	}
	p.UnprovenTenant = row.unproven.UUID
	p.SessionEnds = earliest(row.expires.Time, now.Add(IdleLifetime))
	if !within(seenEvery, now, row.seenAt.Time) {
		p.Warning = s.touch(ctx, hash, now)
	}
	return *p, nil
}

// earliest returns the earlier time.
func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// within reports whether at is less than d before now. It is false for a future time, stored before the clock was set
// back.
func within(d time.Duration, now, at time.Time) bool {
	age := now.Sub(at)
	return age >= 0 && age < d
}

// A session that was opened while the clock was ahead must not last longer than others.
const touch = `UPDATE portal_sessions
SET last_seen_at = $2, created_at = LEAST(created_at, $2), expires_at = LEAST(expires_at, $4)
WHERE token_hash = $1 AND (last_seen_at < $3 OR last_seen_at > $2)`

// touch updates last_seen_at. After a failure it is skipped for a minute, because each failure on a read-only server
// costs a connection.
func (s *Sessions) touch(ctx context.Context, hash string, now time.Time) error {
	if failed := s.touchFailed.Load(); failed != nil && within(seenEvery, now, *failed) {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, touchTimeout)
	defer cancel()
	_, err := pgtenant.Exec(bounded, s.db, touch, hash, now, now.Add(-seenEvery), now.Add(Lifetime))
	if err == nil || ctx.Err() != nil {
		return nil // the request ended first, which is no failure of the database
	}
	s.touchFailed.Store(&now)
	return fmt.Errorf("update last_seen_at: %w", err)
}

// End revokes the principal's session.
func (s *Sessions) End(ctx context.Context, p Principal) error {
	_, err := pgtenant.Exec(ctx, s.db,
		`UPDATE portal_sessions SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL`, p.tokenHash, s.now())
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

func (s *Sessions) now() time.Time { return instant(s.clock) }

// instant returns the clock's time in PostgreSQL's resolution.
func instant(clock func() time.Time) time.Time { return clock().UTC().Truncate(time.Microsecond) }
