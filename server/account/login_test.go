package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/server/account"
)

var errHash = errors.New("out of memory")

func TestRefunds(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	for range 10 {
		require.NoError(t, b.try(t, adaPassword, "", "192.0.2.1"))
	}
	login := b.mustLogin(t)
	require.NoError(t, login.Warning)
	require.Zero(t, b.failedAttempts(t))
	require.ErrorIs(t, b.try(t, "wrong", "", "192.0.2.1"), account.ErrCredentials)
	require.Equal(t, 2, b.failedAttempts(t), "a failure counts for the address and the client")
	require.NoError(t, b.try(t, adaPassword, "", "192.0.2.1"))
	require.Equal(t, 2, b.failedAttempts(t), "success keeps earlier failures")

	b.hasher.before = func() error { return errHash }
	for range 10 {
		require.ErrorIs(t, b.try(t, "wrong", "", "192.0.2.1"), errHash)
	}
	require.Equal(t, 2, b.failedAttempts(t), "nothing was hashed")
	b.hasher.before = nil

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		_, err := b.logins.Login(ctx, account.Attempt{Email: ada, Password: "wrong"})
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, 2, b.failedAttempts(t), "the client disconnected before the hash")
}

// TestConcurrentLoginsLockNoAccount: correct logins above the limit are rejected and refunded.
func TestConcurrentLoginsLockNoAccount(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	hold := make(chan struct{})
	b.hasher.before = func() error { <-hold; return nil }
	outcomes := make(chan error, 8)
	for range cap(outcomes) {
		go func() { outcomes <- b.try(t, adaPassword, "", "") }()
	}
	for range 5 {
		require.ErrorIs(t, <-outcomes, account.ErrTooManyAttempts)
	}
	close(hold)
	for range 3 {
		require.NoError(t, <-outcomes)
	}
	require.Zero(t, b.failedAttempts(t))
	require.NoError(t, b.try(t, adaPassword, "", ""))
}

func TestInvalidAddressesAreCountedSeparately(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	try := func(email string) error {
		_, err := b.login(t, email, "wrong")
		return err
	}
	for range 3 {
		require.ErrorIs(t, try("ada"), account.ErrCredentials)
	}
	require.ErrorIs(t, try("ada"), account.ErrTooManyAttempts)
	require.ErrorIs(t, try("uma"), account.ErrCredentials)
}

// TestWindowAfterWaiting: an attempt is counted at the time it stops waiting.
func TestWindowAfterWaiting(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := setup(t, tightLimits(), func(o *account.LoginOptions) {
		o.Clock = func() time.Time {
			now = now.Add(time.Hour)
			return now
		}
	})
	require.ErrorIs(t, b.try(t, "wrong", "", ""), account.ErrCredentials)
	attempt := b.client.LoginAttempt.Query().OnlyX(t.Context())
	require.WithinDuration(t, now.Add(time.Minute), attempt.WindowEnds, time.Second)
}

func TestDefaultClientLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	spray := func(i int) error {
		_, err := b.logins.Login(t.Context(), account.Attempt{
			Email: fmt.Sprintf("a%d@example.com", i), Password: "wrong", Client: netip.MustParseAddr("192.0.2.1"),
		})
		return err
	}
	for i := range 100 {
		require.ErrorIs(t, spray(i), account.ErrCredentials)
	}
	b.now = b.now.Add(15*time.Minute - time.Second)
	require.ErrorIs(t, spray(100), account.ErrTooManyAttempts)
	b.now = b.now.Add(time.Second)
	require.NoError(t, b.try(t, adaPassword, "", "192.0.2.1"))
}

// TestPasswordChangeForgetsDevices: with the old password an attacker could have collected device tokens, each with a
// separate count.
func TestPasswordChangeForgetsDevices(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	login := b.mustLogin(t)
	require.NoError(t, b.users.SetPassword(t.Context(), ada, "another long password"))
	for range 3 {
		require.ErrorIs(t, b.try(t, adaPassword, login.DeviceToken, ""), account.ErrCredentials)
	}
	require.ErrorIs(t, b.try(t, "another long password", "", ""), account.ErrTooManyAttempts, "counted as an unknown device")
}

// TestDeviceFromClockAhead: a token from beyond the tolerated clock skew is invalid.
func TestDeviceFromClockAhead(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	for _, tt := range []struct {
		ahead time.Duration
		want  error
	}{{time.Hour, nil}, {time.Hour + time.Second, account.ErrTooManyAttempts}} {
		b.now = b.now.Add(tt.ahead)
		login := b.mustLogin(t)
		b.now = b.now.Add(-tt.ahead)
		for range 3 {
			require.ErrorIs(t, b.try(t, "wrong", "", ""), account.ErrCredentials)
		}
		require.ErrorIs(t, b.try(t, adaPassword, login.DeviceToken, ""), tt.want)
		require.NoError(t, b.attempts.Clear(t.Context(), ada))
	}
}

func TestClientLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	spray := func(client, email string) error {
		_, err := b.logins.Login(t.Context(), account.Attempt{Email: email, Password: "wrong", Client: netip.MustParseAddr(client)})
		return err
	}
	for i := range 5 {
		require.ErrorIs(t, spray("2001:db8::"+string(rune('1'+i)), string(rune('a'+i))+"@example.com"), account.ErrCredentials)
	}
	compared := b.hasher.compared.Load()
	var tooMany *account.AttemptsError
	for range 5 {
		require.ErrorAs(t, spray("2001:db8::ffff", ada), &tooMany)
	}
	require.Equal(t, time.Minute, tooMany.RetryAfter)
	require.Equal(t, compared, b.hasher.compared.Load(), "nothing is hashed")
	require.NoError(t, b.try(t, adaPassword, "", "2001:db8:0:1::1"), "another /64; the rejected attempts were refunded")
	require.NoError(t, b.try(t, adaPassword, "", ""), "no client address")
	require.ErrorIs(t, b.try(t, adaPassword, "", "2001:db8::1"), account.ErrTooManyAttempts)
	b.now = b.now.Add(time.Minute)
	require.NoError(t, b.try(t, adaPassword, "", "2001:db8::1"))
}

