package account_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada@example.com":                      "ada@example.com",
		"  Ada@EXAMPLE.com\n":                  "ada@example.com",
		"a+b@x.org":                            "a+b@x.org",
		"Jose\u0301@example.com":               "jos\u00e9@example.com",
		"ÄDA@example.com":                      "äda@example.com",
		"":                                     "",
		"ada":                                  "",
		"@example.com":                         "",
		"ada@":                                 "",
		"a@b@c":                                "",
		"a da@example.com":                     "",
		"ada@exam\u00a0ple.com":                "",
		"ada\x00@example.com":                  "",
		"ada@example.com\u200b":                "",
		"\u0915\u094d\u200d\u0915@example.com": "", // a joiner where the profile allows it
		"\xff@example.com":                     "",
		"\u0130@example.com":                   "i\u0307@example.com", // a capital I with a dot is no i
		"\u0131@example.com":                   "\u0131@example.com",
		"\uff21da@example.com":                 "ada@example.com", // full width
		"\u039f\u0394\u039f\u03a3@x.org":       "\u03bf\u03b4\u03bf\u03c3@x.org",
		"\u0627\u0628@example.com":             "\u0627\u0628@example.com", // right to left
		"\ufb01@example.com":                   "",                         // a ligature
		"ada@example..com":                     "",
		"ada\uff20b@example.com":               "", // a second @, full width
		strings.Repeat("a", 251) + "@b.c":      "",
		strings.Repeat("a", 5000):              "",
	} {
		got, err := account.NormalizeEmail(in)
		require.Equal(t, want, got, "%q", in)
		if want == "" {
			require.ErrorIs(t, err, account.ErrEmail, "%q", in)
			continue
		}
		require.NoError(t, err, "%q", in)
		again, err := account.NormalizeEmail(got)
		require.NoError(t, err)
		require.Equal(t, got, again, "normal is normal")
	}
}

func cheap() account.Argon2 {
	return account.Argon2{Params: account.Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}}
}

func TestArgon2(t *testing.T) {
	t.Parallel()
	h := cheap()
	one, err := h.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	two, err := h.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, one, two, "salted")
	require.True(t, strings.HasPrefix(one, "$argon2id$v=19$m=64,t=1,p=1$"), one)
	for password, want := range map[string]bool{"correct horse": true, "correct horse ": false, "": false} {
		same, err := h.Compare(t.Context(), password, one)
		require.NoError(t, err)
		require.Equal(t, want, same)
	}
	require.Equal(t, account.Params{MemoryKiB: 19456, Iterations: 2, Parallelism: 1}, account.OWASP())
}

// openDriver opens a database of its own for the test.
func openDriver(t *testing.T) *pgtenant.Driver {
	t.Helper()
	drv, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL, pgtenant.WithMaxConns(4))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	return drv
}

type house struct {
	client   *ent.Client
	users    *account.Users
	logins   *account.Logins
	sessions *account.Sessions
}

