package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChangesAreAudited: one line for each change, and none for reads and rejected changes.
func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := b.admin.get(t, "/v1/me").at("user", "id")
	all := b.createAll(t)
	for _, r := range slices.Backward(all) { // the tenant last
		b.admin.patch(t, r.path, r.etag, r.update).is(200)
		b.admin.get(t, r.path).is(200)
		b.admin.patch(t, r.path, r.etag, r.update).is(412)
		b.admin.delete(t, r.path).is(204)

		var actions, entries []any
		for _, record := range b.logLines(t, "object", r.kind+"/"+idText(r.path)) {
			require.Equal(t, me, record["principal"])
			if r.kind != "tenant" {
				require.Equal(t, idText(all[0].path), record["tenant"])
			}
			if record["msg"] == "audit: tenant entered" {
				entries = append(entries, record["method"])
				continue
			}
			require.Equal(t, "audit: change", record["msg"])
			require.Equal(t, "done", record["outcome"])
			actions = append(actions, record["action"])
		}
		name := strings.ReplaceAll(r.kind, "_", "-")
		require.Equal(t, []any{"create-" + name, "update-" + name, "delete-" + name}, actions)
		if r.kind != "tenant" {
			require.Equal(t, []any{"PATCH", "GET", "PATCH", "DELETE"}, entries, "the entry has the object")
		}
	}
}

// TestPurgeIsAudited: one line before anything is deleted, and one with the counts.
func TestPurgeIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.createAgent(t, tenant)
	const id = "0123456789abcdef0123"
	b.admin.delete(t, tenant+"?purge=true", "X-Request-Id", id).is(200)

	lines := b.logLines(t, "request_id", id)
	require.Len(t, lines, 3, "with that of the request")
	entered, changed := lines[0], lines[1]
	for _, record := range lines[:2] {
		require.Subset(t, record, object{
			"purge": true, "principal": b.admin.get(t, "/v1/me").at("user", "id"),
			"tenant": idText(tenant), "object": "tenant/" + idText(tenant),
		})
	}
	require.Subset(t, entered, object{"msg": "audit: tenant entered", "method": "DELETE"})
	require.Subset(t, changed, object{"msg": "audit: change", "action": "delete-tenant", "agents": 1.0, "channel_connections": 0.0})
}
