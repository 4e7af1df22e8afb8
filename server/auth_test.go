package server_test

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
)

func loginBody(email, password string) map[string]any {
	return map[string]any{"email": email, "password": password}
}

//nolint:paralleltest,tparallel // the steps follow each other
func TestLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)

	in := b.post(t, "", "/v1/auth/login", loginBody("  ADMIN@Example.com ", password))
	require.Equal(t, http.StatusOK, in.status, in.body)
	me := in.at(t, "user").(map[string]any)
	require.Len(t, me, 4)
	require.Equal(t, adminEmail, me["email"])
	require.Equal(t, "Ada", me["name"])
	require.Equal(t, true, me["is_admin"])
	require.NotEmpty(t, me["id"])
	session := in.at(t, "session").(map[string]any)
	require.Len(t, session, 2)
	require.Len(t, in.json(t), 3)
	ends, err := time.Parse(time.RFC3339Nano, session["expires_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, b.clock().Add(12*time.Hour), ends, time.Millisecond)

	token := session["token"].(string)
	require.Equal(t, http.StatusOK, b.get(t, token, "/v1/me").status)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM portal_sessions WHERE token_hash LIKE '%' || $1 || '%'`, token), "only a hash is stored")

	t.Run("logout", func(t *testing.T) {
		require.Equal(t, http.StatusNoContent, b.post(t, token, "/v1/auth/logout", nil).status)
		after := b.get(t, token, "/v1/me")
		require.Equal(t, http.StatusUnauthorized, after.status)
		require.Equal(t, "unauthenticated", after.code(t))
		require.Equal(t, `Bearer realm="konstruct"`, after.header.Get("WWW-Authenticate"))
		require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/me").status, "other sessions are kept")
	})
	t.Run("expiry", func(t *testing.T) {
		token := b.login(t, userEmail)
		b.advance(12*time.Hour - time.Second)
		require.Equal(t, http.StatusOK, b.get(t, token, "/v1/me").status)
		b.advance(time.Second)
		require.Equal(t, http.StatusUnauthorized, b.get(t, token, "/v1/me").status)
	})
}

// TestFailedLoginsAreIndistinguishable: each takes one hash and returns the same body.
func TestFailedLoginsAreIndistinguishable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.createUser(t, account.NewUser{Email: "disabled@example.com", Name: "Dan", Password: password})
	require.NoError(t, b.users.Disable(t.Context(), "disabled@example.com"))

	var first response
	for name, body := range map[string]map[string]any{
		"unknown address":   loginBody("unknown@example.com", password),
		"wrong password":    loginBody(userEmail, "wrong horse battery"),
		"disabled user":     loginBody("disabled@example.com", password),
		"invalid address":   loginBody("unknown", password),
		"control character": loginBody("un\x01known@example.com", password),
		"upper case":        loginBody(userEmail, strings.ToUpper(password)),
		"short password":    loginBody(userEmail, "x"),
	} {
		before := b.hasher.compared.Load()
		got := b.post(t, "", "/v1/auth/login", body)
		require.Equal(t, int64(1), b.hasher.compared.Load()-before, name)
		require.Equal(t, http.StatusUnauthorized, got.status, name)
		require.Equal(t, "invalid_credentials", got.code(t), name)
		require.NotContains(t, got.body, `"user"`)
		if first.body == "" {
			first = got
		}
		require.Equal(t, first.stableBody(), got.stableBody(), name)
	}
	require.Equal(t, http.StatusOK, b.post(t, "", "/v1/auth/login", loginBody(userEmail, password)).status)
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
		got := b.do(t, http.MethodPost, "", "/v1/auth/login", body)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, body)
		require.Equal(t, "validation_failed", got.code(t))
		require.Equal(t, []string{field}, got.fields(t), body)
	}
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM login_attempts WHERE window_ends > $1`, b.clock()), "no attempt is counted")
}

// TestLoginFromAuthJS sends all fields of the form of Auth.js.
func TestLoginFromAuthJS(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := func(password string) map[string]any {
		return map[string]any{
			"email": adminEmail, "password": password, "csrfToken": "4f1d", "callbackUrl": "https://portal.example/", "redirect": false,
		}
	}
	require.Equal(t, http.StatusOK, b.post(t, "", "/v1/auth/login", form(password)).status)
	require.Equal(t, http.StatusUnauthorized, b.post(t, "", "/v1/auth/login", form("wrong horse battery")).status)
	other := b.post(t, b.admin, "/v1/tenants", map[string]any{"name": "a", "slug": "a", "csrfToken": "4f1d"})
	require.Equal(t, []string{"body.csrfToken"}, other.fields(t), "other operations reject unknown fields")
}