func newHouse(t *testing.T) house {
	t.Helper()
	drv := openDriver(t)
	client := ent.NewClient(ent.Driver(drv))
	logins, err := account.NewLogins(t.Context(), account.LoginOptions{
		Client: client, DB: drv, Hasher: cheap(), Clock: time.Now, Key: make([]byte, 32),
		Limits: account.Limits{Address: account.Limit{Attempts: 1 << 20, Window: time.Hour}},
	})
	require.NoError(t, err)
	return house{client: client, users: account.NewUsers(client, cheap(), time.Now), logins: logins, sessions: account.NewSessions(drv, time.Now)}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	good := account.NewUser{Email: " Ada@Example.com", Name: " Ada ", Password: "correct horse"}
	user, err := h.users.Create(t.Context(), good)
	require.NoError(t, err)
	require.Equal(t, "ada@example.com", user.Email)
	require.Equal(t, "Ada", user.Name)
	require.False(t, user.IsAdmin)

	for name, tt := range map[string]struct {
		change func(*account.NewUser)
		want   error
	}{
		"the same address":            {func(*account.NewUser) {}, account.ErrTaken},
		"no address":                  {func(n *account.NewUser) { n.Email = "ada" }, account.ErrEmail},
		"no name":                     {func(n *account.NewUser) { n.Name = " " }, account.ErrName},
		"a name with NUL":             {func(n *account.NewUser) { n.Name = "A\x00" }, account.ErrName},
		"a long name":                 {func(n *account.NewUser) { n.Name = strings.Repeat("x", 201) }, account.ErrName},
		"a short password":            {func(n *account.NewUser) { n.Password = "1234567" }, account.ErrPassword},
		"a long password":             {func(n *account.NewUser) { n.Password = strings.Repeat("x", 1025) }, account.ErrPassword},
		"a password that isn't UTF-8": {func(n *account.NewUser) { n.Password = strings.Repeat("\xff", 8) }, account.ErrPassword},
	} {
		n := good
		tt.change(&n)
		_, err := h.users.Create(t.Context(), n)
		require.ErrorIs(t, err, tt.want, name)
		require.NotContains(t, err.Error(), "correct horse")
	}
	for _, change := range []func(context.Context, string) error{h.users.Disable, h.users.Enable, h.users.Promote, h.users.Demote} {
		require.ErrorIs(t, change(t.Context(), "nobody@example.com"), account.ErrNoUser)
		require.ErrorIs(t, change(t.Context(), "nobody"), account.ErrEmail)
		require.NoError(t, change(t.Context(), "ADA@example.com"))
	}
	require.ErrorIs(t, h.users.SetPassword(t.Context(), "ada@example.com", "short"), account.ErrPassword)
}

// TestNoSessionSlipsPastAChange logs in while the password changes. Whoever logged in with the old one has no session
// afterwards, however the two met.
func TestNoSessionSlipsPastAChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.users.Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "old password"})
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, h.users.SetPassword(t.Context(), "ada@example.com", "old password"))
		var wg sync.WaitGroup
		tokens := make(chan string, 100)
		for range 4 {
			wg.Go(func() {
				for range 5 {
					in, err := h.logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "old password"})
					if err == nil {
						tokens <- in.Token
					} else if !errors.Is(err, account.ErrCredentials) {
						t.Error(err)
					}
				}
			})
		}
		require.NoError(t, h.users.SetPassword(t.Context(), "ada@example.com", "new password"))
		wg.Wait()
		close(tokens)
		for token := range tokens {
			_, err := h.sessions.Authenticate(t.Context(), token, tenancy.ID{})
			require.ErrorIs(t, err, account.ErrNoSession)
		}
	}
	in, err := h.logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "new password"})
	require.NoError(t, err)
	_, err = h.sessions.Authenticate(t.Context(), in.Token, tenancy.ID{})
	require.NoError(t, err)
}

func TestSweep(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.users.Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"})
	require.NoError(t, err)
	in, err := h.logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
	require.NoError(t, err)
	_, err = h.logins.Login(t.Context(), account.Attempt{Email: "nobody@example.com", Password: "x"})
	require.ErrorIs(t, err, account.ErrCredentials)

	require.NoError(t, h.sessions.Sweep(t.Context()))
	_, err = h.sessions.Authenticate(t.Context(), in.Token, tenancy.ID{})
	require.NoError(t, err, "what lasts is left")
	require.Equal(t, 1, h.client.LoginAttempt.Query().CountX(t.Context()))

	require.NoError(t, h.client.LoginAttempt.Update().SetWindowEnds(time.Now().Add(-time.Second)).Exec(t.Context()))
	require.NoError(t, h.sessions.Sweep(t.Context()))
	require.Zero(t, h.client.LoginAttempt.Query().CountX(t.Context()))
}

func TestAShortKeyIsRefused(t *testing.T) {
	t.Parallel()
	_, err := account.NewLogins(t.Context(), account.LoginOptions{Hasher: cheap(), Key: make([]byte, 31)})
	require.ErrorIs(t, err, account.ErrKey)
}
