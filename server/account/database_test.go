package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
)

// failingRows fails at one place of a query.
type failingRows struct {
	brokenDB
	entsql.ColumnScanner

	at     string
	closed bool
}

func (r *failingRows) fail(at string) error {
	if r.at == at {
		return errBroken
	}
	return nil
}

func (r *failingRows) Query(_ context.Context, _ string, _, v any) error {
	v.(*entsql.Rows).ColumnScanner = r
	return r.fail("query")
}

func (r *failingRows) Next() bool        { return r.at == "scan" }
func (r *failingRows) Scan(...any) error { return r.fail("scan") }
func (r *failingRows) Err() error        { return r.fail("rows") }

func (r *failingRows) Close() error {
	r.closed = true
	return nil
}

// TestAnUncountedAttemptIsNotTried: without a count there is no limit.
func TestAnUncountedAttemptIsNotTried(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"query", "scan", "rows"} {
		db := &failingRows{at: at}
		l := newLogins(t, tight(), func(o *account.LoginOptions) { o.DB = db })
		err := l.try(t, adaPassword, "", "")
		require.ErrorIs(t, err, errBroken, at)
		require.ErrorContains(t, err, "count a login attempt", at)
		require.Equal(t, at != "query", db.closed, "rows are closed")
		require.Zero(t, l.client.PortalSession.Query().CountX(t.Context()))
	}
}

func TestAnAttemptThatIsNotGivenBack(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight(), func(o *account.LoginOptions) { o.DB = failing{o.DB.(dialect.Driver), "UPDATE login_attempts"} })
	in, err := l.Login(t.Context(), account.Attempt{Email: ada, Password: adaPassword})
	require.NoError(t, err, "the login does not depend on it")
	require.NotEmpty(t, in.Token)
	require.ErrorIs(t, in.Warning, errBroken)
	require.ErrorContains(t, in.Warning, "give a login attempt back")
	require.Equal(t, 1, l.open(t))
}

// TestAHashThatIsNotReplaced: the login fails, and can be repeated.
func TestAHashThatIsNotReplaced(t *testing.T) {
	t.Parallel()
	l := newLogins(t, tight(), func(o *account.LoginOptions) {
		o.Client = ent.NewClient(ent.Driver(failing{o.DB.(dialect.Driver), `UPDATE "portal_users"`}))
	})
	old, err := cheap().Hash(t.Context(), decomposed)
	require.NoError(t, err)
	l.client.PortalUser.Update().Where(portaluser.Email(ada)).SetHashedPassword(old).ExecX(t.Context())
	err = l.try(t, decomposed, "", "")
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "store a password's hash")

	l.hasher.refuse = errHash
	err = l.try(t, decomposed, "", "")
	require.ErrorIs(t, err, errHash)
	require.ErrorContains(t, err, "hash a password")
	require.Zero(t, l.open(t))
	require.Zero(t, l.client.PortalSession.Query().CountX(t.Context()))
}

func TestClearingAttemptsFails(t *testing.T) {
	t.Parallel()
	counts, err := account.NewAttempts(brokenDB{errBroken}, make([]byte, 32))
	require.NoError(t, err)
	require.ErrorIs(t, counts.Clear(t.Context(), ada), errBroken)
	require.ErrorIs(t, counts.Clear(t.Context(), "no address"), account.ErrEmail)
}

// failing fails statements that contain a text.
type failing struct {
	dialect.Driver

	text string
}

func (d failing) Exec(ctx context.Context, query string, args, v any) error {
	if strings.Contains(query, d.text) {
		return errBroken
	}
	return d.Driver.Exec(ctx, query, args, v)
}

func (d failing) Query(ctx context.Context, query string, args, v any) error {
	if strings.Contains(query, d.text) {
		return errBroken
	}
	return d.Driver.Query(ctx, query, args, v)
}

var errBroken = errors.New("the database is broken")

type brokenDB struct{ err error }

func (b brokenDB) Exec(context.Context, string, any, any) error  { return b.err }
func (b brokenDB) Query(context.Context, string, any, any) error { return b.err }

// A database that does not answer is an error of its own, neither success nor a wrong password.
func TestDatabaseThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	user := account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"}
	_, err := h.users.Create(t.Context(), user)
	require.NoError(t, err)
	in, err := h.logins.Login(t.Context(), account.Attempt{Email: user.Email, Password: user.Password})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, do := range map[string]func() error{
		"login": func() error {
			_, err := h.logins.Login(ctx, account.Attempt{Email: user.Email, Password: user.Password})
			return err
		},
		"authenticate": func() error { _, err := h.sessions.Authenticate(ctx, in.Token, tenancy.ID{}); return err },
		"end":          func() error { return h.sessions.End(ctx, account.Principal{}) },
		"sweep":        func() error { return h.sessions.Sweep(ctx) },
		"create":       func() error { _, err := h.users.Create(ctx, user); return err },
		"password":     func() error { return h.users.SetPassword(ctx, user.Email, "another horse") },
		"disable":      func() error { return h.users.Disable(ctx, user.Email) },
	} {
		require.ErrorIs(t, do(), context.Canceled, name)
	}
	_, err = h.sessions.Authenticate(t.Context(), in.Token, tenancy.ID{})
	require.NoError(t, err, "nothing was changed")
}
