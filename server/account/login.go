package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// LoginOptions is what [NewLogins] needs.
type LoginOptions struct {
	Client *ent.Client
	DB     dialect.ExecQuerier // the same database, for hand-written SQL
	Hasher Hasher
	Queue  QueueOptions
	Clock  func() time.Time
	// Key hides addresses in the table of attempts and signs device tokens: see [AttemptsKey].
	Key    []byte
	Limits Limits
}

// Logins logs people in. It is safe for concurrent use.
type Logins struct {
	client   *ent.Client
	db       dialect.ExecQuerier
	hasher   Hasher
	clock    func() time.Time
	attempts *Attempts
	limits   Limits
	// strangers and devices are queued apart, so that a flood of strangers leaves remembered devices a way in.
	strangers, devices *Queue
	// decoy is what a password is compared with where there is no user, so that it takes as long.
	decoy  string
	counts loginCounts
}

// Attempt is what a person logs in with.
type Attempt struct {
	Email, Password string
	// Device is the DeviceToken of an earlier login; empty for none.
	Device string
	// Client is the network address that the attempt comes from. The zero address has no limit of its own: give it for a
	// proxy that logs everybody in.
	Client netip.Addr
}

// Login is a login that succeeded. The tokens are told here and nowhere else.
type Login struct {
	User      User
	Token     string
	ExpiresAt time.Time
	// DeviceToken makes later attempts with this address count apart from strangers' for [DeviceLifetime], or until the
	// password changes.
	DeviceToken string
	// Warning is why the attempt could not be given back, which does not matter to the login. It is safe to log.
	Warning error
}

// NewLogins hashes one password, for the comparison where there is no user. The errors are [ErrKey] and the hasher's.
func NewLogins(ctx context.Context, o LoginOptions) (*Logins, error) {
	attempts, err := NewAttempts(o.DB, o.Key)
	if err != nil {
		return nil, err
	}
	decoy, err := o.Hasher.Hash(ctx, newToken())
	if err != nil {
		return nil, fmt.Errorf("hash the decoy: %w", err)
	}
	return &Logins{
		client: o.Client, db: o.DB, hasher: o.Hasher, clock: o.Clock, decoy: decoy,
		attempts: attempts, limits: o.Limits.withDefaults(),
		strangers: NewQueue(o.Queue), devices: NewQueue(QueueOptions{AtOnce: 1, Waiting: o.Queue.Waiting}),
	}, nil
}

// Login opens a session for the user with the address and the password. The errors are [ErrBusy] when too many attempts
// wait, before any database work; [ErrTooManyAttempts], before any hash; and [ErrCredentials] for everything that is wrong
// with the address or the password, after the same number of hashes: one, or two where the password is not NFC.
//
// An attempt is counted before its password is hashed, and given back when the password was right or nothing was hashed.
func (l *Logins) Login(ctx context.Context, a Attempt) (login Login, err error) {
	defer func() { l.counts.add(err) }()
	email, _ := NormalizeEmail(a.Email) // "" for an invalid address
	device, remembered := l.attempts.device(a.Device, email, l.clock())
	leave, err := l.enter(ctx, a, email, remembered)
	if err != nil {
		return Login{}, fmt.Errorf("wait for a turn to hash: %w", err)
	}
	defer leave()
	user, hash, err := l.find(ctx, email)
	if err != nil {
		return Login{}, err
	}
	counters := l.strangerCounters(a, email)
	if remembered && l.attempts.current(device, hash) {
		counters = []counter{{l.attempts.deviceKey(email, device), l.limits.Address}}
	}
	now := instant(l.clock) // a window may have ended meanwhile
	if err := l.attempts.count(ctx, now, counters); err != nil {
		return Login{}, err
	}
	login, err = l.verify(ctx, user, hash, a.Password)
	if errors.Is(err, ErrCredentials) {
		return Login{}, err
	}
	uncounted := l.attempts.giveBack(ctx, now, counters)
	if err != nil {
		return Login{}, errors.Join(err, uncounted)
	}
	login.Warning = uncounted
	return login, nil
}

// enter waits for a turn. The devices of an account share a line, because each login makes another one.
func (l *Logins) enter(ctx context.Context, a Attempt, email string, remembered bool) (leave func(), err error) {
	if remembered {
		return l.devices.Enter(ctx, email)
	}
	return l.strangers.Enter(ctx, clientOf(a.Client).String())
}

// strangerCounters are of the address and the client. An invalid address is counted by its text.
func (l *Logins) strangerCounters(a Attempt, email string) []counter {
	counters := []counter{{l.attempts.addressKey(cmp.Or(email, a.Email)), l.limits.Address}}
	if client := clientOf(a.Client); client.IsValid() {
		counters = append(counters, counter{l.attempts.clientKey(client), l.limits.Client})
	}
	return counters
}

// verify checks the password and opens a session. No database connection is held while it hashes.
func (l *Logins) verify(ctx context.Context, user *ent.PortalUser, hash, password string) (Login, error) {
	same, outdated, err := l.compare(ctx, password, hash)
	if err != nil {
		return Login{}, fmt.Errorf("compare a password: %w", err)
	}
	if !same || user == nil {
		return Login{}, ErrCredentials
	}
	if outdated {
		if err := l.rehash(ctx, user, password); err != nil {
			return Login{}, err
		}
	}
	return l.open(ctx, user)
}

// compare checks a password in its normal form. Hashes made before passwords were normalized are of the bytes as they
// were typed, so those are tried as well where they differ; outdated is true when only they matched.
func (l *Logins) compare(ctx context.Context, password, hash string) (same, outdated bool, err error) {
	normal := normalizePassword(password)
	same, err = l.hasher.Compare(ctx, normal, hash)
	if err != nil || same || normal == password {
		return same, false, err
	}
	same, err = l.hasher.Compare(ctx, password, hash)
	return same, same, err
}

// rehash replaces a hash of a password that was not normalized. If another login has done so already, its hash counts. If
// the password is being changed at this moment, the other change wins, and open notices.
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

// find returns the user, or nil for one who may not log in, and always a hash to compare with.
func (l *Logins) find(ctx context.Context, email string) (*ent.PortalUser, string, error) {
	user, err := l.client.PortalUser.Query().Where(portaluser.Email(email)).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		return nil, l.decoy, nil
	case err != nil:
		return nil, "", fmt.Errorf("look up a user: %w", err)
	case user.DisabledAt != nil:
		return nil, l.decoy, nil // so that the right password takes as long as a wrong one
	}
	return user, user.HashedPassword, nil
}

// FOR SHARE waits for a concurrent change of the user and reads the row again, so that no session opens between a new
// password and the end of the old one's sessions.
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
	return Login{
		User: userOf(user), Token: token, ExpiresAt: ends,
		DeviceToken: l.attempts.newDevice(user.Email, user.HashedPassword, now),
	}, nil
}

func userOf(u *ent.PortalUser) User {
	return User{ID: u.ID, Email: u.Email, Name: u.Name, IsAdmin: u.IsAdmin, DisabledAt: u.DisabledAt}
}
