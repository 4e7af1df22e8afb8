package account_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestAddressLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{Address: account.Limit{Attempts: 2, Window: time.Hour}})
	b.fail(t, 1, attempt{})
	b.expect(t, nil, attempt{})
	b.fail(t, 1, attempt{}) // a successful login is refunded
	_, err := b.login(t, attempt{})
	var limit *account.AttemptsError
	require.ErrorAs(t, err, &limit)
	require.ErrorIs(t, err, account.ErrTooManyAttempts)
	require.Equal(t, time.Hour, limit.RetryAfter)
	b.fail(t, 1, attempt{email: "bob@example.com"}) // addresses are counted separately
}

func TestDefaultAddressLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	b.fail(t, 10, attempt{})
	_, err := b.login(t, attempt{password: "wrong horse"})
	require.ErrorIs(t, err, account.ErrTooManyAttempts)
	require.EqualError(t, err, account.ErrTooManyAttempts.Error())
}

// TestCountOutcomeUnknown: a login has no effect if it is unknown whether its attempt was counted.
func TestCountOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{pgtenant.ErrConnection, &pgconn.PgError{Code: "57P01"}} {
		lost := fmt.Errorf("%w (%w)", cause, pgtenant.ErrOutcomeUnknown)
		b := setup(t, noLimits(), func(o *account.LoginOptions) { o.DB = brokenDB{lost} })
		_, err := b.login(t, attempt{})
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, pgtenant.ErrNoEffect)
		require.NotErrorIs(t, err, pgtenant.ErrOutcomeUnknown)
	}
}

func TestHasherFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	b.hasher.before = func() error { return account.ErrBusy }
	_, err := b.login(t, attempt{})
	require.ErrorIs(t, err, account.ErrBusy)
	require.NotErrorIs(t, err, account.ErrCredentials)

	b.hasher.hashErr = account.ErrBusy
	_, err = account.NewLogins(t.Context(), b.options)
	require.ErrorIs(t, err, account.ErrBusy)
	_, err = b.users.Create(t.Context(), account.NewUser{Email: "eve@example.com", Name: "Eve", Password: "correct horse"})
	require.ErrorIs(t, err, account.ErrBusy)
	require.Equal(t, 1, b.client.PortalUser.Query().CountX(t.Context()))
}

func TestDisabledUser(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	login := b.expect(t, nil, attempt{})
	require.Equal(t, login.User, b.expectSession(t, nil, login.Token).User)
	require.NoError(t, b.users.Disable(t.Context(), ada))
	b.expect(t, account.ErrCredentials, attempt{})
	b.expectSession(t, account.ErrNoSession, login.Token)
	require.NoError(t, b.users.Enable(t.Context(), ada))
	b.expect(t, nil, attempt{})
}

// TestDummyHashMatch: a password that matches the dummy hash opens no session.
func TestDummyHashMatch(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	b.hasher.acceptEvery = true
	b.expect(t, account.ErrCredentials, attempt{email: "unknown@example.com"})
	b.expect(t, nil, attempt{password: "any"})
}

func TestUserChangeDuringComparison(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	b.hasher.acceptEvery = true
	for name, change := range map[string]func() error{
		"password": func() error { return b.users.SetPassword(t.Context(), ada, "another horse") },
		"disabled": func() error { return b.users.Disable(t.Context(), ada) },
	} {
		b.hasher.before = change
		require.Empty(t, b.expect(t, account.ErrCredentials, attempt{}), name)
		require.NoError(t, b.users.Enable(t.Context(), ada))
	}
	b.hasher.before = nil
	b.expect(t, nil, attempt{})
}
