package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

// keyed posts with an Idempotency-Key.
func (c client) keyed(t *testing.T, key, path string, body any) response {
	t.Helper()
	return c.post(t, path, body, "Idempotency-Key", key)
}

func (r response) replayed() bool { return r.header.Get("Idempotency-Replayed") == "true" }

func (b *testBundle) count(t *testing.T, table string) int {
	t.Helper()
	return b.queryInt(t, `SELECT count(*) FROM `+table)
}

// creations are the requests that create the resources of kinds, with an agent to duplicate.
func (b *testBundle) creations(t *testing.T) map[string]object {
	t.Helper()
	tenant := b.createTenant(t, "acme")
	agent, _ := b.createAgent(t, tenant)
	return map[string]object{
		"/v1/tenants": {"name": "b", "slug": "b", "settings": object{"<": "&", "n": 1.5}},
		tenant + "/agents": {
			"name": "<Mara>", "tool_assignments": []any{object{"name": "search", "limits": object{"a": []any{1.5, "<"}}}},
		},
		tenant + "/channel-connections": {
			"channel_type": "slack", "workspace_id": "T0A", "config": object{"x": "<b>"}, "secrets": object{"bot_token": canarySecret},
		},
		agent + "/duplicate": {"name": "Mara II"},
	}
}

// TestRepeatedRequests: a repeated request returns the first answer and changes nothing.
func TestRepeatedRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, body := range b.creations(t) {
		first := b.admin.keyed(t, "a-key", path, body).is(201)
		require.False(t, first.replayed())
		tables := []string{"tenants", "agents", "channel_connections", "audit_events", "platform_audit_events"}
		var before []int
		for _, table := range tables {
			before = append(before, b.count(t, table))
		}
		for range 2 {
			again := b.admin.keyed(t, "a-key", path, body).is(201)
			require.True(t, again.replayed())
			require.Equal(t, first.body, again.body)
			for _, name := range []string{"ETag", "Location", "Content-Type"} {
				require.NotEmpty(t, first.header.Get(name))
				require.Equal(t, first.header.Values(name), again.header.Values(name), name)
			}
		}
		for i, table := range tables {
			require.Equal(t, before[i], b.count(t, table), "%s: %s", path, table)
		}
		other := object{"name": "other", "slug": "other", "channel_type": "slack", "workspace_id": "T0OTHER"}
		for name := range other {
			if _, ok := body[name]; !ok {
				delete(other, name)
			}
		}
		b.admin.keyed(t, "a-key", path, other).is(422, "idempotency_key_reused")
		b.admin.keyed(t, "another-key", path, other).is(201)
		b.admin.get(t, first.header.Get("Location")).is(200)
	}
	for _, table := range []string{"idempotency_keys", "platform_idempotency_keys"} {
		require.Positive(t, b.count(t, table))
		require.Zero(t, b.queryInt(t, `SELECT count(*) FROM `+table+` k WHERE to_jsonb(k)::text ~ 'canary|a-key'`), "no secret, and no key in the clear")
	}
	silent(t, b.logs.String(), "the log")
}

// TestKeysAreApart: a key of another user, tenant, route or object is another key.
func TestKeysAreApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	owner, editor := b.login(t, b.createMember(t, tenant, "owner")), b.login(t, b.createMember(t, tenant, "editor"))
	body := object{"name": "Mara"}
	made := owner.keyed(t, "k", tenant+"/agents", body).is(201)
	path := made.header.Get("Location")
	second := b.admin.keyed(t, "k", tenant+"/agents", body).is(201)
	for _, got := range []response{
		second, editor.keyed(t, "k", tenant+"/agents", body), b.admin.keyed(t, "k", other+"/agents", body),
		owner.keyed(t, "k", path+"/duplicate", body), owner.keyed(t, "k", second.header.Get("Location")+"/duplicate", body),
		owner.keyed(t, "K", tenant+"/agents", body),
	} {
		require.False(t, got.is(201).replayed())
		require.NotEqual(t, made.at("id"), got.at("id"))
	}
	require.Equal(t, 7, b.count(t, "agents"))
	again := b.login(t, owner.email(t)).keyed(t, "k", tenant+"/agents", body).is(201)
	require.True(t, again.replayed(), "another session of the user")
	require.Equal(t, made.body, again.body)
}

func (c client) email(t *testing.T) string {
	t.Helper()
	return c.get(t, "/v1/me").at("user", "email").(string)
}

// TestFailedRequestsKeepNoKey: the same key works once the cause is gone, also with another body.
func TestFailedRequestsKeepNoKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	list, body := tenant+"/channel-connections", object{"channel_type": "slack", "workspace_id": "T0A"}
	taken, _ := b.connect(t, b.createTenant(t, "other"), "T0A")
	b.admin.keyed(t, "k", list, object{"channel_type": "fax"}).is(422)
	b.admin.keyed(t, "k", list, body).is(409)
	require.Zero(t, b.count(t, "idempotency_keys"))
	b.admin.delete(t, taken).is(204)
	require.False(t, b.admin.keyed(t, "k", list, body).is(201).replayed())
	require.True(t, b.admin.keyed(t, "k", list, body).is(201).replayed())

	// The sweep deletes old keys: the request runs again.
	b.exec(t, `DELETE FROM idempotency_keys`)
	b.admin.keyed(t, "k", list, body).is(409)
}

