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
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
)

// failingRows fails at one step of a query.
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

// TestCountFailure: a login whose attempt is not counted fails, because it would not be limited.
func TestCountFailure(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"query", "scan", "rows"} {
		db := &failingRows{at: at}
		b := setup(t, tightLimits(), func(o *account.LoginOptions) { o.DB = db })
		_, err := b.login(t, attempt{})
		require.ErrorIs(t, err, errBroken, at)
		require.ErrorContains(t, err, "count a login attempt", at)
		require.NotErrorIs(t, err, account.ErrCredentials, at)
		require.Zero(t, b.hasher.compared.Load(), at)
		require.Equal(t, at != "query", db.closed, "closes the rows")
		require.Zero(t, b.client.PortalSession.Query().CountX(t.Context()))
	}
}

func setupFailing(t *testing.T, text string) *testBundle {
	t.Helper()
	return setup(t, tightLimits(), func(o *account.LoginOptions) {
		driver := failing{o.DB.(dialect.Driver), text}
		o.DB, o.Client = driver, ent.NewClient(ent.Driver(driver))
	})
}

func TestRefundFailureIsAWarning(t *testing.T) {
	t.Parallel()
	b := setupFailing(t, "UPDATE login_attempts")
	login := b.expect(t, nil, attempt{})
	require.ErrorIs(t, login.Warning, errBroken)
	require.ErrorContains(t, login.Warning, "refund a login attempt")
	require.Equal(t, 1, b.failedAttempts(t))
}

func TestLoginFailure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`FROM "portal_users"`: "look up a user", `UPDATE "portal_users"`: "store a password's hash", `INSERT INTO portal_sessions`: "open a session",
	} {
		b := setupFailing(t, text)
		b.storeHash(t, decomposed)
		login, err := b.login(t, attempt{password: decomposed})
		require.ErrorIs(t, err, errBroken)
		require.ErrorContains(t, err, want)
		require.Empty(t, login)
		require.Equal(t, want == "look up a user", b.hasher.compared.Load() == 0, "no hash without a user")
		require.NotErrorIs(t, err, account.ErrCredentials)
		require.Zero(t, b.failedAttempts(t))
		require.Zero(t, b.client.PortalSession.Query().CountX(t.Context()))
	}
}

func TestRehashFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, tightLimits())
	b.storeHash(t, decomposed)
	b.hasher.hashErr = errHash
	_, err := b.login(t, attempt{password: decomposed})
	require.ErrorIs(t, err, errHash)
	require.ErrorContains(t, err, "hash a password")
	require.Zero(t, b.failedAttempts(t))
	require.Zero(t, b.client.PortalSession.Query().CountX(t.Context()))
}

func TestClearFailure(t *testing.T) {
	t.Parallel()
	attempts, err := account.NewAttempts(brokenDB{errBroken}, make([]byte, 32))
	require.NoError(t, err)
	require.ErrorIs(t, attempts.Clear(t.Context(), ada), errBroken)
	require.ErrorIs(t, attempts.Clear(t.Context(), "invalid"), account.ErrEmail)
}

// failing fails statements that contain text.
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

var errBroken = errors.New("broken database")

type brokenDB struct{ err error }

func (b brokenDB) Exec(context.Context, string, any, any) error  { return b.err }
func (b brokenDB) Query(context.Context, string, any, any) error { return b.err }

func TestCanceledContext(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	login := b.expect(t, nil, attempt{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, do := range map[string]func() error{
		"login": func() error {
			_, err := b.logins.Login(ctx, account.Attempt{Email: ada, Password: adaPassword})
			return err
		},
		"authenticate": func() error { _, err := b.sessions.Authenticate(ctx, login.Token, tenancy.ID{}); return err },
		"end":          func() error { return b.sessions.End(ctx, account.Principal{}) },
		"create": func() error {
			_, err := b.users.Create(ctx, account.NewUser{Email: "eve@example.com", Name: "Eve", Password: "correct horse"})
			return err
		},
		"password": func() error { return b.users.SetPassword(ctx, ada, "another horse") },
		"disable":  func() error { return b.users.Disable(ctx, ada) },
	} {
		require.ErrorIs(t, do(), context.Canceled, name)
	}
	b.expectSession(t, nil, login.Token) // nothing was changed
}
