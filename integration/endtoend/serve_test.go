package endtoend_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/message"
)

const (
	slackSecret = "endtoend-slack-secret"
	password    = "correct horse battery staple"
)

// serveEnvironment configures `konstruct serve`.
func serveEnvironment(t *testing.T, appURL string) environment {
	t.Helper()
	return environment{
		"DATABASE_URL":          appURL,
		"REDIS_URL":             testdb.Redis(t),
		"SLACK_SIGNING_SECRET":  slackSecret,
		"KONSTRUCT_SECRETS_KEY": oldKey,
	}
}

// From an empty database to a delivered message.
func TestFromMigrateToMessage(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	env := serveEnvironment(t, db.AppURL)
	owner, super := environment{"MIGRATION_DATABASE_URL": db.OwnerURL}, environment{"MIGRATION_DATABASE_URL": db.SuperURL}
	require.Contains(t, run(t, owner, failed, "migrate up"), "bootstrap.sql")
	run(t, super, 0, "migrate up")
	run(t, owner, 0, "migrate status")
	run(t, env, 0, "doctor --json")
	run(t, env, 0, "user create --admin Ada@Example.com")

	server := start(t, env, "serve")
	anonymous := server.client(t)
	anonymous.get(t, http.StatusOK, "/readyz")
	anonymous.get(t, http.StatusUnauthorized, "/v1/me")
	anonymous.login(t, http.StatusUnauthorized, "ada@example.com", "wrong horse")
	admin := anonymous.as(t, "ada@example.com", password)

	for name, payload := range payloads(t) {
		tenant := admin.createTenant(t, name)
		admin.connect(t, tenant, workspaceOf(t, payload))
		anonymous.slack(t, http.StatusOK, slackSecret, payload)
		server.wait(t, `msg="message delivered".*`+tenant)
		anonymous.slack(t, http.StatusUnauthorized, "another secret", payload)
	}
	require.NotContains(t, server.text(), password)
	server.stop(t)
}

// createTenant creates a tenant with an agent, and reads the agent back. name must be a valid slug.
func (c client) createTenant(t *testing.T, name string) (id string) {
	t.Helper()
	id = c.post(t, http.StatusCreated, "/v1/tenants", object{"name": name, "slug": name}).text(t, "id")
	agents := "/v1/tenants/" + id + "/agents"
	agent := c.post(t, http.StatusCreated, agents, object{"name": "Ada"}).text(t, "id")
	require.Equal(t, "Ada", c.get(t, http.StatusOK, agents+"/"+agent).text(t, "name"))
	require.Len(t, c.get(t, http.StatusOK, agents)["items"], 1)
	return id
}

// connect connects a Slack workspace, and returns the path of the tenant's connections.
func (c client) connect(t *testing.T, tenant, workspace string) string {
	t.Helper()
	connections := "/v1/tenants/" + tenant + "/channel-connections"
	c.post(t, http.StatusCreated, connections, object{
		"channel_type": "slack", "workspace_id": workspace, "status": "active", "secrets": object{"bot_token": "xoxb-1"},
	})
	return connections
}

// payloads returns the project's sample and, if KONSTRUCT_FIXTURES is set, one of the payloads in Slack's own libraries.
func payloads(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string]string{"sample": filepath.Join("..", "..", "channel", "slack", "testdata", "message_new.json")}
	if folder := os.Getenv("KONSTRUCT_FIXTURES"); folder != "" {
		files["real"] = filepath.Join(folder, "slack", "app_mention_full_authorizations.json")
	}
	out := map[string][]byte{}
	for name, path := range files {
		body, err := os.ReadFile(path)
		require.NoError(t, err)
		out[name] = body
	}
	return out
}

func workspaceOf(t *testing.T, payload []byte) string {
	t.Helper()
	event, err := slack.Normalize(payload)
	require.NoError(t, err)
	m, ok := event.(slack.Message)
	require.True(t, ok, "%T", event)
	require.Equal(t, message.Slack, m.ChannelType)
	return m.ChannelMetadata.WorkspaceID
}

func execute(t *testing.T, url, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), statements)
	require.NoError(t, err)
}

func query[T any](t *testing.T, url, statement string) []T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	rows, _ := conn.Query(t.Context(), statement) // CollectRows returns the error
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(t, err)
	return values
}

// serve does not listen with a role that can bypass isolation.
func TestServeRejectsUnsafeRoles(t *testing.T) {
	t.Parallel()
	db := testdb.OwnCluster(t).New(t)
	env := serveEnvironment(t, db.AppURL)
	for _, change := range []string{
		"alter role konstruct_app superuser",
		"alter role konstruct_app nosuperuser bypassrls",
		"alter role konstruct_app nobypassrls; grant konstruct_owner to konstruct_app",
		"revoke konstruct_owner from konstruct_app; alter table agents owner to konstruct_app",
	} {
		execute(t, db.SuperURL, change)
		require.Contains(t, run(t, env, unsafe, "serve"), "UNSAFE", change)
	}
	execute(t, db.SuperURL, `alter table agents owner to konstruct_owner;
		grant select, insert, update, delete on agents to konstruct_app`)
	start(t, env, "serve").client(t)
}
