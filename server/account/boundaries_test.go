package account_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
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
		"one byte more": "a" + longest,
		"an address after more white space than is worth trimming": strings.Repeat(" ", 4*254+1-len("ada@b.c")) + "ada@b.c",
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

func TestLimitOfAttempts(t *testing.T) {
	t.Parallel()
	drv := openDriver(t)
	client := ent.NewClient(ent.Driver(drv))
	logins, err := account.NewLogins(t.Context(), account.LoginOptions{
		Client: client, DB: drv, Hasher: cheap(), Clock: time.Now, Key: make([]byte, 32),
		Limits: account.Limits{Address: account.Limit{Attempts: 2, Window: time.Hour}},
	})
	require.NoError(t, err)
	_, err = account.NewUsers(client, cheap(), time.Now).
		Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"})
	require.NoError(t, err)
	login := func(email, password string) error {
		_, err := logins.Login(t.Context(), account.Attempt{Email: email, Password: password})
		return err
	}

	require.ErrorIs(t, login("ada@example.com", "wrong horse"), account.ErrCredentials)
	require.NoError(t, login("ada@example.com", "correct horse"), "the second of two")
	require.ErrorIs(t, login("ada@example.com", "wrong horse"), account.ErrCredentials, "the login that succeeded did not count")
	err = login("ada@example.com", "correct horse")
	require.ErrorIs(t, err, account.ErrTooManyAttempts)
	var limit *account.AttemptsError
	require.ErrorAs(t, err, &limit)
	require.InDelta(t, time.Hour, limit.RetryAfter, float64(time.Minute))
	require.ErrorIs(t, login("bob@example.com", "wrong horse"), account.ErrCredentials, "addresses are counted apart")
}

func TestDefaultLimitOfAttempts(t *testing.T) {
	t.Parallel()
	drv := openDriver(t)
	logins, err := account.NewLogins(t.Context(), account.LoginOptions{
		Client: ent.NewClient(ent.Driver(drv)), DB: drv, Hasher: cheap(), Clock: time.Now, Key: make([]byte, 32),
	})
	require.NoError(t, err)
	for i := range 11 {
		want := account.ErrCredentials
		if i == 10 {
			want = account.ErrTooManyAttempts
		}
		_, err := logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "wrong horse"})
		require.ErrorIs(t, err, want, i)
		require.ErrorContains(t, err, want.Error())
	}
}

// An attempt that could not be counted, or whose user could not be read, is refused before anything is compared.
func TestLoginWithoutADatabase(t *testing.T) {
	t.Parallel()
	drv := openDriver(t)
	closed, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for name, o := range map[string]account.LoginOptions{
		"not counted": {Client: ent.NewClient(ent.Driver(drv)), DB: brokenDB{errBroken}},
		"not read":    {Client: ent.NewClient(ent.Driver(closed)), DB: drv},
	} {
		hasher := &countingHasher{Hasher: cheap()}
		o.Hasher, o.Clock, o.Key = hasher, time.Now, make([]byte, 32)
		logins, err := account.NewLogins(t.Context(), o)
		require.NoError(t, err)
		_, err = logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
		require.Error(t, err, name)
		require.NotErrorIs(t, err, account.ErrCredentials, name)
		require.Zero(t, hasher.compared.Load(), name)
	}
}

// A login whose attempt may or may not have been counted had no effect.
func TestCountWhoseOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	client := ent.NewClient(ent.Driver(openDriver(t)))
	for _, cause := range []error{pgtenant.ErrConnection, &pgconn.PgError{Code: "57P01"}} {
		lost := fmt.Errorf("%w (%w)", cause, pgtenant.ErrOutcomeUnknown)
		logins, err := account.NewLogins(t.Context(), account.LoginOptions{
			Client: client, DB: brokenDB{lost}, Hasher: cheap(), Clock: time.Now, Key: make([]byte, 32),
		})
		require.NoError(t, err)
		_, err = logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, pgtenant.ErrNoEffect)
		require.NotErrorIs(t, err, pgtenant.ErrOutcomeUnknown)
	}
}

