package server_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const notTouched = "last_seen_at of a session was not updated"

// TestReadOnlyDatabase: reads work and writes return 503.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	agent, etag := b.createAgent(t, tenant)

	b.setRoleParameter(t, "default_transaction_read_only", "on")
	b.advance(2 * time.Minute) // last_seen_at is due
	for range 5 {
		b.admin.get(t, agent).is(200)
		b.admin.get(t, "/v1/me").is(200)
	}
	require.Len(t, b.logLines(t, "msg", notTouched), 1)
	require.EqualValues(t, 2, b.roundTrips(func() { b.admin.get(t, "/v1/me").is(200) }), "one attempt a minute, because each costs a connection")
	for _, got := range []response{
		b.admin.post(t, tenant+"/agents", `{"name": "Nora"}`), b.admin.patch(t, agent, etag, `{"name": "Nora"}`), b.admin.delete(t, agent),
		b.admin.delete(t, tenant+"?purge=true"), b.tryLogin(t, adminEmail, password), b.admin.post(t, "/v1/auth/logout", nil),
	} {
		got.is(503)
	}
	require.Contains(t, b.logs.String(), `"sqlstate":"25006","meaning":"the database is read-only"`)

	b.setRoleParameter(t, "default_transaction_read_only", "off")
	b.advance(2 * time.Minute)
	b.admin.patch(t, agent, etag, `{"name": "Nora"}`).is(200)
	require.Eventually(t, func() bool { // the update may time out on a busy machine
		b.advance(2 * time.Minute)
		return b.admin.get(t, "/v1/me").status == 200 &&
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
	b.admin.get(t, "/v1/me").is(200)
	require.Less(t, time.Since(started), 10*time.Second, "lock_timeout is 30 s")
	require.Len(t, b.logLines(t, "msg", notTouched), 1)
}

func TestLoginSucceedsWithoutRefund(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `DELETE FROM login_attempts`)
	b.exec(t, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$`)
	b.exec(t, `CREATE TRIGGER refuse BEFORE UPDATE ON login_attempts FOR EACH ROW EXECUTE FUNCTION refuse()`)
	b.tryLogin(t, userEmail, password).is(200)
	require.Len(t, b.logLines(t, "msg", "login attempt was not refunded"), 1)
}

func TestFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const id = "0123456789abcdef0123"
	b.exec(t, `REVOKE SELECT ON portal_sessions FROM konstruct_app`)
	b.admin.get(t, "/v1/me", "X-Request-Id", id).is(500)
	lines := b.logLines(t, "request_id", id)
	require.Len(t, lines, 1)
	require.Subset(t, lines[0], object{"level": "ERROR", "code": "internal_error"})
	require.Equal(t, "42501", lines[0]["cause"].(object)["sqlstate"])
	for range 50 {
		b.admin.get(t, "/v1/me")
	}
	require.Len(t, b.logLines(t, "level", "ERROR"), 1, "repetitions are counted")
}
