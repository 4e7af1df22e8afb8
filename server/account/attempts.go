package account

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// minKey is the minimum length of a key, in bytes.
const minKey = 32

// Limit is the number of attempts allowed within a window. A window starts with the first attempt; later attempts do
// not extend it.
type Limit struct {
	Attempts int64
	Window   time.Duration
}

// Limits are the limits of failed logins and of mailed links. Zero values have defaults.
type Limits struct {
	// Address limits the failed attempts for an e-mail address, with a separate count for each known device. The
	// default is 10 in 15 minutes.
	Address Limit
	// Client limits the failed attempts from a network address (an IPv6 /64), against password spraying. The default is
	// 100 in 15 minutes.
	Client Limit
	// Mail limits the links that are mailed to an address. The default is 3 in an hour.
	Mail Limit
	// MailClient limits the requests to mail a link, by network address or by the user who is logged in. The default
	// is 30 in an hour.
	MailClient Limit
}

const (
	defaultWindow     = 15 * time.Minute
	defaultMailWindow = time.Hour
)

func (l Limits) withDefaults() Limits {
	if l.Address == (Limit{}) {
		l.Address = Limit{Attempts: 10, Window: defaultWindow}
	}
	if l.Client == (Limit{}) {
		l.Client = Limit{Attempts: 100, Window: defaultWindow}
	}
	if l.Mail == (Limit{}) {
		l.Mail = Limit{Attempts: 3, Window: defaultMailWindow}
	}
	if l.MailClient == (Limit{}) {
		l.MailClient = Limit{Attempts: 30, Window: defaultMailWindow}
	}
	return l
}

// Attempts counts logins in the table login_attempts, for known and unknown addresses alike.
type Attempts struct {
	db  dialect.ExecQuerier
	key []byte
}

// NewAttempts uses db. It derives the key for addresses and devices from the server's sealing key with HKDF (RFC 5869):
// at least 32 bytes, the same in every process, including `konstruct user`. Returns [ErrKey].
func NewAttempts(db dialect.ExecQuerier, sealing []byte) (*Attempts, error) {
	if len(sealing) < minKey {
		return nil, ErrKey
	}
	key, err := hkdf.Key(sha256.New, sealing, nil, "konstruct login attempts", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the login attempts key: %w", err)
	}
	return &Attempts{db: db, key: key}, nil
}

// counter is a row of the table and its limit.
type counter struct {
	key   string
	limit Limit
}

// If the clock is set back, a window still lasts no longer than its length.
const countAttempt = `
INSERT INTO login_attempts AS a (key, count, window_ends)
SELECT c.key, 1, $1::timestamptz + c.micros * interval '1 microsecond'
FROM unnest($2::text[], $3::bigint[]) AS c (key, micros)
ORDER BY c.key COLLATE "C"
ON CONFLICT (key) DO UPDATE SET
  count       = CASE WHEN a.window_ends <= $1 THEN 1 ELSE a.count + 1 END,
  window_ends = CASE WHEN a.window_ends <= $1 THEN excluded.window_ends
                     ELSE least(a.window_ends, excluded.window_ends) END
RETURNING key, count, window_ends`

// count adds an attempt to every counter, committed when it returns. If a limit is exceeded, it refunds the attempt and
// returns an [AttemptsError]: a client over its limit must not use up the limits of accounts, and concurrent logins
// with the correct password must not lock the account.
func (a *Attempts) count(ctx context.Context, now time.Time, counters []counter) error {
	over, err := a.add(ctx, now, counters)
	if err != nil {
		return err
	}
	if len(over) == 0 {
		return nil
	}
	wait := slices.Max(slices.Collect(maps.Values(over)))
	return errors.Join(&AttemptsError{RetryAfter: wait}, a.refund(ctx, now, counters))
}

