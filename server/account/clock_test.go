package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
)

const (
	window = 10 * time.Minute
	day    = 24 * time.Hour
)

// TestClockSetBack: windows that were opened while the clock was ahead last no longer than others.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{Address: account.Limit{Attempts: 2, Window: window}})
	fail := func() (retryAfter time.Duration) {
		t.Helper()
		_, err := b.login(t, attempt{password: "wrong horse"})
		if attempts, ok := errors.AsType[*account.AttemptsError](err); ok {
			return attempts.RetryAfter
		}
		require.ErrorIs(t, err, account.ErrCredentials)
		return 0
	}
	b.now = b.now.Add(30 * day)
	for range 2 {
		require.Zero(t, fail())
	}
	require.Equal(t, window, fail())
	b.now = b.now.Add(-30 * day)
	require.Equal(t, window, fail(), "not a month")
	b.now = b.now.Add(window - time.Second)
	require.Equal(t, time.Second, fail(), "an attempt does not extend the window")
	b.now = b.now.Add(time.Second)
	require.Zero(t, fail())
	b.now = b.now.Add(365 * day)
	require.Zero(t, fail(), "a clock set ahead only ends a window")
}

// TestSessionFromClockAhead: a session that was opened while the clock was ahead lasts no longer than others.
func TestSessionFromClockAhead(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	b.now = b.now.Add(30 * day)
	login := b.expect(t, nil, attempt{})
	b.now = b.now.Add(-30 * day)
	principal := b.expectSession(t, nil, login.Token)
	require.NoError(t, principal.Warning)
	require.Equal(t, b.now.Add(account.IdleLifetime), principal.SessionEnds.In(b.now.Location()))
	session := b.client.PortalSession.Query().OnlyX(t.Context())
	require.True(t, b.now.Equal(session.LastSeenAt), "last_seen_at is updated")

	ends := b.now.Add(account.Lifetime)
	for b.now.Add(account.IdleLifetime).Before(ends) {
		b.now = b.now.Add(account.IdleLifetime - time.Second)
		b.expectSession(t, nil, login.Token)
	}
	b.now = ends.Add(-time.Second)
	require.Equal(t, ends, b.expectSession(t, nil, login.Token).SessionEnds.In(b.now.Location()))
	b.now = ends
	b.expectSession(t, account.ErrNoSession, login.Token)
}

// TestIdleSessionEnds: a session that is not used ends earlier than its lifetime.
func TestIdleSessionEnds(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	login := b.expect(t, nil, attempt{})
	require.Equal(t, b.now.Add(account.IdleLifetime), login.ExpiresAt.In(b.now.Location()))
	b.now = b.now.Add(account.IdleLifetime - time.Second)
	b.expectSession(t, nil, login.Token)
	b.now = b.now.Add(account.IdleLifetime)
	b.expectSession(t, account.ErrNoSession, login.Token)
}
