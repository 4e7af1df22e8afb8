package server_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

func TestNoSlackRouteWithoutSigningSecret(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) { o.SlackSecret = "" })
	require.Equal(t, http.StatusNotFound, b.slack(t, slackMessage("T0ACME", "hello")).status)
	require.Zero(t, b.SlackStats())
	require.NotContains(t, b.get(t, "", "/openapi.json").body, "slack/events")
	require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/me").status, "other routes are served")
	require.Contains(t, setup(t).get(t, "", "/openapi.json").body, "slack/events")
}

func TestSecretsWithoutSealingKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	connections := b.createTenant(t, "acme") + "/channel-connections"
	path, _ := b.create(t, connections, map[string]any{
		"channel_type": "slack", "workspace_id": "T0ACME", "secrets": map[string]any{"bot_token": "xoxb-1", "other": "x"},
	})
	var err error
	b.options.Box = nil
	b.Server, err = server.New(t.Context(), b.options)
	require.NoError(t, err)

	got := b.do(t, http.MethodPatch, b.admin, path, map[string]any{"secrets": map[string]any{"bot_token": "xoxb-2"}}, "If-Match", "*")
	require.Equal(t, http.StatusUnprocessableEntity, got.status, got.body)
	require.Equal(t, []string{"body.secrets.bot_token"}, got.fields(t))
	require.Contains(t, got.body, "KONSTRUCT_SECRETS_KEY")
	require.NotContains(t, got.body, "xoxb")

	got = b.do(t, http.MethodPatch, b.admin, path, map[string]any{"secrets": map[string]any{"other": nil}}, "If-Match", "*")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, []any{"bot_token"}, got.at(t, "secret_names"), "removing requires no key, and omitted secrets are kept")
	b.create(t, connections, map[string]any{"channel_type": "slack", "workspace_id": "T0OTHER"})
}
