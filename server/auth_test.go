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
	w := newWorld(t)

	in := w.post(t, "", "/v1/auth/login", loginBody("  ADMIN@Example.com ", password))
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
	require.WithinDuration(t, w.clock().Add(12*time.Hour), ends, time.Millisecond)

	token := session["token"].(string)
	require.Equal(t, http.StatusOK, w.get(t, token, "/v1/me").status)
	require.Zero(t, w.count(t, `SELECT count(*) FROM portal_sessions WHERE token_hash LIKE '%' || $1 || '%'`, token), "only a hash is stored")

	t.Run("ends by logging out", func(t *testing.T) {
		require.Equal(t, http.StatusNoContent, w.post(t, token, "/v1/auth/logout", nil).status)
		after := w.get(t, token, "/v1/me")
		require.Equal(t, http.StatusUnauthorized, after.status)
		require.Equal(t, "unauthenticated", after.code(t))
		require.Equal(t, `Bearer realm="konstruct"`, after.header.Get("WWW-Authenticate"))
		require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/me").status, "other sessions go on")
	})
	t.Run("ends after twelve hours", func(t *testing.T) {
		token := w.login(t, userEmail)
		w.pass(12*time.Hour - time.Second)
		require.Equal(t, http.StatusOK, w.get(t, token, "/v1/me").status)
		w.pass(time.Second)
		require.Equal(t, http.StatusUnauthorized, w.get(t, token, "/v1/me").status)
	})
}

// TestFailedLoginsAreAlike: each costs one hash, and answers the same to the letter.
func TestFailedLoginsAreAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person(t, account.NewUser{Email: "gone@example.com", Name: "Gone", Password: password})
	require.NoError(t, w.users.Disable(t.Context(), "gone@example.com"))

	var first answer
	for name, body := range map[string]map[string]any{
		"an unknown address":                     loginBody("nobody@example.com", password),
		"a wrong password":                       loginBody(userEmail, "wrong horse battery"),
		"a disabled user":                        loginBody("gone@example.com", password),
		"no address at all":                      loginBody("nobody", password),
		"an address with control characters":     loginBody("no\x01body@example.com", password),
		"a password in another case":             loginBody(userEmail, strings.ToUpper(password)),
		"a password that is shorter than any is": loginBody(userEmail, "x"),
	} {
		before := w.hasher.compared.Load()
		got := w.post(t, "", "/v1/auth/login", body)
		require.Equal(t, int64(1), w.hasher.compared.Load()-before, name)
		require.Equal(t, http.StatusUnauthorized, got.status, name)
		require.Equal(t, "invalid_credentials", got.code(t), name)
		require.NotContains(t, got.body, `"user"`)
		if first.body == "" {
			first = got
		}
		require.Equal(t, first.alike(), got.alike(), name)
	}
	require.Equal(t, http.StatusOK, w.post(t, "", "/v1/auth/login", loginBody(userEmail, password)).status)
}

func TestLoginValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	for body, field := range map[string]string{
		`{"password": "x"}`:                                               "body.email",
		`{"email": "a@example.com"}`:                                      "body.password",
		`{"email": "", "password": "x"}`:                                  "body.email",
		`{"email": "a@example.com", "password": null}`:                    "body.password",
		`{"email": ["a"], "password": "x"}`:                               "body.email",
		`{"email": "a", "password": "x", "device_token": 7}`:              "body.device_token",
		`{"email": "a", "password": "` + strings.Repeat("x", 1025) + `"}`: "body.password",
	} {
		got := w.do(t, http.MethodPost, "", "/v1/auth/login", body)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, body)
		require.Equal(t, "validation_failed", got.code(t))
		require.Equal(t, []string{field}, got.fields(t), body)
	}
	require.Zero(t, w.count(t, `SELECT count(*) FROM login_attempts WHERE window_ends > $1`, w.clock()), "nothing was tried")
}