// What the hasher says is passed on: a full queue is not a wrong password.
func TestHasherThatFails(t *testing.T) {
	t.Parallel()
	drv := openDriver(t)
	options := account.LoginOptions{
		Client: ent.NewClient(ent.Driver(drv)), DB: drv, Hasher: failingHasher{hash: true}, Clock: time.Now, Key: make([]byte, 32),
	}
	_, err := account.NewLogins(t.Context(), options)
	require.ErrorIs(t, err, account.ErrBusy, "no decoy")
	options.Hasher = failingHasher{}
	logins, err := account.NewLogins(t.Context(), options)
	require.NoError(t, err)
	_, err = logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
	require.ErrorIs(t, err, account.ErrBusy)
	require.NotErrorIs(t, err, account.ErrCredentials)
	_, err = account.NewUsers(options.Client, failingHasher{hash: true}, time.Now).
		Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"})
	require.ErrorIs(t, err, account.ErrBusy)
	require.Zero(t, options.Client.PortalUser.Query().CountX(t.Context()))
}

// failingHasher compares nothing, and hashes nothing if hash is set.
type failingHasher struct{ hash bool }

func (h failingHasher) Hash(ctx context.Context, password string) (string, error) {
	if h.hash {
		return "", account.ErrBusy
	}
	return cheap().Hash(ctx, password)
}

func (failingHasher) Compare(context.Context, string, string) (bool, error) {
	return false, account.ErrBusy
}

func TestDisabledUserWithTheRightPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.users.Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"})
	require.NoError(t, err)
	in, err := h.logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
	require.NoError(t, err)
	principal, err := h.sessions.Authenticate(t.Context(), in.Token, tenancy.ID{})
	require.NoError(t, err)
	require.Equal(t, in.User, principal.User)
	require.NoError(t, h.users.Disable(t.Context(), "ada@example.com"))
	_, err = h.logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
	require.ErrorIs(t, err, account.ErrCredentials)
	_, err = h.sessions.Authenticate(t.Context(), in.Token, tenancy.ID{})
	require.ErrorIs(t, err, account.ErrNoSession)
	require.NoError(t, h.users.Enable(t.Context(), "ada@example.com"))
	_, err = h.logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
	require.NoError(t, err)
}

// A session that could not be stored is no login.
func TestSessionThatIsNotStored(t *testing.T) {
	t.Parallel()
	drv := openDriver(t)
	client := ent.NewClient(ent.Driver(drv))
	_, err := account.NewUsers(client, cheap(), time.Now).
		Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"})
	require.NoError(t, err)
	logins, err := account.NewLogins(t.Context(), account.LoginOptions{
		Client: client, DB: failing{drv, "portal_sessions"}, Hasher: cheap(), Clock: time.Now, Key: make([]byte, 32),
	})
	require.NoError(t, err)
	in, err := logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
	require.ErrorIs(t, err, errBroken)
	require.Empty(t, in)
}

// A password that matches the decoy hash opens no session.
func TestAPasswordThatMatchesTheDecoy(t *testing.T) {
	t.Parallel()
	l := newLogins(t, account.Limits{}, func(o *account.LoginOptions) {
		o.Hasher = slowHasher{o.Hasher, func() error { return nil }}
	})
	_, err := l.Login(t.Context(), account.Attempt{Email: "unknown@example.com", Password: "any"})
	require.ErrorIs(t, err, account.ErrCredentials)
	require.NoError(t, l.try(t, "any", "", ""))
}

// A user who is changed while the password is compared gets no session with the old one.
func TestUserChangesDuringTheComparison(t *testing.T) {
	t.Parallel()
	drv := openDriver(t)
	client := ent.NewClient(ent.Driver(drv))
	users := account.NewUsers(client, cheap(), time.Now)
	_, err := users.Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"})
	require.NoError(t, err)
	for name, change := range map[string]func() error{
		"a new password": func() error { return users.SetPassword(t.Context(), "ada@example.com", "another horse") },
		"disabled":       func() error { return users.Disable(t.Context(), "ada@example.com") },
	} {
		logins, err := account.NewLogins(t.Context(), account.LoginOptions{
			Client: client, DB: drv, Hasher: slowHasher{cheap(), change}, Clock: time.Now, Key: make([]byte, 32),
		})
		require.NoError(t, err)
		in, err := logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
		require.ErrorIs(t, err, account.ErrCredentials, name)
		require.Empty(t, in, name)
		require.NoError(t, users.Enable(t.Context(), "ada@example.com"))
	}
}

// slowHasher finds every password right, after something has happened.
type slowHasher struct {
	account.Hasher

	meanwhile func() error
}

func (h slowHasher) Compare(context.Context, string, string) (bool, error) {
	return true, h.meanwhile()
}

type countingHasher struct {
	account.Hasher

	compared atomic.Int64
}

func (h *countingHasher) Compare(ctx context.Context, password, hash string) (bool, error) {
	h.compared.Add(1)
	return h.Hasher.Compare(ctx, password, hash)
}
