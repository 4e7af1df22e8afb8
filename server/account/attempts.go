package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// minKey is the least length of the key under which addresses are hashed, in bytes.
const minKey = 32

// Limit is how often one address may be tried. The window begins with the first attempt and doesn't move, so that
// trying on never locks anybody out for longer.
//
// Attempts aren't counted by client: the portal logs its people in from its own server, so one count would be
// everybody's, and anybody could exhaust it.
type Limit struct {
	Attempts int64
	Window   time.Duration
}

// attempts counts logins by address, whether or not there is a user with it.
type attempts struct {
	db    dialect.ExecQuerier
	key   []byte
	limit Limit
}

// A window never ends later than one that begins now: a clock that was set back would otherwise prolong it.
const countAttempt = `
INSERT INTO login_attempts AS a (key, count, window_ends) VALUES ($1, 1, $3)
ON CONFLICT (key) DO UPDATE SET
  count       = CASE WHEN a.window_ends <= $2 THEN 1 ELSE a.count + 1 END,
  window_ends = CASE WHEN a.window_ends <= $2 THEN excluded.window_ends ELSE LEAST(a.window_ends, excluded.window_ends) END
RETURNING count, window_ends`

// count notes one attempt, as a statement that is committed when it returns. The error is an [AttemptsError] when
// that was one too many.
func (a attempts) count(ctx context.Context, email string, now time.Time) error {
	var count int64
	var ends sql.NullTime
	err := pgtenant.QueryRow(ctx, a.db, countAttempt, []any{a.keyOf(email), now, now.Add(a.limit.Window)}, &count, &ends)
	if err != nil {
		return fmt.Errorf("count a login attempt: %w", err)
	}
	if count > a.limit.Attempts {
		return &AttemptsError{RetryAfter: ends.Time.Sub(now)}
	}
	return nil
}

// forget starts the count anew after a login that succeeded.
func (a attempts) forget(ctx context.Context, email string) error {
	if _, err := pgtenant.Exec(ctx, a.db, `DELETE FROM login_attempts WHERE key = $1`, a.keyOf(email)); err != nil {
		return fmt.Errorf("forget login attempts: %w", err)
	}
	return nil
}

// keyOf hides the address: without the key, the table tells nobody who tried.
func (a attempts) keyOf(email string) string {
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte("login attempts by address\x00" + email)) // a hash's Write never fails
	return hex.EncodeToString(mac.Sum(nil))
}
