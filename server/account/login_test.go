package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/server/account"
)

const (
	ada, adaPassword = "ada@example.com", "correct horse"
	composed         = "P\u00e4ssw\u00f6rt1"
	decomposed       = "Pa\u0308sswo\u0308rt1"
)

var errHash = errors.New("no memory")

// watchedHasher counts comparisons, and fails or calls back when told to.
type watchedHasher struct {
	account.Argon2

	compared atomic.Int64
	before   func() error
	refuse   error // of Hash
}

func (h *watchedHasher) Hash(ctx context.Context, password string) (string, error) {
	if h.refuse != nil {
		return "", h.refuse
	}
	return h.Argon2.Hash(ctx, password)
}

func (h *watchedHasher) Compare(ctx context.Context, password, hash string) (bool, error) {
	h.compared.Add(1)
	if h.before != nil {
		if err := h.before(); err != nil {
			return false, err
		}
	}
	return h.Argon2.Compare(ctx, password, hash)
}

type logins struct {
	*account.Logins

	client *ent.Client
	users  *account.Users
	hasher *watchedHasher
	counts *account.Attempts
	now    time.Time
}

// newLogins has one user, Ada.
func newLogins(t *testing.T, limits account.Limits, changes ...func(*account.LoginOptions)) *logins {
	t.Helper()
	drv := openDriver(t)
	l := &logins{client: ent.NewClient(ent.Driver(drv)), hasher: &watchedHasher{Argon2: cheap()}, now: time.Now().Truncate(time.Second)}
	key, err := account.AttemptsKey(make([]byte, 32))
	require.NoError(t, err)
	clock := func() time.Time { return l.now }
	options := account.LoginOptions{
		Client: l.client, DB: drv, Hasher: l.hasher, Queue: account.QueueOptions{AtOnce: 8}, Clock: clock, Key: key, Limits: limits,
	}
	for _, change := range changes {
		change(&options)
	}
	l.Logins, err = account.NewLogins(t.Context(), options)
	require.NoError(t, err)
	l.counts, err = account.NewAttempts(drv, key)
	require.NoError(t, err)
	l.users = account.NewUsers(l.client, l.hasher, clock)
	_, err = l.users.Create(t.Context(), account.NewUser{Email: ada, Name: "Ada", Password: adaPassword})
	require.NoError(t, err)
	return l
}

// try logs Ada in and returns the error.
func (l *logins) try(t *testing.T, password, device, client string) error {
	t.Helper()
	a := account.Attempt{Email: ada, Password: password, Device: device}
	if client != "" {
		a.Client = netip.MustParseAddr(client)
	}
	in, err := l.Login(t.Context(), a)
	assert.Equal(t, err == nil, in.Token != "")
	return err
}

// open is how many failed attempts count at this moment.
func (l *logins) open(t *testing.T) (sum int) {
	t.Helper()
	for _, a := range l.client.LoginAttempt.Query().AllX(t.Context()) {
		if a.WindowEnds.After(l.now) {
			sum += a.Count
		}
	}
	return sum
}

func tight() account.Limits {
	return account.Limits{
		Address: account.Limit{Attempts: 3, Window: time.Minute}, Client: account.Limit{Attempts: 5, Window: time.Minute},
	}
}

func TestAttemptsThatDidNotFailAreGivenBack(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight())
	for range 10 {
		require.NoError(t, l.try(t, adaPassword, "", "192.0.2.1"))
	}
	in, err := l.Login(t.Context(), account.Attempt{Email: ada, Password: adaPassword})
	require.NoError(t, err)
	require.NoError(t, in.Warning)
	require.Zero(t, l.open(t))
	require.ErrorIs(t, l.try(t, "wrong", "", "192.0.2.1"), account.ErrCredentials)
	require.Equal(t, 2, l.open(t), "a failed one counts, by address and by client")
	require.NoError(t, l.try(t, adaPassword, "", "192.0.2.1"))
	require.Equal(t, 2, l.open(t), "success does not forgive the failures before it")

	l.hasher.before = func() error { return errHash }
	for range 10 {
		require.ErrorIs(t, l.try(t, "wrong", "", "192.0.2.1"), errHash)
	}
	require.Equal(t, 2, l.open(t), "nothing was hashed")
	l.hasher.before = nil

	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 10 {
		_, err := l.Login(gone, account.Attempt{Email: ada, Password: "wrong"})
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, 2, l.open(t), "the client was gone before anything was hashed")
}

