package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unicode"
	"unicode/utf8"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/server/token"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// LoginOptions configures [NewLogins]. Only Hashing and Limits have defaults.
type LoginOptions struct {
	Client  *ent.Client
	DB      dialect.ExecQuerier // the driver of Client, for hand-written SQL; joining, if [Profiles] use the logins
	Hasher  Hasher
	Hashing SemaphoreOptions
	Clock   func() time.Time
	// Key is the server's sealing key; see [NewAttempts].
	Key    []byte
	Limits Limits
}

// Logins logs users in. It is safe for concurrent use.
type Logins struct {
	client   *ent.Client
	db       dialect.ExecQuerier
	hasher   Hasher
	clock    func() time.Time
	attempts *Attempts
	limits   Limits
	// Known devices have a separate semaphore, so that they can log in during a flood from unknown ones.
	unknownDevices, knownDevices *Semaphore
	// dummyHash is compared with if there is no user, so that a failure takes the same time.
	dummyHash string
	counts    loginCounts
}

// Attempt is a login attempt.
type Attempt struct {
	Email, Password string
	// Device is the DeviceToken of an earlier login, if any.
	Device string
	// Client is the client's network address. The zero address has no limit; use it for a proxy that logs in many
	// users.
	Client netip.Addr
	// UserAgent and Address describe the session to its user. RequestID is that of the audit event.
	UserAgent, Address, RequestID string
}

// Login is a successful login. Its tokens cannot be retrieved again.
type Login struct {
	User      User
	Token     string
	ExpiresAt time.Time
	// DeviceToken identifies the device in later attempts with this address, for [DeviceLifetime] or until the password
	// changes.
	DeviceToken string
	// Warning is the error of a failed refund of the attempt. It is safe to log.
	Warning error
}

// NewLogins hashes one password, as the dummy for unknown users. Returns [ErrKey] or the hasher's error.
func NewLogins(ctx context.Context, o LoginOptions) (*Logins, error) {
	attempts, err := NewAttempts(o.DB, o.Key)
	if err != nil {
		return nil, err
	}
	dummy, _ := token.New(token.Session)
	dummyHash, err := o.Hasher.Hash(ctx, dummy)
	if err != nil {
		return nil, fmt.Errorf("hash the dummy password: %w", err)
	}
	return &Logins{
		client: o.Client, db: o.DB, hasher: o.Hasher, clock: o.Clock, dummyHash: dummyHash,
		attempts: attempts, limits: o.Limits.withDefaults(),
		unknownDevices: NewSemaphore(o.Hashing),
		knownDevices:   NewSemaphore(SemaphoreOptions{Concurrency: 1, MaxWaiting: o.Hashing.MaxWaiting}),
	}, nil
}

// Login opens a session. Returns [ErrBusy] before any database work, [ErrTooManyAttempts] before any hash, and
// [ErrCredentials] for an invalid address or password, always after the same number of hashes: one, or two if the
// password is not in NFC.
//
// An attempt is counted before its password is hashed. It is refunded if the password is correct or was not hashed.
func (l *Logins) Login(ctx context.Context, a Attempt) (login Login, err error) {
	defer func() { l.counts.add(err) }()
	email, _ := NormalizeEmail(a.Email) // "" for an invalid address
	device, known := l.attempts.device(a.Device, email, l.clock())
	release, err := l.acquire(ctx, a, email, known)
	if err != nil {
		return Login{}, fmt.Errorf("wait to hash a password: %w", err)
	}
	defer release()
	user, hash, err := l.find(ctx, email)
	if err != nil {
		return Login{}, err
	}
	counters := l.counters(a, email)
	if known && l.attempts.current(device, hash) {
		counters = []counter{{l.attempts.deviceKey(email, device), l.limits.Address}}
	}
	now := instant(l.clock) // a window may have ended while waiting
	if err := l.attempts.count(ctx, now, counters); err != nil {
		return Login{}, err
	}
	login, err = l.verify(ctx, user, hash, a)
	if errors.Is(err, ErrCredentials) {
		return Login{}, err
	}
	uncounted := l.attempts.refund(ctx, now, counters)
	if err != nil {
		return Login{}, errors.Join(err, uncounted)
	}
	login.Warning = uncounted
	return login, nil
}

// acquire waits for a hashing slot. The devices of an account share a queue, because each login creates another device.
func (l *Logins) acquire(ctx context.Context, a Attempt, email string, known bool) (release func(), err error) {
	if known {
		return l.knownDevices.Acquire(ctx, email)
	}
	return l.unknownDevices.Acquire(ctx, clientOf(a.Client).String())
}

// counters returns those of the address and the client. An invalid address is counted by its text.
func (l *Logins) counters(a Attempt, email string) []counter {
	counters := []counter{{l.attempts.addressKey(cmp.Or(email, a.Email)), l.limits.Address}}
	if client := clientOf(a.Client); client.IsValid() {
		counters = append(counters, counter{l.attempts.clientKey(client), l.limits.Client})
	}
	return counters
}

