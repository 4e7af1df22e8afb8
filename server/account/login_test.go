package account_test

import (
	"context"
	"errors"
	"fmt"
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
	here := attempt{client: "192.0.2.1"}
	for range 10 {
		require.NoError(t, b.expect(t, nil, here).Warning)
	}
	require.Zero(t, b.failedAttempts(t))
	b.fail(t, 1, here)
	require.Equal(t, 2, b.failedAttempts(t), "a failure counts for the address and the client")
	b.expect(t, nil, here)
	require.Equal(t, 2, b.failedAttempts(t), "success keeps earlier failures")

	b.hasher.before = func() error { return errHash }
	for range 10 {
		b.expect(t, errHash, here)
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
		go func() {
			_, err := b.login(t, attempt{})
			outcomes <- err
		}()
	}
	for range 5 {
		require.ErrorIs(t, <-outcomes, account.ErrTooManyAttempts)
	}
	close(hold)
	for range 3 {
		require.NoError(t, <-outcomes)
	}
	require.Zero(t, b.failedAttempts(t))
	b.expect(t, nil, attempt{})
}

func TestInvalidAddressesAreCountedSeparately(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	b.fail(t, 3, attempt{email: "ada"})
	b.expect(t, account.ErrTooManyAttempts, attempt{email: "ada"})
	b.fail(t, 1, attempt{email: "uma"})
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
	b.fail(t, 1, attempt{})
	require.WithinDuration(t, now.Add(time.Minute), b.client.LoginAttempt.Query().OnlyX(t.Context()).WindowEnds, time.Second)
}

func (b *testBundle) spray(t *testing.T, n int, client string) {
	t.Helper()
	for i := range n {
		b.fail(t, 1, attempt{email: fmt.Sprintf("a%d@example.com", i), client: client})
	}
}

func TestDefaultClientLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	here := attempt{client: "192.0.2.1"}
	b.spray(t, 100, here.client)
	b.now = b.now.Add(15*time.Minute - time.Second)
	b.expect(t, account.ErrTooManyAttempts, here)
	b.now = b.now.Add(time.Second)
	b.expect(t, nil, here)
}

// TestPasswordChangeForgetsDevices: with the old password an attacker could have collected device tokens, each with a
// separate count.
func TestPasswordChangeForgetsDevices(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	login := b.expect(t, nil, attempt{})
	require.NoError(t, b.users.SetPassword(t.Context(), ada, "another long password"))
	b.fail(t, 3, attempt{device: login.DeviceToken})
	b.expect(t, account.ErrTooManyAttempts, attempt{password: "another long password"}) // counted as an unknown device
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
		login := b.expect(t, nil, attempt{})
		b.now = b.now.Add(-tt.ahead)
		b.fail(t, 3, attempt{})
		b.expect(t, tt.want, attempt{device: login.DeviceToken})
		require.NoError(t, b.attempts.Clear(t.Context(), ada))
	}
}

func TestClientLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	for i := range 5 {
		b.fail(t, 1, attempt{email: fmt.Sprintf("b%d@example.com", i), client: fmt.Sprintf("2001:db8::%d", i)})
	}
	compared := b.hasher.compared.Load()
	var tooMany *account.AttemptsError
	for range 5 {
		_, err := b.login(t, attempt{password: "wrong horse", client: "2001:db8::ffff"})
		require.ErrorAs(t, err, &tooMany)
	}
	require.Equal(t, time.Minute, tooMany.RetryAfter)
	require.Equal(t, compared, b.hasher.compared.Load(), "nothing is hashed")
	b.expect(t, nil, attempt{client: "2001:db8:0:1::1"}) // another /64; the rejected attempts were refunded
	b.expect(t, nil, attempt{})
	b.expect(t, account.ErrTooManyAttempts, attempt{client: "2001:db8::1"})

	b.spray(t, 5, "::ffff:192.0.2.1")
	b.expect(t, account.ErrTooManyAttempts, attempt{client: "192.0.2.1"}) // the same as the mapped one
	b.expect(t, nil, attempt{client: "::ffff:192.0.2.2"})

	b.now = b.now.Add(time.Minute)
	b.expect(t, nil, attempt{client: "2001:db8::1"})
}

func TestKnownDevice(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	login := b.expect(t, nil, attempt{})
	b.createUser(t, "eve@example.com", adaPassword)
	eve := b.expect(t, nil, attempt{email: "eve@example.com"})
	second := attempt{device: b.expect(t, nil, attempt{}).DeviceToken}
	known := attempt{device: login.DeviceToken}

	b.fail(t, 3, attempt{})
	forged := known.device[:len(known.device)-2] + "AA"
	altered := known.device[:20] + "AAAA" + known.device[24:]
	for _, device := range []string{
		"", "kdt_AAAA", eve.DeviceToken, login.Token, forged, altered, strings.TrimPrefix(known.device, "kdt_"),
	} {
		b.expect(t, account.ErrTooManyAttempts, attempt{device: device})
	}
	b.expect(t, nil, known) // the owner can log in
	b.expect(t, nil, known)

	b.fail(t, 3, known)
	b.expect(t, account.ErrTooManyAttempts, known) // a device has a limit
	b.expect(t, nil, second)                       // separate for each device, even if issued at the same instant

	require.NoError(t, b.attempts.Clear(t.Context(), " ADA@example.com"))
	b.expect(t, nil, known)     // clears the device's count
	b.expect(t, nil, attempt{}) // and that of unknown devices

	b.now = b.now.Add(account.DeviceLifetime)
	b.fail(t, 3, attempt{})
	b.expect(t, account.ErrTooManyAttempts, known)
}

func TestPasswordsAreNormalized(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	require.NoError(t, b.users.SetPassword(t.Context(), ada, decomposed))
	b.expect(t, nil, attempt{password: composed})
	b.expect(t, nil, attempt{password: decomposed})

	old := b.storeHash(t, decomposed)
	b.expect(t, account.ErrCredentials, attempt{password: composed}) // a hash of other bytes
	b.expect(t, nil, attempt{password: decomposed})
	require.NotEqual(t, old, b.client.PortalUser.Query().Where(portaluser.Email(ada)).OnlyX(t.Context()).HashedPassword)
	b.expect(t, nil, attempt{password: composed})
	b.expect(t, nil, attempt{password: decomposed})
}

func TestConcurrentRehash(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	old := attempt{password: decomposed}
	duringComparison := func(do func() error) {
		b.storeHash(t, decomposed)
		b.hasher.before = func() error {
			b.hasher.before = nil
			return do()
		}
	}
	duringComparison(func() error {
		_, err := b.login(t, old)
		return err
	})
	b.expect(t, nil, old)
	duringComparison(func() error { return b.users.SetPassword(t.Context(), ada, adaPassword) })
	b.expect(t, account.ErrCredentials, old) // the password was changed
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
			b.expect(t, account.ErrCredentials, attempt{email: email, password: password})
			require.Equal(t, want, b.hasher.compared.Load()-before, "%s %q", email, password)
		}
	}
}
