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
	b := setup(t)
	path, etag := b.create(t, "/v1/tenants", map[string]any{"name": "Acme", "slug": "acme", "settings": map[string]any{"locale": "de"}})

	got := b.get(t, b.admin, path)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, etag, got.header.Get("ETag"))
	body := got.json(t)
	require.Equal(t, "active", body["status"])
	require.Equal(t, map[string]any{"locale": "de"}, body["settings"])
	require.ElementsMatch(t, []string{"id", "name", "slug", "status", "settings", "created_at", "updated_at"}, slices.Collect(maps.Keys(body)))

	changed := b.do(t, http.MethodPatch, b.admin, path, map[string]any{"status": "suspended"}, "If-Match", etag)
	require.Equal(t, http.StatusOK, changed.status, changed.body)
	require.Equal(t, "suspended", changed.at(t, "status"))
	require.Equal(t, "Acme", changed.at(t, "name"), "omitted properties are kept")
	require.NotEqual(t, etag, changed.header.Get("ETag"))
	require.Equal(t, http.StatusOK, b.get(t, b.admin, path+"/agents").status, "an admin can manage a suspended tenant")

	missing := "/v1/tenants/" + uuid.NewString()
	require.Equal(t, http.StatusNotFound, b.get(t, b.admin, missing).status)
	require.Equal(t, http.StatusNotFound, b.do(t, http.MethodPatch, b.admin, missing, map[string]any{}, "If-Match", "*").status)
	require.Equal(t, http.StatusNotFound, b.do(t, http.MethodDelete, b.admin, missing, nil).status)
	require.Equal(t, http.StatusNotFound, b.do(t, http.MethodDelete, b.admin, missing+"?purge=true", nil).status)
}

func TestTenantVersions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path, first := b.create(t, "/v1/tenants", map[string]any{"name": "Acme", "slug": "acme"})
	change := func(name string, header ...string) response {
		return b.do(t, http.MethodPatch, b.admin, path, map[string]any{"name": name}, header...)
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
	require.Equal(t, "one", b.get(t, b.admin, path).at(t, "name"), "nothing was changed")
	require.Equal(t, http.StatusOK, change("three", "If-Match", first+", "+second).status)
	require.Equal(t, http.StatusOK, change("four", "If-Match", "*").status)
	require.Equal(t, http.StatusPreconditionFailed, b.do(t, http.MethodDelete, b.admin, path, nil, "If-Match", second).status)
	require.Equal(t, "four", b.get(t, b.admin, path).at(t, "name"))
}

func TestDeleteTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	for _, tenant := range []string{acme, other} {
		for i := range 3 {
			b.create(t, tenant+"/agents", map[string]any{"name": strconv.Itoa(i)})
		}
	}
	b.create(t, acme+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0ACME"})

	full := b.do(t, http.MethodDelete, b.admin, acme, nil)
	require.Equal(t, http.StatusConflict, full.status)
	require.Equal(t, "tenant_not_empty", full.code(t))

	stale := b.do(t, http.MethodDelete, b.admin, acme+"?purge=true", nil, "If-Match", `"abc"`)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Len(t, b.get(t, b.admin, acme+"/agents").at(t, "items"), 3, "nothing was changed")

	purged := b.do(t, http.MethodDelete, b.admin, acme+"?purge=true", nil)
	require.Equal(t, http.StatusOK, purged.status, purged.body)
	require.JSONEq(t, `{"deleted": {"agents": 3, "channel_connections": 1}}`, purged.body)
	require.Equal(t, http.StatusNotFound, b.get(t, b.admin, acme).status)
	require.Len(t, b.get(t, b.admin, other+"/agents").at(t, "items"), 3)
	require.Contains(t, b.logs.String(), `"purge":true`)

	empty := b.createTenant(t, "empty")
	gone := b.do(t, http.MethodDelete, b.admin, empty, nil)
	require.Equal(t, http.StatusNoContent, gone.status)
	require.Empty(t, gone.body)
}