// add adds an attempt to every counter. It returns the keys of those over their limit, with the time until they are
// not.
func (a *Attempts) add(ctx context.Context, now time.Time, counters []counter) (map[string]time.Duration, error) {
	keys, windows := make([]string, len(counters)), make([]int64, len(counters))
	for i, c := range counters {
		keys[i], windows[i] = c.key, c.limit.Window.Microseconds()
	}
	over := map[string]time.Duration{}
	_, err := pgtenant.Collect(pgtenant.Query(ctx, a.db, countAttempt, now, keys, windows),
		func(row pgtenant.Row) (counted struct{}, err error) {
			var key sql.NullString
			var count sql.NullInt64
			var ends sql.NullTime
			err = row.Scan(&key, &count, &ends)
			for _, c := range counters {
				if c.key == key.String && count.Int64 > c.limit.Attempts {
					over[c.key] = ends.Time.Sub(now)
				}
			}
			return counted, err
		})
	if err != nil {
		return nil, countError("count a login attempt", err)
	}
	return over, nil
}

// Rows are locked in the order of countAttempt. Refunding the only attempt of a window ends the window at the epoch,
// because a count is never zero and the clock may be set back.
const refundAttempt = `
WITH counted AS (
  SELECT key FROM login_attempts WHERE key = ANY($2) AND window_ends > $1 ORDER BY key COLLATE "C" FOR UPDATE
)
UPDATE login_attempts a SET
  count       = greatest(a.count - 1, 1),
  window_ends = CASE WHEN a.count = 1 THEN 'epoch' ELSE a.window_ends END
FROM counted WHERE a.key = counted.key`

// refundTimeout bounds a refund, which is independent of the caller's context.
const refundTimeout = 2 * time.Second

// refund refunds an attempt that did not fail: the password was correct, or was not hashed.
func (a *Attempts) refund(ctx context.Context, now time.Time, counters []counter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refundTimeout)
	defer cancel()
	keys := make([]string, len(counters))
	for i, c := range counters {
		keys[i] = c.key
	}
	if _, err := pgtenant.Exec(ctx, a.db, refundAttempt, now, keys); err != nil {
		return countError("refund a login attempt", err)
	}
	return nil
}

// countError wraps a failed count. Even if the outcome of the count is unknown, the login had no effect and may be
// retried.
func countError(what string, err error) error {
	if !errors.Is(err, pgtenant.ErrOutcomeUnknown) {
		return fmt.Errorf("%s: %w", what, err)
	}
	cause := pgtenant.ErrConnection
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		cause = db
	}
	return fmt.Errorf("%s: %w (%w)", what, cause, pgtenant.ErrNoEffect)
}

// Clear deletes the attempts for an address, including those of its known devices. Returns [ErrEmail].
func (a *Attempts) Clear(ctx context.Context, email string) error {
	normal, err := NormalizeEmail(email)
	if err != nil {
		return err
	}
	key := a.addressKey(normal)
	const clearAttempts = `DELETE FROM login_attempts WHERE key = $1 OR starts_with(key, $1 || '.')`
	if _, err := pgtenant.Exec(ctx, a.db, clearAttempts, key); err != nil {
		return fmt.Errorf("clear login attempts: %w", err)
	}
	return nil
}

func (a *Attempts) addressKey(email string) string { return a.hash("login attempts by address", email) }

func (a *Attempts) deviceKey(email string, device []byte) string {
	return a.addressKey(email) + "." + a.hash("login attempts by device", string(device))
}

func (a *Attempts) clientKey(client netip.Prefix) string {
	return a.hash("login attempts by client", client.String())
}

// mailKey returns the key of the links mailed to an address, or requested by a client or a user.
func (a *Attempts) mailKey(kind, value string) string { return a.hash("mailed links by "+kind, value) }

func (a *Attempts) hash(purpose, value string) string {
	return hex.EncodeToString(a.sign(purpose, []byte(value)))
}

// clientOf returns the address itself, the /64 of an IPv6 subscriber (RFC 6177), or an invalid network for the zero
// address.
func clientOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	prefix, _ := addr.Prefix(min(addr.BitLen(), 64)) // fails for the zero address
	return prefix
}
