package account_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const window = 10 * time.Minute

// timed is an account service whose clock can be set.
type timed struct {
	driver   *pgtenant.Driver
	client   *ent.Client
	now      time.Time
	logins   *account.Logins
	sessions *account.Sessions
}

func newTimed(t *testing.T) *timed {
	t.Helper()
	s := &timed{now: time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return s.now }
	var err error
	s.driver = openDriver(t)
	s.client = ent.NewClient(ent.Driver(s.driver))
	s.logins, err = account.NewLogins(t.Context(), account.LoginOptions{
		Client: s.client, DB: s.driver, Hasher: cheap(), Clock: clock, Key: make([]byte, 32),
		Limits: account.Limits{Address: account.Limit{Attempts: 2, Window: window}},
	})
	require.NoError(t, err)
	s.sessions = account.NewSessions(s.driver, clock)
	_, err = account.NewUsers(s.client, cheap(), clock).
		Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"})
	require.NoError(t, err)
	return s
}

// wrong logs in with a wrong password, and returns after how long another attempt is allowed.
func (s *timed) wrong(ctx context.Context, t *testing.T) time.Duration {
	t.Helper()
	_, err := s.logins.Login(ctx, account.Attempt{Email: "ada@example.com", Password: "wrong horse"})
	require.Error(t, err)
	if attempts, ok := errors.AsType[*account.AttemptsError](err); ok {
		return attempts.RetryAfter
	}
	require.ErrorIs(t, err, account.ErrCredentials)
	return 0
}

// TestAClockThatIsSetBackLocksNobodyOut: attempts that were counted while the clock was ahead end after a window.
func TestAClockThatIsSetBackLocksNobodyOut(t *testing.T) {
	t.Parallel()
	s := newTimed(t)
	s.now = s.now.Add(30 * 24 * time.Hour)
	for range 2 {
		require.Zero(t, s.wrong(t.Context(), t))
	}
	require.Equal(t, window, s.wrong(t.Context(), t))
	s.now = s.now.Add(-30 * 24 * time.Hour)
	require.Equal(t, window, s.wrong(t.Context(), t), "not a month")
	s.now = s.now.Add(window - time.Second)
	require.Equal(t, time.Second, s.wrong(t.Context(), t), "and trying does not prolong it")
	s.now = s.now.Add(time.Second)
	require.Zero(t, s.wrong(t.Context(), t))
	s.now = s.now.Add(365 * 24 * time.Hour)
	require.Zero(t, s.wrong(t.Context(), t), "a clock that is set ahead only ends a window")
}

// TestASessionFromTheFutureLastsNoLonger: one that began while the clock was ahead.
func TestASessionFromTheFutureLastsNoLonger(t *testing.T) {
	t.Parallel()
	s := newTimed(t)
	s.now = s.now.Add(30 * 24 * time.Hour)
	in, err := s.logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
	require.NoError(t, err)
	s.now = s.now.Add(-30 * 24 * time.Hour)
	principal, err := s.sessions.Authenticate(t.Context(), in.Token, tenancy.ID{})
	require.NoError(t, err)
	require.NoError(t, principal.Warning)
	require.Equal(t, s.now.Add(account.Lifetime), principal.SessionEnds)
	session := s.client.PortalSession.Query().OnlyX(t.Context())
	require.True(t, s.now.Equal(session.LastSeenAt), "its use is noted")

	s.now = s.now.Add(account.Lifetime - time.Second)
	_, err = s.sessions.Authenticate(t.Context(), in.Token, tenancy.ID{})
	require.NoError(t, err)
	s.now = s.now.Add(time.Second)
	_, err = s.sessions.Authenticate(t.Context(), in.Token, tenancy.ID{})
	require.ErrorIs(t, err, account.ErrNoSession)
}