// verify checks the password and opens a session. It holds no database connection while hashing.
func (l *Logins) verify(ctx context.Context, user *ent.PortalUser, hash string, from Attempt) (Login, error) {
	same, outdated, err := l.compare(ctx, from.Password, hash)
	if err != nil {
		return Login{}, fmt.Errorf("compare a password: %w", err)
	}
	if !same || user == nil {
		return Login{}, ErrCredentials
	}
	if outdated {
		if err := l.rehash(ctx, user, from.Password); err != nil {
			return Login{}, err
		}
	}
	return l.open(ctx, user, from)
}

// compare checks the normalized password, and the typed one if it differs, because older hashes are of the typed bytes.
// Outdated is true if only that matched.
func (l *Logins) compare(ctx context.Context, password, hash string) (same, outdated bool, err error) {
	normal := normalizePassword(password)
	same, err = l.hasher.Compare(ctx, normal, hash)
	if err != nil || same || normal == password {
		return same, false, err
	}
	same, err = l.hasher.Compare(ctx, password, hash)
	return same, same, err
}

// rehash replaces the hash of a password that was not normalized, unless a concurrent login has. A concurrent password
// change wins: open compares the hash.
func (l *Logins) rehash(ctx context.Context, user *ent.PortalUser, password string) error {
	hash, err := l.hasher.Hash(ctx, normalizePassword(password))
	if err != nil {
		return fmt.Errorf("hash a password: %w", err)
	}
	changed, err := l.client.PortalUser.Update().
		Where(portaluser.ID(user.ID), portaluser.HashedPassword(user.HashedPassword)).SetHashedPassword(hash).Save(ctx)
	if err != nil {
		return fmt.Errorf("store a password's hash: %w", err)
	}
	if changed > 0 {
		user.HashedPassword = hash
		return nil
	}
	current, err := l.client.PortalUser.Get(ctx, user.ID)
	if err != nil {
		return fmt.Errorf("look up a user: %w", err)
	}
	same, err := l.hasher.Compare(ctx, normalizePassword(password), current.HashedPassword)
	if err != nil {
		return fmt.Errorf("compare a password: %w", err)
	}
	if same {
		user.HashedPassword = current.HashedPassword
	}
	return nil
}

// find returns the user, or nil if missing or disabled, and always a hash to compare with.
func (l *Logins) find(ctx context.Context, email string) (*ent.PortalUser, string, error) {
	user, err := l.client.PortalUser.Query().Where(portaluser.Email(email)).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		return nil, l.dummyHash, nil
	case err != nil:
		return nil, "", fmt.Errorf("look up a user: %w", err)
	case user.DisabledAt != nil:
		return nil, l.dummyHash, nil // a correct password must take as long as a wrong one
	}
	return user, user.HashedPassword, nil
}

// FOR SHARE waits for a concurrent change of the user, so that no session opens between a password change and the end
// of the old sessions.
const openSession = `
WITH opened AS (
  INSERT INTO portal_sessions
    (token_hash, user_id, created_at, last_seen_at, expires_at, session_id, user_agent, address)
  SELECT $1, u.id, $4, $4, $5, $6, $7, $8 FROM portal_users u
  WHERE u.id = $2 AND u.hashed_password = $3 AND u.disabled_at IS NULL
  FOR SHARE OF u
  RETURNING user_id, session_id
)
INSERT INTO platform_audit_events (id, created_at, actor_id, action, object_type, object_id, request_id, address)
SELECT $9, $4, user_id, 'login', 'session', session_id, $10, $8 FROM opened`

func (l *Logins) open(ctx context.Context, user *ent.PortalUser, from Attempt) (Login, error) {
	now := instant(l.clock)
	session, hash := token.New(token.Session)
	id, err1 := uuid.NewV7()
	event, err2 := uuid.NewV7()
	if err := errors.Join(err1, err2); err != nil {
		return Login{}, fmt.Errorf("open a session: %w", err)
	}
	opened, err := pgtenant.Exec(ctx, l.db, openSession, hash, user.ID, user.HashedPassword, now, now.Add(Lifetime),
		id, printable(from.UserAgent), from.Address, event, from.RequestID)
	if err != nil {
		return Login{}, fmt.Errorf("open a session: %w", err)
	}
	if opened == 0 {
		return Login{}, ErrCredentials
	}
	return Login{
		User: userOf(user), Token: session, ExpiresAt: now.Add(IdleLifetime),
		DeviceToken: l.attempts.newDevice(user.Email, user.HashedPassword, now),
	}, nil
}

func userOf(u *ent.PortalUser) User {
	user := User{ID: u.ID, Email: u.Email, Name: u.Name, IsAdmin: u.IsAdmin, DisabledAt: u.DisabledAt}
	if u.UnprovenTenantID != nil {
		user.UnprovenTenant = *u.UnprovenTenantID
	}
	return user
}

// maxUserAgent is the stored length of a User-Agent header, in characters.
const maxUserAgent = 300

// printable returns the printable characters of a header, at most maxUserAgent.
func printable(header string) string {
	kept := make([]rune, 0, min(len(header), maxUserAgent))
	for _, r := range header {
		if len(kept) == maxUserAgent {
			break
		}
		if unicode.IsPrint(r) && r != utf8.RuneError {
			kept = append(kept, r)
		}
	}
	return string(kept)
}
