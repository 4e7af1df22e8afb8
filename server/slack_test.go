package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/server"
)

func slackMessage(workspace, text string) string {
	return fmt.Sprintf(`{"token": "t", "team_id": %q, "api_app_id": "A0APP", "type": "event_callback", "event_id": "Ev01", "event_time": 1767225600,
		"authorizations": [{"enterprise_id": null, "team_id": %q, "user_id": "U0BOT", "is_bot": true, "is_enterprise_install": false}],
		"event": {"type": "message", "user": "U0ADA", "text": %q, "ts": "1767225600.000100", "channel": "C0GEN", "channel_type": "channel",
		"event_ts": "1767225600.000100"}}`, workspace, workspace, text)
}

func TestSlackEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	path, _ := b.connect(t, acme, "T0ACME")
	b.create(t, b.createTenant(t, "other")+"/channel-connections", `{"channel_type": "slack", "workspace_id": "T0OTHER", "status": "pending"}`)
	expect := func(delivered int, body string) {
		t.Helper()
		before := len(b.delivered)
		b.slack(t, body).is(200)
		require.Len(t, b.delivered, before+delivered)
	}
	expect(1, slackMessage("T0ACME", "hello"))
	require.Equal(t, idOf(t, acme), b.delivered[0].TenantID())
	require.Equal(t, "hello", b.delivered[0].Message().Content.Text)

	const challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
	got := b.slack(t, `{"type": "url_verification", "token": "t", "challenge": "`+challenge+`"}`).is(200)
	require.Equal(t, challenge, got.at("challenge"))

	// Acme has the team, but no tenant has the organization of this installation.
	expect(0, strings.NewReplacer(`"enterprise_id": null`, `"enterprise_id": "E0OTHER"`, `"is_enterprise_install": false`,
		`"is_enterprise_install": true`).Replace(slackMessage("T0ACME", "for the organization")))
	expect(0, slackMessage("T0UNKNOWN", "hello"))
	expect(0, slackMessage("T0OTHER", "hello"))
	require.Equal(t, channel.Stats{channel.Delivered: 1, channel.Unknown: 3}, b.SlackStats())

	expect(0, `{"type": "event_callback", "event_id": "Ev0DEAD", "text": "canary"}`)
	expect(0, `[]`)
	expect(0, `{`)
	require.Equal(t, int64(3), b.SlackStats()[channel.Dead])
	require.Contains(t, b.logs.String(), `"event_id":"Ev0DEAD","cause":"slack: malformed payload: event"`)
	require.NotContains(t, b.logs.String(), "canary")

	long := slackMessage("T0ACME", strings.Repeat("x", 3<<20))
	expect(1, long)
	long += strings.Repeat(" ", 4<<20-len(long))
	expect(1, long)
	before := len(b.delivered)
	b.slack(t, long+" ").is(413)
	require.Len(t, b.delivered, before)

	b.admin.patch(t, path, "*", `{"status": "revoked"}`).is(200)
	expect(0, slackMessage("T0ACME", "hello"))
	b.exec(t, `REVOKE EXECUTE ON FUNCTION resolve_tenant(text, text) FROM konstruct_app`)
	b.slack(t, slackMessage("T0ACME", "hello")).is(500)
	require.Equal(t, int64(1), b.SlackStats()[channel.Failed])
}

func TestSlackSignatures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect(t, b.createTenant(t, "acme"), "T0ACME")
	body, now := slackMessage("T0ACME", "forged"), b.clock()
	for _, header := range [][]string{
		nil,
		signed(t, "another secret", now, body),
		signed(t, slackSecret, now, body+" "),
		signed(t, slackSecret, now.Add(-6*time.Minute), body),
		signed(t, slackSecret, now.Add(6*time.Minute), body),
		append(signed(t, slackSecret, now, body), slack.SignatureHeader, "v0=00"),
	} {
		b.anyone.post(t, slackPath, body, header...).is(401, "invalid_signature")
	}
	require.Empty(t, b.delivered)
	retry := append(signed(t, slackSecret, now, body), "X-Slack-Retry-Num", "1", "X-Slack-Retry-Reason", "http_timeout")
	b.anyone.post(t, slackPath, body, retry...).is(200)
	require.Len(t, b.delivered, 1)
}

// TestSlackEventsAreCounted: the counts are logged at shutdown.
func TestSlackEventsAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect(t, b.createTenant(t, "acme"), "T0ACME")
	_, stop, stopped := b.serve(t)
	for _, workspace := range []string{"T0ACME", "T0ACME", "T0OTHER"} {
		b.slack(t, slackMessage(workspace, "hello")).is(200)
	}
	stop()
	require.NoError(t, <-stopped)
	lines := b.logLines(t, "msg", "slack events")
	require.Len(t, lines, 1)
	for outcome, count := range b.SlackStats().All() {
		require.EqualValues(t, count, lines[0][outcome], outcome)
	}
	require.EqualValues(t, 2, lines[0]["delivered"])
}

func TestNoSlackRouteWithoutSigningSecret(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Contains(t, b.anyone.get(t, "/openapi.json").body, "slack/events")
	b.restart(t, func(o *server.Options) { o.SlackSecret = "" })
	b.slack(t, slackMessage("T0ACME", "hello")).is(404)
	require.Zero(t, b.SlackStats())
	require.NotContains(t, b.anyone.get(t, "/openapi.json").body, "slack/events")
	b.admin.get(t, "/v1/me").is(200)
}