// TestLoginFromAuthJS sends what Auth.js hands to authorize(): all fields of its form.
func TestLoginFromAuthJS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := func(password string) map[string]any {
		return map[string]any{
			"email": adminEmail, "password": password, "csrfToken": "4f1d", "callbackUrl": "https://portal.example/", "redirect": false,
		}
	}
	require.Equal(t, http.StatusOK, w.post(t, "", "/v1/auth/login", form(password)).status)
	require.Equal(t, http.StatusUnauthorized, w.post(t, "", "/v1/auth/login", form("wrong horse battery")).status)
	other := w.post(t, w.admin, "/v1/tenants", map[string]any{"name": "a", "slug": "a", "csrfToken": "4f1d"})
	require.Equal(t, []string{"body.csrfToken"}, other.fields(t), "no other body takes fields that it does not know")
}

// TestLoginFromARememberedDevice: strangers' wrong passwords do not lock the owner of an account out.
func TestLoginFromARememberedDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := loginBody(userEmail, password)
	in := w.post(t, "", "/v1/auth/login", body)
	device := in.at(t, "device_token").(string)
	require.NotEmpty(t, device)
	for range 10 {
		require.Equal(t, http.StatusUnauthorized, w.post(t, "", "/v1/auth/login", loginBody(userEmail, "wrong")).status)
	}
	require.Equal(t, http.StatusTooManyRequests, w.post(t, "", "/v1/auth/login", body).status)
	body["device_token"] = device
	require.Equal(t, http.StatusOK, w.post(t, "", "/v1/auth/login", body).status)
	require.Equal(t, http.StatusUnauthorized, w.get(t, device, "/v1/me").status, "it is no session")
}

// TestWhoseFailuresAreLimited: those of a client's own address; a proxy that logs everybody in has no limit.
func TestWhoseFailuresAreLimited(t *testing.T) {
	t.Parallel()
	const peer = "192.0.2.1/32" // httptest's
	for name, tt := range map[string]struct {
		proxies   []netip.Prefix
		forwarded string
		limited   bool
	}{
		"a client":                           {nil, "", true},
		"a client that claims to be another": {nil, "198.51.100.7", true},
		"a proxy":                            {networks(peer), "", false},
		"a proxy's network":                  {networks("192.0.2.0/24"), "", false},
		"a client behind a proxy":            {networks(peer), "198.51.100.7", true},
		"this machine, behind a proxy":       {networks(peer), "127.0.0.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *server.Options) {
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
				statuses[w.do(t, http.MethodPost, "", "/v1/auth/login", body, header...).status]++
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
	w := newWorld(t, func(o *server.Options) {
		o.LoginLimits.Address = account.Limit{Attempts: 3, Window: time.Minute}
	})
	try := func(email, password string) answer {
		return w.post(t, "", "/v1/auth/login", loginBody(email, password))
	}
	answers := map[string]answer{}
	for _, email := range []string{userEmail, "nobody@example.com"} {
		for range 3 {
			require.Equal(t, http.StatusUnauthorized, try(email, "wrong").status)
		}
		w.pass(10 * time.Second)
		before := w.hasher.compared.Load()
		refused := try(email, password)
		require.Equal(t, http.StatusTooManyRequests, refused.status)
		require.Equal(t, "too_many_attempts", refused.code(t))
		require.Equal(t, "50", refused.header.Get("Retry-After"))
		require.Equal(t, before, w.hasher.compared.Load(), "nothing is hashed")
		answers[email] = refused
	}
	require.Equal(t, answers[userEmail].alike(), answers["nobody@example.com"].alike())
	require.Equal(t, http.StatusTooManyRequests, try(" USER@example.com", password).status, "one address in another spelling")
	require.Equal(t, http.StatusOK, try(adminEmail, password).status, "other addresses go on")
	require.Zero(t, w.count(t, `SELECT count(*) FROM login_attempts WHERE key LIKE '%@%'`), "the table names nobody")

	w.pass(time.Minute) // trying on did not prolong it
	require.Equal(t, http.StatusOK, try(userEmail, password).status)
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, try(userEmail, "wrong").status, "the login that succeeded did not count")
	}
	require.Equal(t, http.StatusTooManyRequests, try(userEmail, password).status)
}