// TestRightPasswordsAtOnceLockNoAccount: those above the limit are refused, and do not count afterwards.
func TestRightPasswordsAtOnceLockNoAccount(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight())
	hold := make(chan struct{})
	l.hasher.before = func() error { <-hold; return nil }
	outcomes := make(chan error, 8)
	for range cap(outcomes) {
		go func() { outcomes <- l.try(t, adaPassword, "", "") }()
	}
	for range 5 {
		require.ErrorIs(t, <-outcomes, account.ErrTooManyAttempts)
	}
	close(hold)
	for range 3 {
		require.NoError(t, <-outcomes)
	}
	require.Zero(t, l.open(t))
	require.NoError(t, l.try(t, adaPassword, "", ""))
}

// TestInvalidAddressesAreCountedApart: one person's typing errors do not use up the attempts of another.
func TestInvalidAddressesAreCountedApart(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight())
	try := func(email string) error {
		_, err := l.Login(t.Context(), account.Attempt{Email: email, Password: "wrong"})
		return err
	}
	for range 3 {
		require.ErrorIs(t, try("ada"), account.ErrCredentials)
	}
	require.ErrorIs(t, try("ada"), account.ErrTooManyAttempts)
	require.ErrorIs(t, try("uma"), account.ErrCredentials)
}

// TestAnAttemptIsCountedInTheWindowOfItsTurn: the window may have ended while it waited.
func TestAnAttemptIsCountedInTheWindowOfItsTurn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newLogins(t, tight(), func(o *account.LoginOptions) {
		o.Clock = func() time.Time {
			now = now.Add(time.Hour)
			return now
		}
	})
	require.ErrorIs(t, l.try(t, "wrong", "", ""), account.ErrCredentials)
	attempt := l.client.LoginAttempt.Query().OnlyX(t.Context())
	require.WithinDuration(t, now.Add(time.Minute), attempt.WindowEnds, time.Second)
}

func TestADefaultLimitOfClients(t *testing.T) {
	t.Parallel()
	l := newLogins(t, account.Limits{})
	spray := func(i int) error {
		_, err := l.Login(t.Context(), account.Attempt{
			Email: fmt.Sprintf("a%d@example.com", i), Password: "wrong", Client: netip.MustParseAddr("192.0.2.1"),
		})
		return err
	}
	for i := range 100 {
		require.ErrorIs(t, spray(i), account.ErrCredentials)
	}
	l.now = l.now.Add(15*time.Minute - time.Second)
	require.ErrorIs(t, spray(100), account.ErrTooManyAttempts)
	l.now = l.now.Add(time.Second)
	require.NoError(t, l.try(t, adaPassword, "", "192.0.2.1"))
}

// TestADeviceIsForgottenWithItsPassword: who knew the old one could have collected tokens, each with attempts of its own.
func TestADeviceIsForgottenWithItsPassword(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight())
	in, err := l.Login(t.Context(), account.Attempt{Email: ada, Password: adaPassword})
	require.NoError(t, err)
	require.NoError(t, l.users.SetPassword(t.Context(), ada, "another long password"))
	for range 3 {
		require.ErrorIs(t, l.try(t, adaPassword, in.DeviceToken, ""), account.ErrCredentials)
	}
	require.ErrorIs(t, l.try(t, "another long password", "", ""), account.ErrTooManyAttempts, "they counted as a stranger's")
}

