package account

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// OwnSession describes a session to its user.
type OwnSession struct {
	ID                               uuid.UUID
	CreatedAt, LastSeenAt, ExpiresAt time.Time
	UserAgent, Address               string
	// Current is whether it is the session of the request.
	Current bool
}

// live is the condition of a session that has not ended, with the time as $2 and the last idle time as $3.
const live = ` revoked_at IS NULL AND expires_at > $2 AND last_seen_at > $3 `

const listSessions = `
SELECT session_id, created_at, last_seen_at, expires_at, user_agent, address, token_hash = $4
FROM portal_sessions WHERE user_id = $1 AND` + live + `AND session_id > $5 ORDER BY session_id LIMIT $6`

// List returns the principal's live sessions with ids after the given one, in their order: at most limit.
func (s *Sessions) List(ctx context.Context, p Principal, after uuid.UUID, limit int) ([]OwnSession, error) {
	now := s.now()
	all, err := pgtenant.Collect(pgtenant.Query(
		ctx, s.db, listSessions, p.ID, now, now.Add(-IdleLifetime), p.tokenHash, after, limit), scanSession)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return all, nil
}

func scanSession(row pgtenant.Row) (o OwnSession, err error) {
	err = row.Scan(&o.ID, &o.CreatedAt, &o.LastSeenAt, &o.ExpiresAt, &o.UserAgent, &o.Address, &o.Current)
	o.ExpiresAt = earliest(o.ExpiresAt, o.LastSeenAt.Add(IdleLifetime))
	return o, err
}

const endSession = `UPDATE portal_sessions SET revoked_at = $2 WHERE user_id = $1 AND` + live + `AND session_id = $4`

// EndOne ends a session of the principal. It reports false if the principal has no live session with the id.
func (s *Sessions) EndOne(ctx context.Context, p Principal, id uuid.UUID) (bool, error) {
	now := s.now()
	ended, err := pgtenant.Exec(ctx, s.db, endSession, p.ID, now, now.Add(-IdleLifetime), id)
	if err != nil {
		return false, fmt.Errorf("end a session: %w", err)
	}
	return ended > 0, nil
}

// EndOthers ends all sessions of the principal except the current one, and returns their number.
func (s *Sessions) EndOthers(ctx context.Context, p Principal) (int64, error) {
	return EndSessions(ctx, s.db, p.ID, p.tokenHash, s.now())
}

// Rows are locked in one order, so that concurrent requests do not deadlock.
const endOthers = `
WITH others AS (
  SELECT token_hash FROM portal_sessions
  WHERE user_id = $1 AND token_hash <> $3 AND revoked_at IS NULL ORDER BY token_hash FOR UPDATE
)
UPDATE portal_sessions s SET revoked_at = $2 FROM others WHERE s.token_hash = others.token_hash`

// EndSessions ends the user's sessions except the one with the token's hash keep, or all for "", and returns their
// number.
func EndSessions(
	ctx context.Context, db dialect.ExecQuerier, user uuid.UUID, keep string, now time.Time,
) (int64, error) {
	ended, err := pgtenant.Exec(ctx, db, endOthers, user, now, keep)
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return ended, nil
}
