package server_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
)

const wrongPassword = "wrong horse battery"

func TestLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)

	in := b.tryLogin(t, "  ADMIN@Example.com ", password).is(200)
	me := in.at("user").(object)
	require.NotEmpty(t, me["id"])
	require.Equal(t, object{"id": me["id"], "email": adminEmail, "name": "Ada", "is_admin": true}, me)
	require.Len(t, in.at("session"), 2)
	require.Len(t, in.json(), 3)
	ends, err := time.Parse(time.RFC3339Nano, in.at("session", "expires_at").(string))
	require.NoError(t, err)
	require.WithinDuration(t, b.clock().Add(12*time.Hour), ends, time.Millisecond)

	admin := client{b, in.at("session", "token").(string)}
	admin.get(t, "/v1/me").is(200)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM portal_sessions WHERE token_hash LIKE '%' || $1 || '%'`, admin.token), "only a hash is stored")
	admin.post(t, "/v1/auth/logout", nil).is(204)
	after := admin.get(t, "/v1/me").is(401)
	require.Equal(t, `Bearer realm="konstruct"`, after.header.Get("WWW-Authenticate"))
	b.admin.get(t, "/v1/me").is(200) // other sessions are kept

	user := b.login(t, userEmail)
	b.advance(12*time.Hour - time.Second)
	user.get(t, "/v1/me").is(200)
	b.advance(12 * time.Hour)
	user.get(t, "/v1/me").is(401) // idle
}

// TestFailedLoginsAreIndistinguishable: each takes one hash and returns the same body.
func TestFailedLoginsAreIndistinguishable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.createUser(t, account.NewUser{Email: "disabled@example.com", Name: "Dan"})
	require.NoError(t, b.users.Disable(t.Context(), "disabled@example.com"))

	first := b.tryLogin(t, userEmail, wrongPassword).is(401, "invalid_credentials")
	require.NotContains(t, first.body, `"user"`)
	for _, tt := range []struct{ email, password string }{
		{"unknown@example.com", password},
		{"disabled@example.com", password},
		{"unknown", password},
		{"un\x01known@example.com", password},
		{userEmail, strings.ToUpper(password)},
		{userEmail, "x"},
	} {
		before := b.hasher.compared.Load()
		b.tryLogin(t, tt.email, tt.password).sameAs(first)
		require.Equal(t, int64(1), b.hasher.compared.Load()-before, tt.email)
	}
	b.tryLogin(t, userEmail, password).is(200)
}

func TestLoginValidation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for body, field := range map[string]string{
		`{"password": "x"}`:                                               "body.email",
		`{"email": "a@example.com"}`:                                      "body.password",
		`{"email": "", "password": "x"}`:                                  "body.email",
		`{"email": "a@example.com", "password": null}`:                    "body.password",
		`{"email": ["a"], "password": "x"}`:                               "body.email",
		`{"email": "a", "password": "x", "device_token": 7}`:              "body.device_token",
		`{"email": "a", "password": "` + strings.Repeat("x", 1025) + `"}`: "body.password",
	} {
		b.anyone.post(t, "/v1/auth/login", body).invalid(field)
	}
	require.Zero(t, b.openAttempts(t))
}

func (b *testBundle) openAttempts(t *testing.T) int {
	t.Helper()
	return b.queryInt(t, `SELECT count(*) FROM login_attempts WHERE window_ends > $1`, b.clock())
}

// TestLoginFromAuthJS sends all fields of the form of Auth.js.
func TestLoginFromAuthJS(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := object{"email": adminEmail, "password": password, "csrfToken": "4f1d", "callbackUrl": "https://portal.example/", "redirect": false}
	b.anyone.post(t, "/v1/auth/login", form).is(200)
	form["password"] = wrongPassword
	b.anyone.post(t, "/v1/auth/login", form).is(401, "invalid_credentials")
	b.admin.post(t, "/v1/tenants", `{"name": "a", "slug": "a", "csrfToken": "4f1d"}`).invalid("body.csrfToken")
}

// TestLoginFromKnownDevice: wrong passwords from unknown devices do not lock the owner out.
func TestLoginFromKnownDevice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	device := b.tryLogin(t, userEmail, password).at("device_token").(string)
	require.NotEmpty(t, device)
	for range 10 {
		b.tryLogin(t, userEmail, wrongPassword).is(401, "invalid_credentials")
	}
	b.tryLogin(t, userEmail, password).is(429)
	b.anyone.post(t, "/v1/auth/login", object{"email": userEmail, "password": password, "device_token": device}).is(200)
	client{b, device}.get(t, "/v1/me").is(401)
}

// TestClientLimit: client addresses have a limit, trusted proxies and loopback do not.
func TestClientLimit(t *testing.T) {
	t.Parallel()
	const peer = "192.0.2.1/32" // httptest's
	for name, tt := range map[string]struct {
		proxies   []netip.Prefix
		forwarded string
		limited   bool
	}{
		"client":                {nil, "", true},
		"untrusted header":      {nil, "198.51.100.7", true},
		"proxy":                 {networks(peer), "", false},
		"network of a proxy":    {networks("192.0.2.0/24"), "", false},
		"client behind a proxy": {networks(peer), "198.51.100.7", true},
		"loopback":              {networks(peer), "127.0.0.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *server.Options) {
				o.TrustedProxies = tt.proxies
				o.LoginLimits.Client = account.Limit{Attempts: 2, Window: time.Minute}
			})
			var header []string
			if tt.forwarded != "" {
				header = []string{"X-Forwarded-For", tt.forwarded}
			}
			statuses := map[int]int{}
			for i := range 4 {
				statuses[b.tryLogin(t, fmt.Sprintf("a%d@example.com", i), wrongPassword, header...).status]++
			}
			want := map[int]int{401: 4}
			if tt.limited {
				want = map[int]int{401: 2, 429: 2}
			}
			require.Equal(t, want, statuses)
		})
	}
}

func TestTooManyAttempts(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) {
		o.LoginLimits.Address = account.Limit{Attempts: 3, Window: time.Minute}
	})
	fail := func(email string) {
		t.Helper()
		for range 3 {
			b.tryLogin(t, email, wrongPassword).is(401, "invalid_credentials")
		}
	}
	exceed := func(email string) response {
		t.Helper()
		fail(email)
		b.advance(10 * time.Second)
		before := b.hasher.compared.Load()
		refused := b.tryLogin(t, email, password).is(429)
		require.Equal(t, "50", refused.header.Get("Retry-After"))
		require.Equal(t, before, b.hasher.compared.Load(), "nothing is hashed")
		return refused
	}
	exceed("unknown@example.com").sameAs(exceed(userEmail))
	b.tryLogin(t, " USER@example.com", password).is(429)
	b.tryLogin(t, adminEmail, password).is(200)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM login_attempts WHERE key LIKE '%@%'`), "the table contains no address")

	b.advance(time.Minute) // rejected attempts do not extend the window
	b.tryLogin(t, userEmail, password).is(200)
	fail(userEmail) // the successful login was refunded
	b.tryLogin(t, userEmail, password).is(429)
}

