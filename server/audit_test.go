package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChangesAreOnRecord: who changed which object, for every route that changes something.
func TestChangesAreOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.get(t, w.admin, "/v1/me").at(t, "user", "id")
	changes := func() []map[string]any {
		return w.lines(t, func(record map[string]any) bool { return record["msg"] == "audit: change" })
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

	tenant, etag := w.create(t, "/v1/tenants", map[string]any{"name": "Acme", "slug": "acme"})
	last("create-tenant", object("tenant", tenant))
	require.Equal(t, http.StatusOK, w.do(t, http.MethodPatch, w.admin, tenant, map[string]any{"name": "A"}, "If-Match", etag).status)
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
		path, etag := w.create(t, tenant+one.list, one.body)
		record := last("create-"+one.action, object(one.kind, path))
		require.Equal(t, strings.TrimPrefix(tenant, "/v1/tenants/"), record["tenant"])
		require.Equal(t, http.StatusOK, w.do(t, http.MethodPatch, w.admin, path, one.change, "If-Match", etag).status)
		last("update-"+one.action, object(one.kind, path))
		before := len(changes())
		require.Equal(t, http.StatusOK, w.get(t, w.admin, path).status)
		require.Equal(t, http.StatusPreconditionFailed, w.do(t, http.MethodPatch, w.admin, path, one.change, "If-Match", etag).status)
		require.Len(t, changes(), before, "reads and refused changes change nothing")
		entered := w.lines(t, func(record map[string]any) bool { return record["msg"] == "audit: tenant entered" })
		require.Equal(t, object(one.kind, path), entered[len(entered)-1]["object"], "and an entry names what it is about")
		require.Equal(t, http.StatusNoContent, w.do(t, http.MethodDelete, w.admin, path, nil).status)
		last("delete-"+one.action, object(one.kind, path))
	}
}

// TestAPurgeIsOnRecord: that it began, before anything is deleted, and what it deleted.
func TestAPurgeIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant(t, "acme")
	w.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	const id = "0123456789abcdef0123"
	require.Equal(t, http.StatusOK, w.do(t, http.MethodDelete, w.admin, tenant+"?purge=true", nil, "X-Request-Id", id).status)

	audits := w.lines(t, func(record map[string]any) bool {
		return record["request_id"] == id && strings.HasPrefix(record["msg"].(string), "audit: ")
	})
	require.Len(t, audits, 2)
	for _, record := range audits {
		require.Equal(t, true, record["purge"])
		require.Equal(t, w.get(t, w.admin, "/v1/me").at(t, "user", "id"), record["principal"])
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