func TestIPv4MappedClients(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	for i := range 5 {
		_, err := b.logins.Login(t.Context(), account.Attempt{
			Email: fmt.Sprintf("a%d@example.com", i), Password: "wrong", Client: netip.MustParseAddr("::ffff:192.0.2.1"),
		})
		require.ErrorIs(t, err, account.ErrCredentials)
	}
	require.ErrorIs(t, b.try(t, adaPassword, "", "192.0.2.1"), account.ErrTooManyAttempts)
	require.NoError(t, b.try(t, adaPassword, "", "::ffff:192.0.2.2"))
}

func TestKnownDevice(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	login := b.mustLogin(t)
	b.createUser(t, "eve@example.com", adaPassword)
	eve, err := b.login(t, "eve@example.com", adaPassword)
	require.NoError(t, err)
	second := b.mustLogin(t)

	for range 3 {
		require.ErrorIs(t, b.try(t, "wrong", "", ""), account.ErrCredentials)
	}
	forged := login.DeviceToken[:len(login.DeviceToken)-2] + "AA"
	altered := login.DeviceToken[:20] + "AAAA" + login.DeviceToken[24:]
	for name, device := range map[string]string{
		"none": "", "garbage": "kdt_AAAA", "another account's": eve.DeviceToken, "forged": forged, "session token": login.Token,
		"altered": altered, "without prefix": strings.TrimPrefix(login.DeviceToken, "kdt_"),
	} {
		require.ErrorIs(t, b.try(t, adaPassword, device, ""), account.ErrTooManyAttempts, name)
	}
	require.NoError(t, b.try(t, adaPassword, login.DeviceToken, ""), "the owner can log in")
	require.NoError(t, b.try(t, adaPassword, login.DeviceToken, ""), "more than once")

	for range 3 {
		require.ErrorIs(t, b.try(t, "wrong", login.DeviceToken, ""), account.ErrCredentials)
	}
	require.ErrorIs(t, b.try(t, adaPassword, login.DeviceToken, ""), account.ErrTooManyAttempts, "a device has a limit")
	require.NoError(t, b.try(t, adaPassword, second.DeviceToken, ""), "separate for each device, even if issued at the same instant")

	require.NoError(t, b.attempts.Clear(t.Context(), " ADA@example.com"))
	require.NoError(t, b.try(t, adaPassword, login.DeviceToken, ""), "clears the device's count")
	require.NoError(t, b.try(t, adaPassword, "", ""), "and that of unknown devices")

	b.now = b.now.Add(account.DeviceLifetime)
	for range 3 {
		require.ErrorIs(t, b.try(t, "wrong", "", ""), account.ErrCredentials)
	}
	require.ErrorIs(t, b.try(t, adaPassword, login.DeviceToken, ""), account.ErrTooManyAttempts, "expired")
}

func TestPasswordsAreNormalized(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	require.NoError(t, b.users.SetPassword(t.Context(), ada, decomposed))
	for _, typed := range []string{composed, decomposed} {
		require.NoError(t, b.try(t, typed, "", ""), "%q", typed)
	}

	old := b.storeHash(t, decomposed)
	require.ErrorIs(t, b.try(t, composed, "", ""), account.ErrCredentials, "a hash of other bytes")
	require.NoError(t, b.try(t, decomposed, "", ""))
	require.NotEqual(t, old, b.client.PortalUser.Query().Where(portaluser.Email(ada)).OnlyX(t.Context()).HashedPassword)
	for _, typed := range []string{composed, decomposed} {
		require.NoError(t, b.try(t, typed, "", ""), "%q, after the hash was replaced", typed)
	}
}

func TestConcurrentRehash(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	b.storeHash(t, decomposed)
	b.hasher.before = func() error { // a second login during the comparison
		b.hasher.before = nil
		return b.try(t, decomposed, "", "")
	}
	require.NoError(t, b.try(t, decomposed, "", ""))

	b.storeHash(t, decomposed)
	b.hasher.before = func() error {
		b.hasher.before = nil
		return b.users.SetPassword(t.Context(), ada, adaPassword)
	}
	require.ErrorIs(t, b.try(t, decomposed, "", ""), account.ErrCredentials, "the password was changed during the comparison")
}

// TestFailuresHashEqually: one comparison, or two if the password is not in NFC.
func TestFailuresHashEqually(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	b.createUser(t, "disabled@example.com", decomposed)
	require.NoError(t, b.users.Disable(t.Context(), "disabled@example.com"))
	for _, email := range []string{ada, "disabled@example.com", "unknown@example.com", "invalid"} {
		for password, want := range map[string]int64{composed: 1, decomposed: 2} {
			before := b.hasher.compared.Load()
			_, err := b.logins.Login(t.Context(), account.Attempt{Email: email, Password: password})
			require.ErrorIs(t, err, account.ErrCredentials)
			require.Equal(t, want, b.hasher.compared.Load()-before, "%s %q", email, password)
		}
	}
}