// TestLoginFromKnownDevice: wrong passwords from unknown devices do not lock the owner out.
func TestLoginFromKnownDevice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := loginBody(userEmail, password)
	in := b.post(t, "", "/v1/auth/login", body)
	device := in.at(t, "device_token").(string)
	require.NotEmpty(t, device)
	for range 10 {
		require.Equal(t, http.StatusUnauthorized, b.post(t, "", "/v1/auth/login", loginBody(userEmail, "wrong")).status)
	}
	require.Equal(t, http.StatusTooManyRequests, b.post(t, "", "/v1/auth/login", body).status)
	body["device_token"] = device
	require.Equal(t, http.StatusOK, b.post(t, "", "/v1/auth/login", body).status)
	require.Equal(t, http.StatusUnauthorized, b.get(t, device, "/v1/me").status, "not a session token")
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
				body := loginBody(string(rune('a'+i))+"@example.com", "wrong")
				statuses[b.do(t, http.MethodPost, "", "/v1/auth/login", body, header...).status]++
			}
			want := map[int]int{http.StatusUnauthorized: 4}
			if tt.limited {
				want = map[int]int{http.StatusUnauthorized: 2, http.StatusTooManyRequests: 2}
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
	try := func(email, password string) response {
		return b.post(t, "", "/v1/auth/login", loginBody(email, password))
	}
	answers := map[string]response{}
	for _, email := range []string{userEmail, "unknown@example.com"} {
		for range 3 {
			require.Equal(t, http.StatusUnauthorized, try(email, "wrong").status)
		}
		b.advance(10 * time.Second)
		before := b.hasher.compared.Load()
		refused := try(email, password)
		require.Equal(t, http.StatusTooManyRequests, refused.status)
		require.Equal(t, "too_many_attempts", refused.code(t))
		require.Equal(t, "50", refused.header.Get("Retry-After"))
		require.Equal(t, before, b.hasher.compared.Load(), "nothing is hashed")
		answers[email] = refused
	}
	require.Equal(t, answers[userEmail].stableBody(), answers["unknown@example.com"].stableBody())
	require.Equal(t, http.StatusTooManyRequests, try(" USER@example.com", password).status, "another spelling of the address")
	require.Equal(t, http.StatusOK, try(adminEmail, password).status, "other addresses are not limited")
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM login_attempts WHERE key LIKE '%@%'`), "the table contains no address")

	b.advance(time.Minute) // rejected attempts do not extend the window
	require.Equal(t, http.StatusOK, try(userEmail, password).status)
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, try(userEmail, "wrong").status, "the successful login was refunded")
	}
	require.Equal(t, http.StatusTooManyRequests, try(userEmail, password).status)
}

// TestHashingIsBounded: while the queue is full, no connection is held and other operations work.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) {
		o.Hashing = account.SemaphoreOptions{Concurrency: 1, MaxWaiting: 2}
	})
	hold := make(chan struct{})
	b.hasher.hold.Store(&hold)
	before := b.hasher.compared.Load()

	var waiting sync.WaitGroup
	statuses := make(chan int, 20)
	for range 20 { // 1 hashes, 2 wait, 17 are rejected
		waiting.Go(func() { statuses <- b.post(t, "", "/v1/auth/login", loginBody(userEmail, password)).status })
	}
	for range 17 {
		require.Equal(t, http.StatusServiceUnavailable, <-statuses)
	}
	require.Eventually(t, func() bool { return b.hasher.compared.Load() == before+1 }, 5*time.Second, time.Millisecond)
	attempts, trips := b.queryInt(t, `SELECT coalesce(sum(count), 0) FROM login_attempts`), b.trips.Count()
	busy := b.post(t, "", "/v1/auth/login", loginBody("unknown@example.com", password))
	require.Equal(t, attempts, b.queryInt(t, `SELECT coalesce(sum(count), 0) FROM login_attempts`), "not counted without a hash")
	require.Equal(t, trips, b.trips.Count(), "no round trip while the queue is full")
	require.Equal(t, http.StatusServiceUnavailable, busy.status)
	require.Equal(t, "overloaded", busy.code(t))
	require.Equal(t, "1", busy.header.Get("Retry-After"))
	require.Zero(t, b.driver.Pool().Stat().AcquiredConns(), "no connection is held while hashing")
	require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/me").status)

	b.hasher.hold.Store(nil)
	close(hold)
	waiting.Wait()
	close(statuses)
	for status := range statuses {
		require.Equal(t, http.StatusOK, status)
	}
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM login_attempts WHERE window_ends > $1`, b.clock()), "correct passwords are refunded")
}

func TestUserChangesEndSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func() error{
		"the password":     func() error { return b.users.SetPassword(t.Context(), adminEmail, password) },
		"being enabled":    func() error { return b.users.Disable(t.Context(), adminEmail) },
		"the admin's role": func() error { return b.users.Demote(t.Context(), adminEmail) },
	} {
		require.NoError(t, b.users.Enable(t.Context(), adminEmail))
		require.NoError(t, b.users.Promote(t.Context(), adminEmail))
		one, two := b.login(t, adminEmail), b.login(t, adminEmail)
		require.Equal(t, http.StatusOK, b.get(t, one, "/v1/tenants").status, name)
		require.NoError(t, change(), name)
		require.Equal(t, http.StatusUnauthorized, b.get(t, one, "/v1/tenants").status, name)
		require.Equal(t, http.StatusUnauthorized, b.get(t, two, "/v1/me").status, name)
		require.Equal(t, http.StatusOK, b.get(t, b.user, "/v1/me").status, "other users' sessions are kept")
	}
}

// TestPrincipalIsReadPerRequest changes the row by SQL, which ends no session.
func TestPrincipalIsReadPerRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)

	require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/tenants").status)
	b.exec(t, `UPDATE portal_users SET is_admin = false WHERE email = $1`, adminEmail)
	require.Equal(t, http.StatusForbidden, b.get(t, b.admin, "/v1/tenants").status)
	b.exec(t, `UPDATE portal_users SET disabled_at = now() WHERE email = $1`, adminEmail)
	require.Equal(t, http.StatusUnauthorized, b.get(t, b.admin, "/v1/me").status)
}
