package server_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReadOnlyDatabase: reads work and writes return 503.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	agent, etag := b.create(t, tenant+"/agents", map[string]any{"name": "Mara"})

	b.setRoleParameter(t, "default_transaction_read_only", "on")
	b.advance(2 * time.Minute) // last_seen_at is due
	for range 5 {
		require.Equal(t, http.StatusOK, b.get(t, b.admin, agent).status)
		require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/me").status)
	}
	require.Equal(t, 1, b.countLogLines(t, "last_seen_at of a session was not updated"))
	before := b.trips.Count()
	require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/me").status)
	require.Equal(t, int64(1), b.trips.Count()-before, "one attempt a minute, because each costs a connection")
	for name, got := range map[string]response{
		"create": b.post(t, b.admin, tenant+"/agents", map[string]any{"name": "Nora"}),
		"change": b.do(t, http.MethodPatch, b.admin, agent, map[string]any{"name": "Nora"}, "If-Match", etag),
		"delete": b.do(t, http.MethodDelete, b.admin, agent, nil),
		"purge":  b.do(t, http.MethodDelete, b.admin, tenant+"?purge=true", nil),
		"login":  b.post(t, "", "/v1/auth/login", loginBody(adminEmail, password)),
		"logout": b.post(t, b.admin, "/v1/auth/logout", nil),
	} {
		require.Equal(t, http.StatusServiceUnavailable, got.status, "%s: %s", name, got.body)
		require.Equal(t, "unavailable", got.code(t), name)
		require.NotEmpty(t, got.header.Get("Retry-After"), name)
	}
	require.Contains(t, b.logs.String(), `"sqlstate":"25006","meaning":"the database is read-only"`)

	b.setRoleParameter(t, "default_transaction_read_only", "off")
	b.advance(2 * time.Minute)
	require.Equal(t, http.StatusOK, b.do(t, http.MethodPatch, b.admin, agent, map[string]any{"name": "Nora"}, "If-Match", etag).status)
	require.Eventually(t, func() bool { // the update may time out on a busy machine
		b.advance(2 * time.Minute)
		return b.get(t, b.admin, "/v1/me").status == http.StatusOK &&
			b.queryInt(t, `SELECT count(*) FROM portal_sessions WHERE last_seen_at > created_at + interval '3 min'`) == 1
	}, 10*time.Second, time.Millisecond)
}

func TestLockedSessionDoesNotDelayReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.setRoleParameter(t, "lock_timeout", "30000")
	b.advance(2 * time.Minute)
	b.beginTx(t, `SELECT FROM portal_sessions FOR UPDATE`)
	started := time.Now()
	require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/me").status)
	require.Less(t, time.Since(started), 10*time.Second, "lock_timeout is 30 s")
	require.Equal(t, 1, b.countLogLines(t, "last_seen_at of a session was not updated"))
}

func TestLoginSucceedsWithoutRefund(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `DELETE FROM login_attempts`)
	b.exec(t, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$`)
	b.exec(t, `CREATE TRIGGER refuse BEFORE UPDATE ON login_attempts FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.Equal(t, http.StatusOK, b.post(t, "", "/v1/auth/login", loginBody(userEmail, password)).status)
	require.Equal(t, 1, b.countLogLines(t, "login attempt was not refunded"))
}

func TestFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const id = "0123456789abcdef0123"
	b.exec(t, `REVOKE SELECT ON portal_sessions FROM konstruct_app`)
	require.Equal(t, http.StatusInternalServerError, b.get(t, b.admin, "/v1/me", "X-Request-Id", id).status)
	lines := b.logLines(t, func(record map[string]any) bool { return record["request_id"] == id })
	require.Len(t, lines, 1)
	require.Equal(t, "ERROR", lines[0]["level"])
	require.Equal(t, "internal_error", lines[0]["code"])
	require.Equal(t, "42501", lines[0]["cause"].(map[string]any)["sqlstate"])

	for range 50 {
		b.get(t, b.admin, "/v1/me")
	}
	failed := b.logLines(t, func(record map[string]any) bool { return record["level"] == "ERROR" })
	require.Len(t, failed, 1, "repetitions are counted")
}
