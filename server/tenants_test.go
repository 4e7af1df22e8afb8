package server_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, etag := w.create(t, "/v1/tenants", map[string]any{"name": "Acme", "slug": "acme", "settings": map[string]any{"locale": "de"}})

	got := w.get(t, w.admin, path)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, etag, got.header.Get("ETag"))
	body := got.json(t)
	require.Equal(t, "active", body["status"])
	require.Equal(t, map[string]any{"locale": "de"}, body["settings"])
	require.ElementsMatch(t, []string{"id", "name", "slug", "status", "settings", "created_at", "updated_at"}, slices.Collect(maps.Keys(body)))

	changed := w.do(t, http.MethodPatch, w.admin, path, map[string]any{"status": "suspended"}, "If-Match", etag)
	require.Equal(t, http.StatusOK, changed.status, changed.body)
	require.Equal(t, "suspended", changed.at(t, "status"))
	require.Equal(t, "Acme", changed.at(t, "name"), "what is absent stays")
	require.NotEqual(t, etag, changed.header.Get("ETag"))
	require.Equal(t, http.StatusOK, w.get(t, w.admin, path+"/agents").status, "an admin still manages a suspended tenant")

	missing := "/v1/tenants/" + uuid.NewString()
	require.Equal(t, http.StatusNotFound, w.get(t, w.admin, missing).status)
	require.Equal(t, http.StatusNotFound, w.do(t, http.MethodPatch, w.admin, missing, map[string]any{}, "If-Match", "*").status)
	require.Equal(t, http.StatusNotFound, w.do(t, http.MethodDelete, w.admin, missing, nil).status)
	require.Equal(t, http.StatusNotFound, w.do(t, http.MethodDelete, w.admin, missing+"?purge=true", nil).status)
}

// TestTenantsAreChangedByVersion: a change that was based on another version than the current one is refused.
func TestTenantsAreChangedByVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, first := w.create(t, "/v1/tenants", map[string]any{"name": "Acme", "slug": "acme"})
	change := func(name string, header ...string) answer {
		return w.do(t, http.MethodPatch, w.admin, path, map[string]any{"name": name}, header...)
	}
	missing := change("none")
	require.Equal(t, http.StatusPreconditionRequired, missing.status)
	changed := change("one", "If-Match", first)
	require.Equal(t, http.StatusOK, changed.status)
	second := changed.header.Get("ETag")
	require.NotEqual(t, first, second)
	for _, stale := range []string{first, `"abc"`, first + `, "abc"`} {
		refused := change("two", "If-Match", stale)
		require.Equal(t, http.StatusPreconditionFailed, refused.status, stale)
		require.Equal(t, "precondition_failed", refused.code(t))
	}
	require.Equal(t, "one", w.get(t, w.admin, path).at(t, "name"), "nothing of it was done")
	require.Equal(t, http.StatusOK, change("three", "If-Match", first+", "+second).status)
	require.Equal(t, http.StatusOK, change("four", "If-Match", "*").status)
	require.Equal(t, http.StatusPreconditionFailed, w.do(t, http.MethodDelete, w.admin, path, nil, "If-Match", second).status)
	require.Equal(t, "four", w.get(t, w.admin, path).at(t, "name"))
}

func TestDeletingATenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, other := w.tenant(t, "acme"), w.tenant(t, "other")
	for _, tenant := range []string{acme, other} {
		for i := range 3 {
			w.create(t, tenant+"/agents", map[string]any{"name": strconv.Itoa(i)})
		}
	}
	w.create(t, acme+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0ACME"})

	full := w.do(t, http.MethodDelete, w.admin, acme, nil)
	require.Equal(t, http.StatusConflict, full.status)
	require.Equal(t, "tenant_not_empty", full.code(t))

	stale := w.do(t, http.MethodDelete, w.admin, acme+"?purge=true", nil, "If-Match", `"abc"`)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Len(t, w.get(t, w.admin, acme+"/agents").at(t, "items"), 3, "nothing of it was done")

	purged := w.do(t, http.MethodDelete, w.admin, acme+"?purge=true", nil)
	require.Equal(t, http.StatusOK, purged.status, purged.body)
	require.JSONEq(t, `{"deleted": {"agents": 3, "channel_connections": 1}}`, purged.body)
	require.Equal(t, http.StatusNotFound, w.get(t, w.admin, acme).status)
	require.Len(t, w.get(t, w.admin, other+"/agents").at(t, "items"), 3)
	require.Contains(t, w.logs.String(), `"purge":true`)

	empty := w.tenant(t, "empty")
	gone := w.do(t, http.MethodDelete, w.admin, empty, nil)
	require.Equal(t, http.StatusNoContent, gone.status)
	require.Empty(t, gone.body)
}
