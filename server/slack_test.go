package server_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/server/account"
)

func newUser(email string) account.NewUser {
	return account.NewUser{Email: email, Name: "User", Password: password}
}

func slackMessage(workspace, text string) string {
	return fmt.Sprintf(`{"token": "t", "team_id": %q, "api_app_id": "A0APP", "type": "event_callback", "event_id": "Ev01", "event_time": 1767225600,
		"authorizations": [{"enterprise_id": null, "team_id": %q, "user_id": "U0BOT", "is_bot": true, "is_enterprise_install": false}],
		"event": {"type": "message", "user": "U0ADA", "text": %q, "ts": "1767225600.000100", "channel": "C0GEN", "channel_type": "channel",
		"event_ts": "1767225600.000100"}}`, workspace, workspace, text)
}

//nolint:paralleltest,tparallel // the steps follow each other
func TestSlackEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	path, _ := b.create(t, acme+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0ACME", "status": "active"})
	b.create(t, other+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0OTHER", "status": "pending"})

	require.Equal(t, http.StatusOK, b.slack(t, slackMessage("T0ACME", "hello")).status)
	require.Len(t, b.delivered, 1)
	require.Equal(t, idOf(t, acme), b.delivered[0].TenantID())
	require.Equal(t, "hello", b.delivered[0].Message().Content.Text)

	t.Run("challenge", func(t *testing.T) {
		got := b.slack(t, `{"type": "url_verification", "token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`)
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", got.at(t, "challenge"))
	})
	t.Run("organization-wide installation", func(t *testing.T) {
		body := strings.NewReplacer(`"enterprise_id": null`, `"enterprise_id": "E0OTHER"`, `"is_enterprise_install": false`,
			`"is_enterprise_install": true`).Replace(slackMessage("T0ACME", "for the organization"))
		require.Equal(t, http.StatusOK, b.slack(t, body).status)
		require.Len(t, b.delivered, 1, "acme has the team; no tenant has the organization")
	})
	t.Run("unknown workspaces", func(t *testing.T) {
		for _, workspace := range []string{"T0UNKNOWN", "T0OTHER"} {
			require.Equal(t, http.StatusOK, b.slack(t, slackMessage(workspace, "hello")).status)
		}
		require.Equal(t, channel.Stats{channel.Delivered: 1, channel.Unknown: 3}, b.SlackStats())
	})
	t.Run("signatures", func(t *testing.T) {
		body := slackMessage("T0ACME", "forged")
		sign := func(secret string, at time.Time, body string) []string {
			verifier, err := slack.NewVerifier(secret, time.Now)
			require.NoError(t, err)
			return []string{slack.TimestampHeader, strconv.FormatInt(at.Unix(), 10), slack.SignatureHeader, verifier.Sign(at, []byte(body))}
		}
		now := b.clock()
		for name, header := range map[string][]string{
			"none":           nil,
			"another secret": sign("another", now, body),
			"another body":   sign(slackSecret, now, body+" "),
			"too old":        sign(slackSecret, now.Add(-6*time.Minute), body),
			"too new":        sign(slackSecret, now.Add(6*time.Minute), body),
			"second header":  append(sign(slackSecret, now, body), slack.SignatureHeader, "v0=00"),
		} {
			got := b.do(t, http.MethodPost, "", "/v1/channels/slack/events", body, header...)
			require.Equal(t, http.StatusUnauthorized, got.status, name)
			require.Equal(t, "invalid_signature", got.code(t), name)
		}
		require.Len(t, b.delivered, 1)
		got := b.do(t, http.MethodPost, "", "/v1/channels/slack/events", slackMessage("T0ACME", "again"),
			append(sign(slackSecret, now, slackMessage("T0ACME", "again")), "X-Slack-Retry-Num", "1", "X-Slack-Retry-Reason", "http_timeout")...)
		require.Equal(t, http.StatusOK, got.status, "a retry is delivered, too")
		require.Len(t, b.delivered, 2)
	})
	t.Run("malformed payloads", func(t *testing.T) {
		got := b.slack(t, `{"type": "event_callback", "event_id": "Ev0DEAD", "text": "canary"}`)
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, http.StatusOK, b.slack(t, `[]`).status)
		require.Equal(t, http.StatusOK, b.slack(t, `{`).status)
		require.Equal(t, int64(3), b.SlackStats()[channel.Dead])
		require.Contains(t, b.logs.String(), `"event_id":"Ev0DEAD","cause":"slack: malformed payload: event"`)
		require.NotContains(t, b.logs.String(), "canary")
	})
	t.Run("body limit of 4 MiB", func(t *testing.T) {
		before := len(b.delivered)
		fits := slackMessage("T0ACME", strings.Repeat("x", 3<<20))
		require.Equal(t, http.StatusOK, b.slack(t, fits).status)
		require.Len(t, b.delivered, before+1)
		require.Equal(t, http.StatusOK, b.slack(t, fits+strings.Repeat(" ", 4<<20-len(fits))).status)
		got := b.slack(t, fits+strings.Repeat(" ", 4<<20-len(fits)+1))
		require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
		require.Equal(t, "request_too_large", got.code(t))
		require.Len(t, b.delivered, before+2)
	})
	t.Run("revoked connection", func(t *testing.T) {
		before := len(b.delivered)
		require.Equal(t, http.StatusOK, b.do(t, http.MethodPatch, b.admin, path, map[string]any{"status": "revoked"}, "If-Match", "*").status)
		require.Equal(t, http.StatusOK, b.slack(t, slackMessage("T0ACME", "hello")).status)
		require.Len(t, b.delivered, before)
	})
	t.Run("database error", func(t *testing.T) {
		b.exec(t, `REVOKE EXECUTE ON FUNCTION resolve_tenant(text, text) FROM konstruct_app`)
		require.Equal(t, http.StatusInternalServerError, b.slack(t, slackMessage("T0ACME", "hello")).status)
		require.Equal(t, int64(1), b.SlackStats()[channel.Failed])
	})
}
