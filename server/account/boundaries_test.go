package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestLongestEmail(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", 250) + "@b.c"
	got, err := account.NormalizeEmail(" " + longest)
	require.NoError(t, err)
	require.Equal(t, longest, got)
	_, err = account.NormalizeEmail(strings.Repeat(" ", 4*254-len("ada@b.c")) + "ada@b.c")
	require.NoError(t, err)
	for name, email := range map[string]string{
		"address too long":     "a" + longest,
		"too much white space": strings.Repeat(" ", 4*254+1-len("ada@b.c")) + "ada@b.c",
	} {
		_, err := account.NormalizeEmail(email)
		require.ErrorIs(t, err, account.ErrEmail, name)
	}
}

func TestPasswordLengths(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, account.CheckPassword("correct\x00horse"), account.ErrPassword)
	for length, ok := range map[int]bool{7: false, 8: true, 1024: true, 1025: false} {
		err := account.CheckPassword(strings.Repeat("x", length))
		if ok {
			require.NoError(t, err, length)
		} else {
			require.ErrorIs(t, err, account.ErrPassword, length)
		}
	}
}

func TestAddressLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{Address: account.Limit{Attempts: 2, Window: time.Hour}})
	require.ErrorIs(t, b.try(t, "wrong horse", "", ""), account.ErrCredentials)
	require.NoError(t, b.try(t, adaPassword, "", ""), "the second of two")
	require.ErrorIs(t, b.try(t, "wrong horse", "", ""), account.ErrCredentials, "a successful login is refunded")
	err := b.try(t, adaPassword, "", "")
	require.ErrorIs(t, err, account.ErrTooManyAttempts)
	var limit *account.AttemptsError
	require.ErrorAs(t, err, &limit)
	require.Equal(t, time.Hour, limit.RetryAfter)
	_, err = b.login(t, "bob@example.com", "wrong horse")
	require.ErrorIs(t, err, account.ErrCredentials, "addresses are counted separately")
}

func TestDefaultAddressLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, account.Limits{})
	for i := range 11 {
		want := account.ErrCredentials
		if i == 10 {
			want = account.ErrTooManyAttempts
		}
		err := b.try(t, "wrong horse", "", "")
		require.ErrorIs(t, err, want, i)
		require.ErrorContains(t, err, want.Error())
	}
}

// TestLoginDatabaseFailure: a login whose count or user cannot be read fails before the comparison.
func TestLoginDatabaseFailure(t *testing.T) {
	t.Parallel()
	closed, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for name, change := range map[string]func(*account.LoginOptions){
		"count": func(o *account.LoginOptions) { o.DB = brokenDB{errBroken} },
		"user":  func(o *account.LoginOptions) { o.Client = ent.NewClient(ent.Driver(closed)) },
	} {
		b := setup(t, noLimits(), change)
		err := b.try(t, adaPassword, "", "")
		require.Error(t, err, name)
		require.NotErrorIs(t, err, account.ErrCredentials, name)
		require.Zero(t, b.hasher.compared.Load(), name)
	}
}

// TestCountOutcomeUnknown: a login has no effect if it is unknown whether its attempt was counted.
func TestCountOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{pgtenant.ErrConnection, &pgconn.PgError{Code: "57P01"}} {
		lost := fmt.Errorf("%w (%w)", cause, pgtenant.ErrOutcomeUnknown)
		b := setup(t, noLimits(), func(o *account.LoginOptions) { o.DB = brokenDB{lost} })
		err := b.try(t, adaPassword, "", "")
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, pgtenant.ErrNoEffect)
		require.NotErrorIs(t, err, pgtenant.ErrOutcomeUnknown)
	}
}

func TestHasherFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	b.hasher.before = func() error { return account.ErrBusy }
	err := b.try(t, adaPassword, "", "")
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
	login := b.mustLogin(t)
	principal, err := b.sessions.Authenticate(t.Context(), login.Token, tenancy.ID{})
	require.NoError(t, err)
	require.Equal(t, login.User, principal.User)
	require.NoError(t, b.users.Disable(t.Context(), ada))
	require.ErrorIs(t, b.try(t, adaPassword, "", ""), account.ErrCredentials)
	_, err = b.sessions.Authenticate(t.Context(), login.Token, tenancy.ID{})
	require.ErrorIs(t, err, account.ErrNoSession)
	require.NoError(t, b.users.Enable(t.Context(), ada))
	b.mustLogin(t)
}

// TestDummyHashMatch: a password that matches the dummy hash opens no session.
func TestDummyHashMatch(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	b.hasher.acceptEvery = true
	_, err := b.login(t, "unknown@example.com", "any")
	require.ErrorIs(t, err, account.ErrCredentials)
	require.NoError(t, b.try(t, "any", "", ""))
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
		login, err := b.login(t, ada, adaPassword)
		require.ErrorIs(t, err, account.ErrCredentials, name)
		require.Empty(t, login, name)
		require.NoError(t, b.users.Enable(t.Context(), ada))
	}
	b.hasher.before = nil
	b.mustLogin(t)
}
