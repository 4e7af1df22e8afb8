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
