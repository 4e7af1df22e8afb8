package server_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/tenancy"
)

func TestConnectionSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	path, etag := b.create(t, acme+"/channel-connections", map[string]any{
		"channel_type": "slack", "workspace_id": "T0ACME", "config": map[string]any{"channels": []any{"C1"}},
		"secrets": map[string]any{"bot_token": "xoxb-first", "app_token": "xapp-first"},
	})
	stored := func() map[string]string {
		row, err := b.client.ChannelConnection.Get(tenancy.With(t.Context(), idOf(t, acme)), idOf(t, path).UUID())
		require.NoError(t, err)
		opened := map[string]string{}
		for name, sealed := range row.Secrets {
			require.NotContains(t, sealed, "first")
			secret, err := b.box.Open(secrets.Ref{Tenant: idOf(t, acme), Connection: row.ID, Channel: "slack"}, name, sealed)
			require.NoError(t, err)
			opened[name] = secret.Reveal()
		}
		return opened
	}
	patch := func(body map[string]any) response {
		got := b.do(t, http.MethodPatch, b.admin, path, body, "If-Match", etag)
		if got.status == http.StatusOK {
			etag = got.header.Get("ETag")
		}
		require.NotContains(t, got.body, "xoxb")
		return got
	}
	require.Equal(t, map[string]string{"bot_token": "xoxb-first", "app_token": "xapp-first"}, stored())
	got := b.get(t, b.admin, path)
	require.Equal(t, []any{"app_token", "bot_token"}, got.at(t, "secret_names"))
	require.ElementsMatch(t, []string{"id", "tenant_id", "channel_type", "workspace_id", "status", "config", "secret_names", "created_at", "updated_at"}, slices.Collect(maps.Keys(got.json(t))))

	require.Equal(t, http.StatusOK, patch(map[string]any{"status": "active"}).status)
	require.Equal(t, map[string]string{"bot_token": "xoxb-first", "app_token": "xapp-first"}, stored(), "omitted secrets are kept")
	require.Equal(t, http.StatusOK, patch(map[string]any{"secrets": map[string]any{"bot_token": "xoxb-second", "app_token": nil}}).status)
	require.Equal(t, map[string]string{"bot_token": "xoxb-second"}, stored(), "null removes a secret")
	for _, mark := range []string{"[redacted]", "••••••", "xoxb-***", ""} {
		refused := patch(map[string]any{"secrets": map[string]any{"bot_token": mark}})
		require.Equal(t, http.StatusUnprocessableEntity, refused.status, mark)
		require.Equal(t, []string{"body.secrets.bot_token"}, refused.fields(t))
	}
	require.Equal(t, map[string]string{"bot_token": "xoxb-second"}, stored())
	require.Equal(t, http.StatusUnprocessableEntity, patch(map[string]any{"workspace_id": "T0OTHER"}).status, "workspace_id is immutable")

	stale := b.do(t, http.MethodPatch, b.admin, path, map[string]any{"status": "revoked"}, "If-Match", `"abc"`)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Equal(t, http.StatusOK, b.do(t, http.MethodPatch, b.admin, path, map[string]any{"status": "revoked"}, "If-Match", "*").status)
	require.Equal(t, http.StatusPreconditionFailed, b.do(t, http.MethodDelete, b.admin, path, nil, "If-Match", etag).status)
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodDelete, b.admin, path, nil).status)
	require.Equal(t, http.StatusNotFound, b.get(t, b.admin, path).status)
}

// TestDefaultConnectionStatus: active for a platform admin.
func TestDefaultConnectionStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	list := b.createTenant(t, "acme") + "/channel-connections"
	for workspace, status := range map[string]string{"T1": "", "T2": "pending", "T3": "active", "T4": "revoked"} {
		body := map[string]any{"channel_type": "slack", "workspace_id": workspace}
		if status != "" {
			body["status"] = status
		}
		path, _ := b.create(t, list, body)
		want := status
		if want == "" {
			want = "active"
		}
		require.Equal(t, want, b.get(t, b.admin, path).at(t, "status"), workspace)
		require.Equal(t, http.StatusOK, b.slack(t, slackMessage(workspace, "hello "+workspace)).status)
	}
	require.Len(t, b.delivered, 2, "T1 and T3")
}