// TestKeysEndAfterADay, also if the sweep has not deleted them yet.
func TestKeysEndAfterADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	list := b.createTenant(t, "acme") + "/agents"
	first := b.admin.keyed(t, "k", list, object{"name": "Mara"}).is(201)
	age := func(by time.Duration) {
		b.exec(t, `UPDATE idempotency_keys SET created_at = $1`, b.clock().Add(-by))
	}
	age(24*time.Hour - time.Minute)
	require.True(t, b.admin.keyed(t, "k", list, object{"name": "Mara"}).is(201).replayed())
	age(24 * time.Hour)
	second := b.admin.keyed(t, "k", list, object{"name": "Other"}).is(201)
	require.False(t, second.replayed())
	require.NotEqual(t, first.at("id"), second.at("id"))
	require.Equal(t, second.body, b.admin.keyed(t, "k", list, object{"name": "Other"}).is(201).body)
	require.Equal(t, 1, b.count(t, "idempotency_keys"))
}

// TestConcurrentRepeats: requests with one key make one row; one that runs longer is reported as being in progress.
func TestConcurrentRepeats(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.admin.get(t, tenant).is(200) // the entry is recorded
	list, body := tenant+"/agents", object{"name": "Mara"}
	var requests []func() response
	for range 4 {
		requests = append(requests, func() response { return b.admin.keyed(t, "k", list, body) })
	}
	statuses := concurrently(requests...)
	require.Positive(t, statuses[201])
	require.Equal(t, 4, statuses[201]+statuses[409], statuses)
	require.Equal(t, 1, b.count(t, "agents"))

	b.setRoleParameter(t, "lock_timeout", "12000")
	holder := b.beginTx(t, `LOCK TABLE agents IN SHARE MODE`)
	first, send := make(chan response), func() response { return b.admin.keyed(t, "held", list, body) }
	go func() { first <- send() }()
	b.waitForLocks(t, 1, `INSERT INTO "agents"%`)
	for range 2 {
		b.admin.keyed(t, "held", list, body).is(409, "request_in_progress")
		b.admin.keyed(t, "held", list, object{"name": "Noor"}).is(409, "request_in_progress")
	}
	select {
	case got := <-first:
		require.Fail(t, "the first request has ended", got)
	default:
	}
	require.NoError(t, holder.Rollback(t.Context()))
	made := (<-first).is(201)
	again := b.admin.keyed(t, "held", list, body).is(201)
	require.True(t, again.replayed())
	require.Equal(t, made.body, again.body)
	require.Equal(t, 2, b.count(t, "agents"))
}

// TestAuthorizationBeforeReplay: who may not send the request any more does not get its answer.
func TestAuthorizationBeforeReplay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	editor := b.login(t, b.createMember(t, tenant, "editor"))
	repeat := func() response { return editor.keyed(t, "k", tenant+"/agents", `{"name": "Mara"}`) }
	repeat().is(201)
	require.True(t, repeat().is(201).replayed())
	b.exec(t, `UPDATE memberships SET role = 'viewer'`)
	repeat().is(403)
	b.exec(t, `DELETE FROM memberships`)
	repeat().is(404)
	editor.post(t, "/v1/auth/logout", nil).is(204)
	repeat().is(401)

	b.admin.keyed(t, "k", "/v1/tenants", `{"name": "b", "slug": "b"}`).is(201)
	b.exec(t, `UPDATE portal_users SET is_admin = false`)
	b.admin.keyed(t, "k", "/v1/tenants", `{"name": "b", "slug": "b"}`).is(403)
}

func TestMalformedKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	for _, key := range []string{"a key", "schlüssel", strings.Repeat("k", 256), "a\tb", " "} {
		got := b.admin.keyed(t, key, tenant+"/agents", `{"name": "Mara"}`).invalid("header.Idempotency-Key")
		require.Equal(t, "pattern", got.at("errors", 0, "code"))
	}
	b.admin.post(t, tenant+"/agents", `{"name": "Mara"}`, "Idempotency-Key", "a", "Idempotency-Key", "b").invalid("header.Idempotency-Key")
	require.Zero(t, b.count(t, "agents"))
	for _, key := range []string{"!", "~", strings.Repeat("k", 255), `"018f-quoted"`} {
		b.admin.keyed(t, key, tenant+"/agents", `{"name": "Mara"}`).is(201)
	}
	for _, method := range []string{"GET", "HEAD"} { // ignored, as they change nothing
		for _, key := range []string{"!", "a key"} {
			got := b.admin.do(t, method, tenant+"/agents", nil, "Idempotency-Key", key).is(200)
			require.False(t, got.replayed())
		}
	}
	require.Equal(t, 4, b.count(t, "idempotency_keys"))
}

// TestKeptBodiesAreNoHashes: a reader of the table cannot guess a password by hashing bodies.
func TestKeptBodiesAreNoHashes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const body = `{"email": "grace@example.com", "name": "Grace", "password": "12345678"}`
	b.admin.keyed(t, "k", "/v1/users", body).is(201)
	sum := sha256.Sum256([]byte(body))
	require.Equal(t, 1, b.count(t, "platform_idempotency_keys"))
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM platform_idempotency_keys WHERE request_hash = $1`, hex.EncodeToString(sum[:])))
	b.restart(t, func(o *server.Options) { o.Key = bytes.Repeat([]byte{8}, 32) })
	b.admin.keyed(t, "k", "/v1/users", body).is(422, "idempotency_key_reused")
}