// TestADeviceOfAClockThatWasAhead is not remembered until that time comes.
func TestADeviceOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight())
	for _, tt := range []struct {
		ahead time.Duration
		want  error
	}{{time.Hour, nil}, {time.Hour + time.Second, account.ErrTooManyAttempts}} {
		l.now = l.now.Add(tt.ahead)
		in, err := l.Login(t.Context(), account.Attempt{Email: ada, Password: adaPassword})
		require.NoError(t, err)
		l.now = l.now.Add(-tt.ahead)
		for range 3 {
			require.ErrorIs(t, l.try(t, "wrong", "", ""), account.ErrCredentials)
		}
		require.ErrorIs(t, l.try(t, adaPassword, in.DeviceToken, ""), tt.want)
		require.NoError(t, l.counts.Clear(t.Context(), ada))
	}
}

func TestAClientsFailuresAreLimited(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight())
	spray := func(client, email string) error {
		_, err := l.Login(t.Context(), account.Attempt{Email: email, Password: "wrong", Client: netip.MustParseAddr(client)})
		return err
	}
	for i := range 5 {
		// One subscriber has a whole /64.
		require.ErrorIs(t, spray("2001:db8::"+string(rune('1'+i)), string(rune('a'+i))+"@example.com"), account.ErrCredentials)
	}
	compared := l.hasher.compared.Load()
	var tooMany *account.AttemptsError
	for range 5 {
		require.ErrorAs(t, spray("2001:db8::ffff", ada), &tooMany)
	}
	require.Equal(t, time.Minute, tooMany.RetryAfter)
	require.Equal(t, compared, l.hasher.compared.Load(), "nothing is hashed")
	require.NoError(t, l.try(t, adaPassword, "", "2001:db8:0:1::1"), "a refused client uses up no account's limit")
	require.NoError(t, l.try(t, adaPassword, "", ""), "nor one that stands for many people")
	require.ErrorIs(t, l.try(t, adaPassword, "", "2001:db8::1"), account.ErrTooManyAttempts)
	l.now = l.now.Add(time.Minute)
	require.NoError(t, l.try(t, adaPassword, "", "2001:db8::1"))
}

// TestIPv4ClientsAreCountedApart, whichever way they are written.
func TestIPv4ClientsAreCountedApart(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight())
	for i := range 5 {
		_, err := l.Login(t.Context(), account.Attempt{
			Email: fmt.Sprintf("a%d@example.com", i), Password: "wrong", Client: netip.MustParseAddr("::ffff:192.0.2.1"),
		})
		require.ErrorIs(t, err, account.ErrCredentials)
	}
	require.ErrorIs(t, l.try(t, adaPassword, "", "192.0.2.1"), account.ErrTooManyAttempts)
	require.NoError(t, l.try(t, adaPassword, "", "::ffff:192.0.2.2"))
}

func TestARememberedDeviceIsCountedApart(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight())
	in, err := l.Login(t.Context(), account.Attempt{Email: ada, Password: adaPassword})
	require.NoError(t, err)
	other, err := l.users.Create(t.Context(), account.NewUser{Email: "eve@example.com", Name: "Eve", Password: adaPassword})
	require.NoError(t, err)
	eve, err := l.Login(t.Context(), account.Attempt{Email: other.Email, Password: adaPassword})
	require.NoError(t, err)
	second, err := l.Login(t.Context(), account.Attempt{Email: ada, Password: adaPassword})
	require.NoError(t, err)

	for range 3 {
		require.ErrorIs(t, l.try(t, "wrong", "", ""), account.ErrCredentials)
	}
	forged := in.DeviceToken[:len(in.DeviceToken)-2] + "AA"
	altered := in.DeviceToken[:20] + "AAAA" + in.DeviceToken[24:]
	for name, device := range map[string]string{
		"none": "", "garbage": "kdt_AAAA", "another account's": eve.DeviceToken, "a forged one": forged, "a session's": in.Token,
		"an altered one": altered, "one without its prefix": strings.TrimPrefix(in.DeviceToken, "kdt_"),
	} {
		require.ErrorIs(t, l.try(t, adaPassword, device, ""), account.ErrTooManyAttempts, name)
	}
	require.NoError(t, l.try(t, adaPassword, in.DeviceToken, ""), "the owner still gets in")
	require.NoError(t, l.try(t, adaPassword, in.DeviceToken, ""), "more than once")

	for range 3 {
		require.ErrorIs(t, l.try(t, "wrong", in.DeviceToken, ""), account.ErrCredentials)
	}
	require.ErrorIs(t, l.try(t, adaPassword, in.DeviceToken, ""), account.ErrTooManyAttempts, "a stolen token has a limit, too")
	require.NoError(t, l.try(t, adaPassword, second.DeviceToken, ""), "of its own, even where both were made at the same instant")

	require.NoError(t, l.counts.Clear(t.Context(), " ADA@example.com"))
	require.NoError(t, l.try(t, adaPassword, in.DeviceToken, ""), "unlocking clears the device's count")
	require.NoError(t, l.try(t, adaPassword, "", ""), "and the strangers'")

	l.now = l.now.Add(account.DeviceLifetime)
	for range 3 {
		require.ErrorIs(t, l.try(t, "wrong", "", ""), account.ErrCredentials)
	}
	require.ErrorIs(t, l.try(t, adaPassword, in.DeviceToken, ""), account.ErrTooManyAttempts, "a device is not remembered for longer")
}

