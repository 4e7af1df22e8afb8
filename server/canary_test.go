package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
)

func failing(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// The canaries, one for each part of a request.
const (
	canaryField    = "canary-field-4711"
	canaryQuery    = "canary-query-4712"
	canaryHeader   = "canary-header-4713"
	canaryPassword = "canary-password-4714"
	canarySecret   = "xoxb-canary-secret-4715"
	canaryPath     = "canary-path-4716"
)

// TestNoSubmittedDataInResponsesAndLogs sends canaries to every operation, in valid, invalid and malformed bodies, as
// different principals and while the database fails. No response and no log line may contain one.
func TestNoSubmittedDataInResponsesAndLogs(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) {
		o.Ready = []server.Check{{Name: "broken", Run: failing(errors.New("broken"))}}
	})
	tenant := b.createTenant(t, "acme")
	agent, _ := b.createAgent(t, tenant)
	connection, _ := b.connect(t, tenant, "T0A")
	b.createUser(t, account.NewUser{Email: "taken@example.com", Name: "User"})

	seen := map[int]int{}
	for _, state := range []struct {
		client

		arrange string
	}{
		{b.admin, ``},
		{b.user, ``},
		{client{b, canaryHeader}, ``},
		{b.admin, `REVOKE ALL ON tenants, agents, channel_connections, portal_users, login_attempts FROM konstruct_app`},
		{b.admin, `REVOKE ALL ON portal_sessions FROM konstruct_app`},
	} {
		b.exec(t, state.arrange)
		operations(t, func(method, path string, op *openapi3.Operation) {
			if op.OperationID == "logout" {
				return
			}
			for _, target := range []string{
				strings.NewReplacer("/v1/tenants/{tenant_id}/agents/{agent_id}", agent,
					"/v1/tenants/{tenant_id}/channel-connections/{connection_id}", connection, "/v1/tenants/{tenant_id}", tenant).Replace(path),
				strings.NewReplacer("{tenant_id}", canaryPath, "{agent_id}", canaryPath, "{connection_id}", canaryPath).Replace(path),
			} {
				// With a query, most operations reject unknown parameters.
				for _, query := range []string{"", "?cursor=" + canaryQuery + "&limit=" + canaryQuery + "&purge=" + canaryQuery} {
					for _, body := range canaryBodies() {
						got := state.do(t, method, target+query, body,
							"If-Match", `"`+canaryHeader+`"`, "X-Request-Id", canaryHeader, "X-Slack-Signature", "v0="+canaryHeader,
							"X-Slack-Request-Timestamp", canaryHeader, "Cookie", canaryHeader, "User-Agent", canaryHeader)
						seen[got.status]++
						silent(t, got.body+fmt.Sprint(got.header), op.OperationID)
					}
				}
			}
		})
	}
	for _, status := range []int{400, 401, 403, 404, 409, 412, 422, 500} {
		require.Positive(t, seen[status], "a response with status %d", status)
	}
	silent(t, client{b, canaryHeader}.do(t, canaryHeader, "/"+canaryPath, nil).body, "an unknown route")
	silent(t, b.logs.String(), "the log")
	require.Contains(t, b.logs.String(), "42501", "database errors are logged by code")
}

func silent(t *testing.T, text, where string) {
	t.Helper()
	require.NotContains(t, strings.ToLower(text), "canary", where)
}

func canaryBodies() []string {
	fields := fmt.Sprintf(`"name": %q, "slug": %q, "email": %q, "password": %q, "channel_type": %q, "workspace_id": %q,
		"status": %q, "secrets": {"bot_token": %q}, "config": {"x": %q}`,
		canaryField, canaryField+"!", canaryField, canaryPassword, canaryField, canaryField, canaryField, canarySecret, canaryField)
	return []string{
		`{` + fields + `}`,
		`{` + fields, // no JSON
		`{"name": ["` + canaryField + `"], "slug": 4711, "secrets": "` + canarySecret + `"}`,
		`{"` + canaryField + `": "` + canaryField + `", "secrets": {"` + canarySecret + `": "` + canarySecret + `"}}`,
		`{"email": "taken@example.com", "password": "` + canaryPassword + `"}`,
		`{"channel_type": "slack", "workspace_id": "T0A", "secrets": {"bot_token": "` + canarySecret + `***"}}`,
		`"` + canaryField + `"`,
		canaryField,
		`{"name": "` + canaryField + `\u0000", "slug": "x"}`,
		// Valid: a conflict and a stale version.
		`{"channel_type": "slack", "workspace_id": "T0A", "secrets": {"bot_token": "` + canarySecret + `"}}`,
		`{"persona": "` + canaryField + `"}`,
		`{"type": "event_callback", "token": "` + canarySecret + `"}`,
	}
}

func TestFailedDeliveryLogsNoMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(t, b.createTenant(t, "acme")+"/channel-connections",
		object{"channel_type": "slack", "workspace_id": "T0ACME", "secrets": object{"bot_token": canarySecret}})
	b.slack(t, slackMessage("T0ACME", canaryField)).is(200)
	b.mu.Lock()
	require.Len(t, b.delivered, 1)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", b.delivered[0], b.delivered[0], b.delivered[0]), canaryField)
	b.failing = errors.New("queue is down")
	b.mu.Unlock()
	silent(t, b.slack(t, slackMessage("T0ACME", canaryField)).is(500).body, "the response")
	silent(t, b.logs.String(), "the log")
	require.Contains(t, b.logs.String(), "queue is down")
}

func TestOptionsAreRedacted(t *testing.T) {
	t.Parallel()
	options := server.Options{Key: []byte(canarySecret), SlackSecret: canarySecret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		silent(t, fmt.Sprintf(verb, options)+fmt.Sprintf(verb, &options), verb)
	}
}
