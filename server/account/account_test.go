package account_test

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const (
	ada, adaPassword = "ada@example.com", "correct horse"
	composed         = "P\u00e4ssw\u00f6rt1"
	decomposed       = "Pa\u0308sswo\u0308rt1"
)

// testBundle is the package on a database with one user, Ada.
type testBundle struct {
	driver   *pgtenant.Driver
	client   *ent.Client
	options  account.LoginOptions
	logins   *account.Logins
	sessions *account.Sessions
	attempts *account.Attempts
	users    *account.Users
	hasher   *testHasher
	now      time.Time // of all clocks
}

func setup(t *testing.T, limits account.Limits, changes ...func(*account.LoginOptions)) *testBundle {
	t.Helper()
	drv, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL, pgtenant.WithMaxConns(4))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	b := &testBundle{driver: drv, client: ent.NewClient(ent.Driver(drv)), hasher: &testHasher{Argon2: cheap()}, now: time.Now().Truncate(time.Second)}
	key := make([]byte, 32)
	clock := func() time.Time { return b.now }
	b.options = account.LoginOptions{
		Client: b.client, DB: drv, Hasher: b.hasher, Hashing: account.SemaphoreOptions{Concurrency: 8},
		Clock: clock, Key: key, Limits: limits,
	}
	for _, change := range changes {
		change(&b.options)
	}
	b.logins, err = account.NewLogins(t.Context(), b.options)
	require.NoError(t, err)
	b.attempts, err = account.NewAttempts(drv, key)
	require.NoError(t, err)
	b.sessions = account.NewSessions(drv, clock)
	b.users = account.NewUsers(b.client, b.hasher, clock)
	b.createUser(t, ada, adaPassword)
	return b
}

func (b *testBundle) createUser(t *testing.T, email, password string) {
	t.Helper()
	_, err := b.users.Create(t.Context(), account.NewUser{Email: email, Name: "Ada", Password: password})
	require.NoError(t, err)
}

// attempt is a login attempt. Empty fields are Ada's address and password, no device and no client address.
type attempt struct{ email, password, device, client string }

func (b *testBundle) login(t *testing.T, a attempt) (account.Login, error) {
	t.Helper()
	var client netip.Addr
	if a.client != "" {
		client = netip.MustParseAddr(a.client)
	}
	login, err := b.logins.Login(t.Context(), account.Attempt{
		Email: cmp.Or(a.email, ada), Password: cmp.Or(a.password, adaPassword), Device: a.device, Client: client,
	})
	assert.Equal(t, err == nil, login.Token != "")
	return login, err
}

func (b *testBundle) expect(t *testing.T, want error, a attempt) account.Login {
	t.Helper()
	login, err := b.login(t, a)
	require.ErrorIs(t, err, want, "%+v", a)
	return login
}

func (b *testBundle) fail(t *testing.T, n int, a attempt) {
	t.Helper()
	a.password = "wrong horse"
	for range n {
		b.expect(t, account.ErrCredentials, a)
	}
}

func (b *testBundle) expectSession(t *testing.T, want error, token string) account.Principal {
	t.Helper()
	principal, err := b.sessions.Authenticate(t.Context(), token, tenancy.ID{})
	require.ErrorIs(t, err, want)
	return principal
}

// storeHash stores a hash of password without normalization, as earlier versions did.
func (b *testBundle) storeHash(t *testing.T, password string) (hash string) {
	t.Helper()
	hash, err := cheap().Hash(t.Context(), password)
	require.NoError(t, err)
	b.client.PortalUser.Update().Where(portaluser.Email(ada)).SetHashedPassword(hash).ExecX(t.Context())
	return hash
}

// failedAttempts returns the sum of all counts in open windows.
func (b *testBundle) failedAttempts(t *testing.T) (sum int) {
	t.Helper()
	for _, a := range b.client.LoginAttempt.Query().AllX(t.Context()) {
		if a.WindowEnds.After(b.now) {
			sum += a.Count
		}
	}
	return sum
}

// testHasher counts comparisons. Its fields make it fail, call back or accept every password.
type testHasher struct {
	account.Argon2

	compared    atomic.Int64
	before      func() error // of each comparison
	hashErr     error
	acceptEvery bool
}

func (h *testHasher) Hash(ctx context.Context, password string) (string, error) {
	if h.hashErr != nil {
		return "", h.hashErr
	}
	return h.Argon2.Hash(ctx, password)
}

func (h *testHasher) Compare(ctx context.Context, password, hash string) (bool, error) {
	h.compared.Add(1)
	if h.before != nil {
		if err := h.before(); err != nil {
			return false, err
		}
	}
	if h.acceptEvery {
		return true, nil
	}
	return h.Argon2.Compare(ctx, password, hash)
}

func cheap() account.Argon2 {
	return account.Argon2{Params: account.Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}}
}

func tightLimits() account.Limits {
	return account.Limits{
		Address: account.Limit{Attempts: 3, Window: time.Minute}, Client: account.Limit{Attempts: 5, Window: time.Minute},
	}
}

func noLimits() account.Limits {
	unlimited := account.Limit{Attempts: 1 << 20, Window: time.Hour}
	return account.Limits{Address: unlimited, Client: unlimited}
}