func TestPasswordsAreNormalized(t *testing.T) {
	t.Parallel()
	l := newLogins(t, account.Limits{})
	require.NoError(t, l.users.SetPassword(t.Context(), ada, decomposed))
	for _, typed := range []string{composed, decomposed} {
		require.NoError(t, l.try(t, typed, "", ""), "%q", typed)
	}

	// A hash made before passwords were normalized.
	old, err := cheap().Hash(t.Context(), decomposed)
	require.NoError(t, err)
	l.client.PortalUser.Update().Where(portaluser.Email(ada)).SetHashedPassword(old).ExecX(t.Context())
	require.ErrorIs(t, l.try(t, composed, "", ""), account.ErrCredentials, "it was made of other bytes")
	require.NoError(t, l.try(t, decomposed, "", ""))
	require.NotEqual(t, old, l.client.PortalUser.Query().Where(portaluser.Email(ada)).OnlyX(t.Context()).HashedPassword)
	for _, typed := range []string{composed, decomposed} {
		require.NoError(t, l.try(t, typed, "", ""), "%q, after the hash was replaced", typed)
	}
}

func TestTwoFirstLoginsAtOnceReplaceAHash(t *testing.T) {
	t.Parallel()
	l := newLogins(t, account.Limits{})
	old, err := cheap().Hash(t.Context(), decomposed)
	require.NoError(t, err)
	l.client.PortalUser.Update().Where(portaluser.Email(ada)).SetHashedPassword(old).ExecX(t.Context())
	l.hasher.before = func() error { // the other one logs in while this one compares
		l.hasher.before = nil
		return l.try(t, decomposed, "", "")
	}
	require.NoError(t, l.try(t, decomposed, "", ""))

	l.client.PortalUser.Update().Where(portaluser.Email(ada)).SetHashedPassword(old).ExecX(t.Context())
	l.hasher.before = func() error {
		l.hasher.before = nil
		return l.users.SetPassword(t.Context(), ada, adaPassword)
	}
	require.ErrorIs(t, l.try(t, decomposed, "", ""), account.ErrCredentials, "the password was changed meanwhile")
}

// TestEachFailureCostsTheSame: one hash, or two where the password is not in normal form.
func TestEachFailureCostsTheSame(t *testing.T) {
	t.Parallel()
	l := newLogins(t, account.Limits{})
	_, err := l.users.Create(t.Context(), account.NewUser{Email: "gone@example.com", Name: "Gone", Password: decomposed})
	require.NoError(t, err)
	require.NoError(t, l.users.Disable(t.Context(), "gone@example.com"))
	for _, email := range []string{ada, "gone@example.com", "unknown@example.com", "no address"} {
		for password, want := range map[string]int64{composed: 1, decomposed: 2} {
			before := l.hasher.compared.Load()
			_, err := l.Login(t.Context(), account.Attempt{Email: email, Password: password})
			require.ErrorIs(t, err, account.ErrCredentials)
			require.Equal(t, want, l.hasher.compared.Load()-before, "%s %q", email, password)
		}
	}
}
