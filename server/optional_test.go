package server_test

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

func TestWithoutASigningSecretThereIsNoSlackRoute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *server.Options) { o.SlackSecret = "" })
	require.Equal(t, http.StatusNotFound, w.slack(t, slackMessage("T0ACME", "hello")).status)
	require.Zero(t, w.SlackStats())
	require.NotContains(t, w.get(t, "", "/openapi.json").body, "slack/events")
	require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/me").status, "all else is served")
	require.Contains(t, newWorld(t).get(t, "", "/openapi.json").body, "slack/events")
}

func TestWithoutASealingKeySecretsAreRefusedByItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	connections := w.tenant(t, "acme") + "/channel-connections"
	path, _ := w.create(t, connections, map[string]any{
		"channel_type": "slack", "workspace_id": "T0ACME", "secrets": map[string]any{"bot_token": "xoxb-1", "other": "x"},
	})
	var err error
	w.Server, err = server.New(t.Context(), server.Options{
		Client: w.client, Driver: w.drv, Key: make([]byte, 32), Isolation: w.monitor, Logger: slog.New(slog.DiscardHandler), Hasher: w.hasher,
	})
	require.NoError(t, err)

	got := w.do(t, http.MethodPatch, w.admin, path, map[string]any{"secrets": map[string]any{"bot_token": "xoxb-2"}}, "If-Match", "*")
	require.Equal(t, http.StatusUnprocessableEntity, got.status, got.body)
	require.Equal(t, []string{"body.secrets.bot_token"}, got.fields(t))
	require.Contains(t, got.body, "KONSTRUCT_SECRETS_KEY")
	require.NotContains(t, got.body, "xoxb")

	got = w.do(t, http.MethodPatch, w.admin, path, map[string]any{"secrets": map[string]any{"other": nil}}, "If-Match", "*")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, []any{"bot_token"}, got.at(t, "secret_names"), "removing takes no key, and what is not named stays")
	w.create(t, connections, map[string]any{"channel_type": "slack", "workspace_id": "T0OTHER"})
}