func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", 250) + "@b.c"
	const most = 4*254 - len("ada@b.c") // white space
	for in, want := range map[string]string{
		"ada@example.com":                       "ada@example.com",
		"  Ada@EXAMPLE.com\n":                   "ada@example.com",
		"a+b@x.org":                             "a+b@x.org",
		"Jose\u0301@example.com":                "jos\u00e9@example.com",
		"ÄDA@example.com":                       "äda@example.com",
		"":                                      "",
		"ada":                                   "",
		"@example.com":                          "",
		"ada@":                                  "",
		"a@b@c":                                 "",
		"a da@example.com":                      "",
		"ada@exam\u00a0ple.com":                 "",
		"ada\x00@example.com":                   "",
		"ada@example.com\u200b":                 "",
		"\u0915\u094d\u200d\u0915@example.com":  "", // a joiner where the profile allows it
		"\xff@example.com":                      "",
		"\u0130@example.com":                    "i\u0307@example.com", // a capital I with a dot is no i
		"\u0131@example.com":                    "\u0131@example.com",
		"\uff21da@example.com":                  "ada@example.com", // full width
		"\u039f\u0394\u039f\u03a3@x.org":        "\u03bf\u03b4\u03bf\u03c3@x.org",
		"\u0627\u0628@example.com":              "\u0627\u0628@example.com", // right to left
		"\ufb01@example.com":                    "",                         // a ligature
		"ada@example..com":                      "",
		"ada\uff20b@example.com":                "", // a second @, full width
		" " + longest:                           longest,
		"a" + longest:                           "",
		strings.Repeat(" ", most) + "ada@b.c":   "ada@b.c",
		strings.Repeat(" ", most+1) + "ada@b.c": "",
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

func TestArgon2(t *testing.T) {
	t.Parallel()
	h := cheap()
	one, err := h.Hash(t.Context(), adaPassword)
	require.NoError(t, err)
	two, err := h.Hash(t.Context(), adaPassword)
	require.NoError(t, err)
	require.NotEqual(t, one, two, "salted")
	require.True(t, strings.HasPrefix(one, "$argon2id$v=19$m=64,t=1,p=1$"), one)
	for password, want := range map[string]bool{adaPassword: true, adaPassword + " ": false, "": false} {
		same, err := h.Compare(t.Context(), password, one)
		require.NoError(t, err)
		require.Equal(t, want, same)
	}
	require.Equal(t, account.Params{MemoryKiB: 19456, Iterations: 2, Parallelism: 1}, account.OWASP())
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]error{
		strings.Repeat("x", 7): account.ErrPassword, strings.Repeat("x", 8): nil,
		strings.Repeat("x", 1024): nil, strings.Repeat("x", 1025): account.ErrPassword,
		"correct\x00horse": account.ErrPassword, strings.Repeat("\xff", 8): account.ErrPassword,
	} {
		require.ErrorIs(t, account.CheckPassword(password), want, password)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	valid := account.NewUser{Email: " Eve@Example.com", Name: " Eve ", Password: "correct horse"}
	user, err := b.users.Create(t.Context(), valid)
	require.NoError(t, err)
	require.Equal(t, "eve@example.com", user.Email)
	require.Equal(t, "Eve", user.Name)
	require.False(t, user.IsAdmin)

	for name, tt := range map[string]struct {
		change func(*account.NewUser)
		want   error
	}{
		"the same address": {func(*account.NewUser) {}, account.ErrTaken},
		"no address":       {func(n *account.NewUser) { n.Email = "ada" }, account.ErrEmail},
		"no name":          {func(n *account.NewUser) { n.Name = " " }, account.ErrName},
		"a name with NUL":  {func(n *account.NewUser) { n.Name = "A\x00" }, account.ErrName},
		"a long name":      {func(n *account.NewUser) { n.Name = strings.Repeat("x", 201) }, account.ErrName},
		"a short password": {func(n *account.NewUser) { n.Password = "1234567" }, account.ErrPassword},
	} {
		n := valid
		tt.change(&n)
		_, err := b.users.Create(t.Context(), n)
		require.ErrorIs(t, err, tt.want, name)
		require.NotContains(t, err.Error(), "correct horse")
	}
	for _, change := range []func(context.Context, string) error{b.users.Disable, b.users.Enable, b.users.Promote, b.users.Demote} {
		require.ErrorIs(t, change(t.Context(), "unknown@example.com"), account.ErrNoUser)
		require.ErrorIs(t, change(t.Context(), "unknown"), account.ErrEmail)
		require.NoError(t, change(t.Context(), "EVE@example.com"))
	}
	require.ErrorIs(t, b.users.SetPassword(t.Context(), ada, "short"), account.ErrPassword)
}

// TestPasswordChangeDuringLogins logs in concurrently with a password change. No session opened with the old password
// may survive it.
func TestPasswordChangeDuringLogins(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	for range 10 {
		require.NoError(t, b.users.SetPassword(t.Context(), ada, "old password"))
		var wg sync.WaitGroup
		tokens := make(chan string, 100)
		for range 4 {
			wg.Go(func() {
				for range 5 {
					login, err := b.login(t, attempt{password: "old password"})
					if err == nil {
						tokens <- login.Token
					} else if !errors.Is(err, account.ErrCredentials) {
						t.Error(err)
					}
				}
			})
		}
		require.NoError(t, b.users.SetPassword(t.Context(), ada, "new password"))
		wg.Wait()
		close(tokens)
		for token := range tokens {
			b.expectSession(t, account.ErrNoSession, token)
		}
	}
	b.expectSession(t, nil, b.expect(t, nil, attempt{password: "new password"}).Token)
}

func TestShortKey(t *testing.T) {
	t.Parallel()
	_, err := account.NewLogins(t.Context(), account.LoginOptions{Hasher: cheap(), Key: make([]byte, 31)})
	require.ErrorIs(t, err, account.ErrKey)
}
