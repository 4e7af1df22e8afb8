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

// TestOwnersConnectWorkspaces: an owner's connection waits for a platform admin, and an owner can only revoke it.
func TestOwnersConnectWorkspaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	list := tenant + "/channel-connections"
	owner, editor := b.login(t, b.createMember(t, tenant, "owner")), b.login(t, b.createMember(t, tenant, "editor"))
	reserved := func(got response) {
		t.Helper()
		require.Equal(t, "reserved", got.is(403).at("errors", 0, "code"))
		require.Equal(t, []string{"body.status"}, got.fields())
	}
	workspace := func(status string) object {
		return object{"channel_type": "slack", "workspace_id": "T0A", "status": status, "secrets": object{"bot_token": canarySecret}}
	}
	for _, status := range []string{"pending", "active", "revoked"} {
		reserved(owner.post(t, list, workspace(status)))
	}
	body := workspace("")
	delete(body, "status")
	editor.post(t, list, body).is(403)
	made := owner.post(t, list, body).is(201)
	require.Subset(t, made.json(), object{"status": "pending", "status_note": "Waiting until a platform admin has verified the workspace."})
	require.Equal(t, made.at("status_note"), owner.get(t, list).items()[0]["status_note"])
	path := made.header.Get("Location")
	b.slack(t, slackMessage("T0A", "hello")).is(200)
	require.Empty(t, b.delivered)

	for _, status := range []string{"pending", "active"} {
		reserved(owner.patch(t, path, "*", object{"status": status}))
	}
	b.admin.patch(t, path, "*", `{"status": "active"}`).is(200)
	got := owner.patch(t, path, "*", object{"secrets": object{"bot_token": nil, "signing_key": canarySecret}}).is(200)
	require.Equal(t, "active", got.at("status"))
	require.NotContains(t, got.json(), "status_note")
	b.slack(t, slackMessage("T0A", "hello")).is(200)
	require.Len(t, b.delivered, 1)

	revoked := owner.patch(t, path, "*", `{"status": "revoked"}`).is(200)
	require.Equal(t, "Disconnected. Only a platform admin can connect the workspace again.", revoked.at("status_note"))
	reserved(owner.patch(t, path, "*", `{"status": "active"}`))
	owner.patch(t, path, revoked.etag(), `{"status": "revoked", "config": {}}`).is(200)
	require.Equal(t, "revoked", b.admin.get(t, path).at("status"))

	var details []any
	for _, event := range b.events(t, "audit_events") {
		if event["object_id"] == idText(path) {
			details = append(details, event["details"])
		}
	}
	require.Equal(t, []any{
		object{"fields": []any{"secrets", "channel_type", "workspace_id"}, "secrets_set": []any{"bot_token"}, "status": "pending"},
		object{"fields": []any{"status"}, "old_status": "pending", "new_status": "active", "platform_admin": true},
		object{"fields": []any{"secrets"}, "secrets_set": []any{"signing_key"}, "secrets_removed": []any{"bot_token"}},
		object{"fields": []any{"status"}, "old_status": "active", "new_status": "revoked"},
		object{"fields": []any{"status", "config"}},
	}, details)
	silent(t, b.logs.String(), "the log")
}