// TestHashingIsBounded: while the queue is full, no connection is held and other operations work.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) {
		o.Hashing = account.SemaphoreOptions{Concurrency: 1, MaxWaiting: 2}
	})
	release := b.hasher.hold()
	var waiting sync.WaitGroup
	statuses := make(chan int, 20)
	for range 20 { // 1 hashes, 2 wait, 17 are rejected
		waiting.Go(func() { statuses <- b.tryLogin(t, userEmail, password).status })
	}
	for range 17 {
		require.Equal(t, 503, <-statuses)
	}
	b.hasher.waitForHash(t)
	counted := func() int { return b.queryInt(t, `SELECT coalesce(sum(count), 0) FROM login_attempts`) }
	attempts := counted()
	trips := b.roundTrips(func() {
		busy := b.tryLogin(t, "unknown@example.com", password).is(503, "overloaded")
		require.Equal(t, "1", busy.header.Get("Retry-After"))
	})
	require.Zero(t, trips, "no round trip while the queue is full")
	require.Equal(t, attempts, counted(), "not counted without a hash")
	require.Zero(t, b.driver.Pool().Stat().AcquiredConns(), "no connection is held while hashing")
	b.admin.get(t, "/v1/me").is(200)

	release()
	waiting.Wait()
	close(statuses)
	for status := range statuses {
		require.Equal(t, 200, status)
	}
	require.Zero(t, b.openAttempts(t), "correct passwords are refunded")
}

func TestUserChangesEndSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func() error{
		"password": func() error { return b.users.SetPassword(t.Context(), adminEmail, password) },
		"disable":  func() error { return b.users.Disable(t.Context(), adminEmail) },
		"demote":   func() error { return b.users.Demote(t.Context(), adminEmail) },
	} {
		require.NoError(t, b.users.Enable(t.Context(), adminEmail))
		require.NoError(t, b.users.Promote(t.Context(), adminEmail))
		one, two := b.login(t, adminEmail), b.login(t, adminEmail)
		one.get(t, "/v1/tenants").is(200)
		require.NoError(t, change(), name)
		one.get(t, "/v1/tenants").is(401)
		two.get(t, "/v1/me").is(401)
		b.user.get(t, "/v1/me").is(200) // other users' sessions are kept
	}
}

// TestPrincipalIsReadPerRequest changes the row by SQL, which ends no session.
func TestPrincipalIsReadPerRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.admin.get(t, tenant).is(200)
	b.exec(t, `UPDATE portal_users SET is_admin = false WHERE email = $1`, adminEmail)
	b.admin.get(t, tenant).is(404)
	b.admin.post(t, "/v1/tenants", `{"name": "New", "slug": "new"}`).is(403)
	b.exec(t, `UPDATE portal_users SET disabled_at = now() WHERE email = $1`, adminEmail)
	b.admin.get(t, "/v1/me").is(401)
}