// TestHashingIsBounded: the queue is full, no connection is held, and the rest of the API goes on.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *server.Options) {
		o.Hashing = account.SemaphoreOptions{Concurrency: 1, MaxWaiting: 2}
	})
	hold := make(chan struct{})
	w.hasher.hold.Store(&hold)
	before := w.hasher.compared.Load()

	var waiting sync.WaitGroup
	statuses := make(chan int, 20)
	for range 20 { // one hashes, two wait, seventeen are sent away
		waiting.Go(func() { statuses <- w.post(t, "", "/v1/auth/login", loginBody(userEmail, password)).status })
	}
	for range 17 {
		require.Equal(t, http.StatusServiceUnavailable, <-statuses)
	}
	require.Eventually(t, func() bool { return w.hasher.compared.Load() == before+1 }, 5*time.Second, time.Millisecond)
	attempts, trips := w.count(t, `SELECT coalesce(sum(count), 0) FROM login_attempts`), w.trips.Count()
	busy := w.post(t, "", "/v1/auth/login", loginBody("nobody@example.com", password))
	require.Equal(t, attempts, w.count(t, `SELECT coalesce(sum(count), 0) FROM login_attempts`), "what was not hashed is not counted")
	require.Equal(t, trips, w.trips.Count(), "a full queue costs no database work")
	require.Equal(t, http.StatusServiceUnavailable, busy.status)
	require.Equal(t, "overloaded", busy.code(t))
	require.Equal(t, "1", busy.header.Get("Retry-After"))
	require.Zero(t, w.drv.Pool().Stat().AcquiredConns(), "no connection is held while hashing")
	require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/me").status)

	w.hasher.hold.Store(nil)
	close(hold)
	waiting.Wait()
	close(statuses)
	for status := range statuses {
		require.Equal(t, http.StatusOK, status)
	}
	require.Zero(t, w.count(t, `SELECT count(*) FROM login_attempts WHERE window_ends > $1`, w.clock()), "a right password does not count")
}

func TestSessionsEndWithWhatTheyWereBasedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string]func() error{
		"the password":     func() error { return w.users.SetPassword(t.Context(), adminEmail, password) },
		"being enabled":    func() error { return w.users.Disable(t.Context(), adminEmail) },
		"the admin's role": func() error { return w.users.Demote(t.Context(), adminEmail) },
	} {
		require.NoError(t, w.users.Enable(t.Context(), adminEmail))
		require.NoError(t, w.users.Promote(t.Context(), adminEmail))
		one, two := w.login(t, adminEmail), w.login(t, adminEmail)
		require.Equal(t, http.StatusOK, w.get(t, one, "/v1/tenants").status, name)
		require.NoError(t, change(), name)
		require.Equal(t, http.StatusUnauthorized, w.get(t, one, "/v1/tenants").status, name)
		require.Equal(t, http.StatusUnauthorized, w.get(t, two, "/v1/me").status, name)
		require.Equal(t, http.StatusOK, w.get(t, w.user, "/v1/me").status, "others' sessions go on")
	}
}

// TestRightsAreReadPerRequest changes the row behind the API's back, which ends no session.
func TestRightsAreReadPerRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/tenants").status)
	w.super(t, `UPDATE portal_users SET is_admin = false WHERE email = $1`, adminEmail)
	require.Equal(t, http.StatusForbidden, w.get(t, w.admin, "/v1/tenants").status)
	w.super(t, `UPDATE portal_users SET disabled_at = now() WHERE email = $1`, adminEmail)
	require.Equal(t, http.StatusUnauthorized, w.get(t, w.admin, "/v1/me").status)
}
