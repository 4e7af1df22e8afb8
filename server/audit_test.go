package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := b.get(t, b.admin, "/v1/me").at(t, "user", "id")
	changes := func() []map[string]any {
		return b.logLines(t, func(record map[string]any) bool { return record["msg"] == "audit: change" })
	}
	last := func(action, object string) map[string]any {
		t.Helper()
		all := changes()
		require.NotEmpty(t, all)
		record := all[len(all)-1]
		require.Equal(t, action, record["action"])
		require.Equal(t, object, record["object"])
		require.Equal(t, "done", record["outcome"])
		require.Equal(t, me, record["principal"])
		return record
	}
	object := func(kind, path string) string { return kind + "/" + path[strings.LastIndex(path, "/")+1:] }

	tenant, etag := b.create(t, "/v1/tenants", map[string]any{"name": "Acme", "slug": "acme"})
	last("create-tenant", object("tenant", tenant))
	require.Equal(t, http.StatusOK, b.do(t, http.MethodPatch, b.admin, tenant, map[string]any{"name": "A"}, "If-Match", etag).status)
	last("update-tenant", object("tenant", tenant))
	for _, one := range []struct {
		list, kind, action string
		body, change       map[string]any
	}{
		{"/agents", "agent", "agent", map[string]any{"name": "Mara"}, map[string]any{"name": "Nora"}},
		{
			"/channel-connections", "channel_connection", "channel-connection",
			map[string]any{"channel_type": "slack", "workspace_id": "T1"},
			map[string]any{"status": "revoked"},
		},
	} {
		path, etag := b.create(t, tenant+one.list, one.body)
		record := last("create-"+one.action, object(one.kind, path))
		require.Equal(t, strings.TrimPrefix(tenant, "/v1/tenants/"), record["tenant"])
		require.Equal(t, http.StatusOK, b.do(t, http.MethodPatch, b.admin, path, one.change, "If-Match", etag).status)
		last("update-"+one.action, object(one.kind, path))
		before := len(changes())
		require.Equal(t, http.StatusOK, b.get(t, b.admin, path).status)
		require.Equal(t, http.StatusPreconditionFailed, b.do(t, http.MethodPatch, b.admin, path, one.change, "If-Match", etag).status)
		require.Len(t, changes(), before, "no line for reads and rejected changes")
		entered := b.logLines(t, func(record map[string]any) bool { return record["msg"] == "audit: tenant entered" })
		require.Equal(t, object(one.kind, path), entered[len(entered)-1]["object"], "the entry has the object")
		require.Equal(t, http.StatusNoContent, b.do(t, http.MethodDelete, b.admin, path, nil).status)
		last("delete-"+one.action, object(one.kind, path))
	}
}

// TestPurgeIsAudited: one line before anything is deleted, and one with the counts.
func TestPurgeIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	const id = "0123456789abcdef0123"
	require.Equal(t, http.StatusOK, b.do(t, http.MethodDelete, b.admin, tenant+"?purge=true", nil, "X-Request-Id", id).status)

	audits := b.logLines(t, func(record map[string]any) bool {
		return record["request_id"] == id && strings.HasPrefix(record["msg"].(string), "audit: ")
	})
	require.Len(t, audits, 2)
	for _, record := range audits {
		require.Equal(t, true, record["purge"])
		require.Equal(t, b.get(t, b.admin, "/v1/me").at(t, "user", "id"), record["principal"])
		require.Equal(t, strings.TrimPrefix(tenant, "/v1/tenants/"), record["tenant"])
		require.Equal(t, "tenant/"+strings.TrimPrefix(tenant, "/v1/tenants/"), record["object"])
	}
	require.Equal(t, "audit: tenant entered", audits[0]["msg"])
	require.Equal(t, "DELETE", audits[0]["method"])
	require.Equal(t, "audit: change", audits[1]["msg"])
	require.Equal(t, "delete-tenant", audits[1]["action"])
	require.InDelta(t, 1, audits[1]["agents"], 0)
	require.InDelta(t, 0, audits[1]["channel_connections"], 0)
}
