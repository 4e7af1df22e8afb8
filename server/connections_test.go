package server_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy"
)

func TestConnectionSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	path, _ := b.create(t, acme+"/channel-connections", `{"channel_type": "slack", "workspace_id": "T0ACME",
		"config": {"channels": ["C1"]}, "secrets": {"bot_token": "xoxb-first", "app_token": "xapp-first"}}`)
	requireStored := func(want map[string]string) {
		t.Helper()
		row, err := b.ent.ChannelConnection.Get(tenancy.With(t.Context(), idOf(t, acme)), idOf(t, path).UUID())
		require.NoError(t, err)
		opened := map[string]string{}
		for name, sealed := range row.Secrets {
			require.NotContains(t, sealed, "first")
			secret, err := b.box.Open(secrets.Ref{Tenant: idOf(t, acme), Connection: row.ID, Channel: "slack"}, name, sealed)
			require.NoError(t, err)
			opened[name] = secret.Reveal()
		}
		require.Equal(t, want, opened)
	}
	patch := func(body string) response {
		got := b.admin.patch(t, path, "*", body)
		require.NotContains(t, got.body, "xoxb")
		return got
	}
	requireStored(map[string]string{"bot_token": "xoxb-first", "app_token": "xapp-first"})
	got := b.admin.get(t, path)
	require.Equal(t, []any{"app_token", "bot_token"}, got.at("secret_names"))
	require.ElementsMatch(t, []string{"id", "tenant_id", "channel_type", "workspace_id", "status", "config", "secret_names", "created_at", "updated_at"}, slices.Collect(maps.Keys(got.json())))

	patch(`{"status": "active"}`).is(200)
	requireStored(map[string]string{"bot_token": "xoxb-first", "app_token": "xapp-first"}) // omitted secrets are kept
	patch(`{"secrets": {"bot_token": "xoxb-second", "app_token": null}}`).is(200)
	requireStored(map[string]string{"bot_token": "xoxb-second"}) // null removes a secret
	for _, mark := range []string{"[redacted]", "••••••", "xoxb-***", ""} {
		patch(`{"secrets": {"bot_token": "` + mark + `"}}`).invalid("body.secrets.bot_token")
	}
	patch(`{"workspace_id": "T0OTHER"}`).invalid("body.workspace_id")
	requireStored(map[string]string{"bot_token": "xoxb-second"})

	b.admin.delete(t, path).is(204)
	b.admin.get(t, path).is(404)
}

// TestConnectionStatus: active by default for a platform admin, and only active connections receive messages.
func TestConnectionStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	list := b.createTenant(t, "acme") + "/channel-connections"
	byDefault, _ := b.create(t, list, `{"channel_type": "slack", "workspace_id": "default"}`)
	require.Equal(t, "active", b.admin.get(t, byDefault).at("status"))
	for _, status := range []string{"pending", "active", "revoked"} {
		path, _ := b.create(t, list, object{"channel_type": "slack", "workspace_id": status, "status": status})
		require.Equal(t, status, b.admin.get(t, path).at("status"))
	}
	for _, workspace := range []string{"default", "pending", "active", "revoked"} {
		b.slack(t, slackMessage(workspace, "hello")).is(200)
	}
	require.Len(t, b.delivered, 2, "by default and active")
}

func TestSecretsWithoutSealingKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	connections := b.createTenant(t, "acme") + "/channel-connections"
	path, _ := b.create(t, connections, `{"channel_type": "slack", "workspace_id": "T0ACME", "secrets": {"bot_token": "xoxb-1", "other": "x"}}`)
	b.restart(t, func(o *server.Options) { o.Box = nil })

	got := b.admin.patch(t, path, "*", `{"secrets": {"bot_token": "xoxb-2"}}`).invalid("body.secrets.bot_token")
	require.Contains(t, got.body, "KONSTRUCT_SECRETS_KEY")
	require.NotContains(t, got.body, "xoxb")

	got = b.admin.patch(t, path, "*", `{"secrets": {"other": null}}`).is(200)
	require.Equal(t, []any{"bot_token"}, got.at("secret_names"), "removing requires no key, and omitted secrets are kept")
	b.create(t, connections, `{"channel_type": "slack", "workspace_id": "T0OTHER"}`)
}
