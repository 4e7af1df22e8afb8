package server_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path, etag := b.create(t, "/v1/tenants", `{"name": "Acme", "slug": "acme", "settings": {"locale": "de"}}`)

	got := b.admin.get(t, path).is(200)
	require.Equal(t, etag, got.etag())
	require.Equal(t, "active", got.at("status"))
	require.Equal(t, object{"locale": "de"}, got.at("settings"))
	require.ElementsMatch(t, []string{"id", "name", "slug", "status", "settings", "created_at", "updated_at"}, slices.Collect(maps.Keys(got.json())))

	changed := b.admin.patch(t, path, etag, `{"status": "suspended"}`).is(200)
	require.Equal(t, "suspended", changed.at("status"))
	require.Equal(t, "Acme", changed.at("name"), "omitted properties are kept")
	require.NotEqual(t, etag, changed.etag())
	b.admin.get(t, path+"/agents").is(200) // an admin can manage a suspended tenant

	missing := "/v1/tenants/" + uuid.NewString()
	b.admin.get(t, missing).is(404)
	b.admin.patch(t, missing, "*", `{}`).is(404)
	b.admin.delete(t, missing).is(404)
	b.admin.delete(t, missing+"?purge=true").is(404)
}

func TestDeleteTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	for range 3 {
		b.createAgent(t, acme)
		b.createAgent(t, other)
	}
	b.connect(t, acme, "T0ACME")

	b.admin.delete(t, acme).is(409, "tenant_not_empty")
	b.admin.delete(t, acme+"?purge=true", "If-Match", `"abc"`).is(412)
	require.Len(t, b.admin.get(t, acme+"/agents").items(), 3, "nothing was changed")

	purged := b.admin.delete(t, acme+"?purge=true").is(200)
	require.JSONEq(t, `{"deleted": {"agents": 3, "channel_connections": 1}}`, purged.body)
	b.admin.get(t, acme).is(404)
	require.Len(t, b.admin.get(t, other+"/agents").items(), 3)
	require.Contains(t, b.logs.String(), `"purge":true`)

	require.Empty(t, b.admin.delete(t, b.createTenant(t, "empty")).is(204).body)
}
