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

// serveEnvironment configures `konstruct serve` on a free port.
func serveEnvironment(t *testing.T, db *testdb.Database) environment {
	t.Helper()
	return environment{
		"DATABASE_URL":          db.AppURL,
		"REDIS_URL":             testdb.Redis(t),
		"SLACK_SIGNING_SECRET":  slackSecret,
		"KONSTRUCT_SECRETS_KEY": "ZW5kdG9lbmQtdGVzdC1rZXktMzItYnl0ZXMtbG9uZy4=",
		"KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0",
	}
}

// From an empty database to a delivered message.
func TestFromMigrateToMessage(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	env := serveEnvironment(t, db)

	out, code := run(t, environment{"MIGRATION_DATABASE_URL": db.OwnerURL}, "", "migrate", "up")
	require.Equal(t, 1, code, "without bootstrap")
	require.Contains(t, out, "bootstrap.sql")
	out, code = run(t, environment{"MIGRATION_DATABASE_URL": db.SuperURL}, "", "migrate", "up")
	require.Zero(t, code, out)
	out, code = run(t, environment{"MIGRATION_DATABASE_URL": db.OwnerURL}, "", "migrate", "status")
	require.Zero(t, code, out)
	out, code = run(t, env, "", "doctor", "--json")
	require.Zero(t, code, out)
	out, code = run(t, env, password+"\n", "user", "create", "--admin", "Ada@Example.com")
	require.Zero(t, code, out)

	server := start(t, env, "serve")
	anonymous := client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}
	anonymous.do(t, http.StatusOK, http.MethodGet, "/readyz", nil)
	anonymous.do(t, http.StatusUnauthorized, http.MethodGet, "/v1/me", nil)
	anonymous.do(t, http.StatusUnauthorized, http.MethodPost, "/v1/auth/login",
		object{"email": "ada@example.com", "password": "wrong horse"})
	admin := anonymous.login(t, "ada@example.com", password)

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
	id = c.do(t, http.StatusCreated, http.MethodPost, "/v1/tenants", object{"name": name, "slug": name}).text(t, "id")
	agents := "/v1/tenants/" + id + "/agents"
	agent := c.do(t, http.StatusCreated, http.MethodPost, agents, object{"name": "Ada"}).text(t, "id")
	require.Equal(t, "Ada", c.do(t, http.StatusOK, http.MethodGet, agents+"/"+agent, nil).text(t, "name"))
	list, ok := c.do(t, http.StatusOK, http.MethodGet, agents, nil)["items"].([]any)
	require.True(t, ok)
	require.Len(t, list, 1)
	return id
}

func (c client) connect(t *testing.T, tenant, workspace string) {
	t.Helper()
	c.do(t, http.StatusCreated, http.MethodPost, "/v1/tenants/"+tenant+"/channel-connections", object{
		"channel_type": "slack", "workspace_id": workspace, "status": "active", "secrets": object{"bot_token": "xoxb-1"},
	})
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

func execute(t *testing.T, url, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), query)
	require.NoError(t, err)
}

// serve does not listen with a role that can bypass isolation.
func TestServeRejectsUnsafeRoles(t *testing.T) {
	t.Parallel()
	cluster := testdb.OwnCluster(t)
	db := cluster.New(t)
	steps := []struct{ name, change string }{
		{"superuser", "alter role konstruct_app superuser"},
		{"BYPASSRLS", "alter role konstruct_app nosuperuser bypassrls"},
		{"member of the owner", "alter role konstruct_app nobypassrls; grant konstruct_owner to konstruct_app"},
		{"owner of a table", "revoke konstruct_owner from konstruct_app; alter table agents owner to konstruct_app"},
	}
	env := serveEnvironment(t, db)
	for _, step := range steps {
		execute(t, db.SuperURL, step.change)
		out, code := run(t, env, "", "serve")
		require.Equal(t, 4, code, "%s: %s", step.name, out)
		require.Contains(t, out, "UNSAFE", step.name)
	}
	execute(t, db.SuperURL, "alter table agents owner to konstruct_owner")
	execute(t, db.SuperURL, "grant select, insert, update, delete on agents to konstruct_app")
	start(t, env, "serve").wait(t, `msg=listening`)
}
