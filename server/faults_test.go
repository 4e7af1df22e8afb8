package server_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAReadOnlyServerServesReads: what needs a write is 503, and noting that a session was used fails no read.
func TestAReadOnlyServerServesReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant(t, "acme")
	agent, etag := w.create(t, tenant+"/agents", map[string]any{"name": "Mara"})

	w.setting(t, "default_transaction_read_only", "on")
	w.pass(2 * time.Minute) // the use of the session would be noted now
	for range 5 {
		require.Equal(t, http.StatusOK, w.get(t, w.admin, agent).status)
		require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/me").status)
	}
	require.Equal(t, 1, w.logged(t, "last_seen_at of a session was not updated"))
	before := w.trips.Count()
	require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/me").status)
	require.Equal(t, int64(1), w.trips.Count()-before, "and it is tried once a minute: each attempt costs a connection")
	for name, got := range map[string]answer{
		"create": w.post(t, w.admin, tenant+"/agents", map[string]any{"name": "Nora"}),
		"change": w.do(t, http.MethodPatch, w.admin, agent, map[string]any{"name": "Nora"}, "If-Match", etag),
		"delete": w.do(t, http.MethodDelete, w.admin, agent, nil),
		"purge":  w.do(t, http.MethodDelete, w.admin, tenant+"?purge=true", nil),
		"login":  w.post(t, "", "/v1/auth/login", loginBody(adminEmail, password)),
		"logout": w.post(t, w.admin, "/v1/auth/logout", nil),
	} {
		require.Equal(t, http.StatusServiceUnavailable, got.status, "%s: %s", name, got.body)
		require.Equal(t, "unavailable", got.code(t), name)
		require.NotEmpty(t, got.header.Get("Retry-After"), name)
	}
	require.Contains(t, w.logs.String(), `"sqlstate":"25006","meaning":"the database is read-only"`)

	w.setting(t, "default_transaction_read_only", "off")
	w.pass(2 * time.Minute)
	require.Equal(t, http.StatusOK, w.do(t, http.MethodPatch, w.admin, agent, map[string]any{"name": "Nora"}, "If-Match", etag).status)
	require.Eventually(t, func() bool { // on a busy machine the time limit of a note may expire
		w.pass(2 * time.Minute)
		return w.get(t, w.admin, "/v1/me").status == http.StatusOK &&
			w.count(t, `SELECT count(*) FROM portal_sessions WHERE last_seen_at > created_at + interval '3 min'`) == 1
	}, 10*time.Second, time.Millisecond)
}

// TestALockedSessionDoesNotSlowReads: noting its use waits for the lock only briefly.
func TestALockedSessionDoesNotSlowReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setting(t, "lock_timeout", "30000")
	w.pass(2 * time.Minute)
	w.begin(t, `SELECT FROM portal_sessions FOR UPDATE`)
	started := time.Now()
	require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/me").status)
	require.Less(t, time.Since(started), 10*time.Second, "lock_timeout is 30 s")
	require.Equal(t, 1, w.logged(t, "last_seen_at of a session was not updated"))
}

// TestALoginThatSucceededIsOne: giving its attempt back is not part of it.
func TestALoginThatSucceededIsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.super(t, `DELETE FROM login_attempts`)
	w.super(t, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$`)
	w.super(t, `CREATE TRIGGER refuse BEFORE UPDATE ON login_attempts FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.Equal(t, http.StatusOK, w.post(t, "", "/v1/auth/login", loginBody(userEmail, password)).status)
	require.Equal(t, 1, w.logged(t, "login attempt was not refunded"))
}

// TestAFailedRequestIsOneLine: with the cause, and a level that fits it.
func TestAFailedRequestIsOneLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id = "0123456789abcdef0123"
	w.super(t, `REVOKE SELECT ON portal_sessions FROM konstruct_app`)
	require.Equal(t, http.StatusInternalServerError, w.get(t, w.admin, "/v1/me", "X-Request-Id", id).status)
	lines := w.lines(t, func(record map[string]any) bool { return record["request_id"] == id })
	require.Len(t, lines, 1)
	require.Equal(t, "ERROR", lines[0]["level"])
	require.Equal(t, "internal_error", lines[0]["code"])
	require.Equal(t, "42501", lines[0]["cause"].(map[string]any)["sqlstate"])

	for range 50 {
		w.get(t, w.admin, "/v1/me")
	}
	failed := w.lines(t, func(record map[string]any) bool { return record["level"] == "ERROR" })
	require.Len(t, failed, 1, "the same failure is counted, not repeated")
}
