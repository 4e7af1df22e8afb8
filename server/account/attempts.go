package account

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// minKey is the shortest key that attempts are hashed with, in bytes.
const minKey = 32

// Limit is how many attempts are allowed within a window. The window begins with the first attempt and is not prolonged
// by later ones.
type Limit struct {
	Attempts int64
	Window   time.Duration
}

// Limits are the limits of logging in. Zero values have defaults.
type Limits struct {
	// Address bounds the failed attempts on one e-mail address: 10 in 15 minutes. A remembered device has the same limit,
	// counted apart, so that a stranger who sends wrong passwords does not lock the owner out.
	Address Limit
	// Client bounds the failed attempts from one network address (an IPv6 /64), against trying one password on many
	// accounts: 100 in 15 minutes.
	Client Limit
}

const defaultWindow = 15 * time.Minute

func (l Limits) withDefaults() Limits {
	if l.Address == (Limit{}) {
		l.Address = Limit{Attempts: 10, Window: defaultWindow}
	}
	if l.Client == (Limit{}) {
		l.Client = Limit{Attempts: 100, Window: defaultWindow}
	}
	return l
}

// Attempts counts logins in the table login_attempts, whether or not the address belongs to a user.
type Attempts struct {
	db  dialect.ExecQuerier
	key []byte
}

// NewAttempts counts through db. Key hides the addresses: 32 bytes or more, the same in every process; see
// [AttemptsKey]. The error is [ErrKey].
func NewAttempts(db dialect.ExecQuerier, key []byte) (*Attempts, error) {
	if len(key) < minKey {
		return nil, ErrKey
	}
	return &Attempts{db: db, key: key}, nil
}

// AttemptsKey derives the key of [NewAttempts] from the server's sealing key (RFC 5869), so that the server and
// `konstruct user` use the same one.
func AttemptsKey(sealing []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, sealing, nil, "konstruct login attempts", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of login attempts: %w", err)
	}
	return key, nil
}

// counter is one row of the table with its limit.
type counter struct {
	key   string
	limit Limit
}

// A clock that jumped back must not keep a window open for longer than its own length.
const countAttempt = `
INSERT INTO login_attempts AS a (key, count, window_ends)
SELECT c.key, 1, $1::timestamptz + c.micros * interval '1 microsecond' FROM unnest($2::text[], $3::bigint[]) AS c (key, micros)
ORDER BY c.key COLLATE "C"
ON CONFLICT (key) DO UPDATE SET
  count       = CASE WHEN a.window_ends <= $1 THEN 1 ELSE a.count + 1 END,
  window_ends = CASE WHEN a.window_ends <= $1 THEN excluded.window_ends ELSE least(a.window_ends, excluded.window_ends) END
RETURNING key, count, window_ends`

// count notes one attempt with every counter, in one statement that is committed when it returns. The error is an
// [AttemptsError] when that exceeded a limit. Then the attempt is given back, so that a client that is over its limit
// does not use up those of accounts, and too many right passwords at once do not lock the account.
func (a *Attempts) count(ctx context.Context, now time.Time, counters []counter) error {
	keys, windows := make([]string, len(counters)), make([]int64, len(counters))
	for i, c := range counters {
		keys[i], windows[i] = c.key, c.limit.Window.Microseconds()
	}
	waits, err := pgtenant.Collect(pgtenant.Query(ctx, a.db, countAttempt, now, keys, windows),
		func(row pgtenant.Row) (wait time.Duration, err error) {
			var key sql.NullString
			var count sql.NullInt64
			var ends sql.NullTime
			err = row.Scan(&key, &count, &ends)
			for _, c := range counters {
				if c.key == key.String && count.Int64 > c.limit.Attempts {
					wait = max(wait, ends.Time.Sub(now))
				}
			}
			return wait, err
		})
	if err != nil {
		return notCounted("count a login attempt", err)
	}
	wait := slices.Max(append(waits, 0))
	if wait == 0 {
		return nil
	}
	return errors.Join(&AttemptsError{RetryAfter: wait}, a.giveBack(ctx, now, counters))
}

// The rows are locked in the order in which countAttempt inserts them. Giving back the only attempt of a window ends the
// window at the epoch, because a count is never zero and the clock may be set back.
const returnAttempt = `
WITH counted AS (SELECT key FROM login_attempts WHERE key = ANY($2) AND window_ends > $1 ORDER BY key COLLATE "C" FOR UPDATE)
UPDATE login_attempts a SET
  count       = greatest(a.count - 1, 1),
  window_ends = CASE WHEN a.count = 1 THEN 'epoch' ELSE a.window_ends END
FROM counted WHERE a.key = counted.key`

// giveBackTimeout bounds giving an attempt back, which happens even where the caller's context has ended.
const giveBackTimeout = 2 * time.Second

// giveBack takes back an attempt that did not fail: the password was right, or nothing was hashed.
func (a *Attempts) giveBack(ctx context.Context, now time.Time, counters []counter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTimeout)
	defer cancel()
	keys := make([]string, len(counters))
	for i, c := range counters {
		keys[i] = c.key
	}
	if _, err := pgtenant.Exec(ctx, a.db, returnAttempt, now, keys); err != nil {
		return notCounted("give a login attempt back", err)
	}
	return nil
}

// notCounted wraps the failure of a count. Where its outcome is unknown, that of the login is not: it had no effect, and
// the client may repeat it.
func notCounted(what string, err error) error {
	if !errors.Is(err, pgtenant.ErrOutcomeUnknown) {
		return fmt.Errorf("%s: %w", what, err)
	}
	cause := pgtenant.ErrConnection
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		cause = db
	}
	return fmt.Errorf("%s: %w (%w)", what, cause, pgtenant.ErrNoEffect)
}

// Clear forgets the attempts on an address, those of its remembered devices included. The error is [ErrEmail].
func (a *Attempts) Clear(ctx context.Context, email string) error {
	normal, err := NormalizeEmail(email)
	if err != nil {
		return err
	}
	key := a.addressKey(normal)
	if _, err := pgtenant.Exec(ctx, a.db, `DELETE FROM login_attempts WHERE key = $1 OR starts_with(key, $1 || '.')`, key); err != nil {
		return fmt.Errorf("clear login attempts: %w", err)
	}
	return nil
}

// The keys hide what they count: without the server's key, the table tells nobody who tried.

func (a *Attempts) addressKey(email string) string { return a.hash("login attempts by address", email) }

func (a *Attempts) deviceKey(email string, device []byte) string {
	return a.addressKey(email) + "." + a.hash("login attempts by device", string(device))
}

func (a *Attempts) clientKey(client netip.Prefix) string {
	return a.hash("login attempts by client", client.String())
}

func (a *Attempts) hash(purpose, value string) string {
	return hex.EncodeToString(a.sign(purpose, []byte(value)))
}

// clientOf is the network that a client's address belongs to: the address itself, or the /64 that one IPv6 subscriber
// is given (RFC 6177). It is invalid for no address.
func clientOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	prefix, _ := addr.Prefix(min(addr.BitLen(), 64)) // which is an error for no address
	return prefix
}
