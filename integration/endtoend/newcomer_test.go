package endtoend_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// wrongPassword replaces the password in a URL.
func wrongPassword(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), "canary-wrong")
	return u.String()
}

// Without migrations each command says to run migrate up, which prints the next commands.
func TestWithoutMigrations(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	env := serveEnvironment(t, db.AppURL)
	for _, line := range []string{"serve", "user create ada@example.com", "user password ada@example.com", "keys rotate"} {
		out := run(t, env, unfit, line)
		require.Contains(t, out, "migrate up", line)
		require.NotContains(t, out, "42P01", line)
	}
	for _, line := range []string{"doctor", "doctor --attack"} {
		require.Contains(t, run(t, env, unsafe, line), "NOT MIGRATED", line)
	}
	out := run(t, environment{"MIGRATION_DATABASE_URL": db.SuperURL}, 0, "migrate up")
	require.Contains(t, out, "user create --admin you@example.com")
	require.Contains(t, out, "serve")
	run(t, environment{"MIGRATION_DATABASE_URL": db.OwnerURL}, 0, "migrate status")
	run(t, env, 0, "user create ada@example.com")

	// The tables are dropped under a running server.
	server := start(t, env, "serve")
	anonymous := server.client(t)
	anonymous.login(t, http.StatusOK, "ada@example.com", password)
	execute(t, db.SuperURL, "drop table login_attempts, portal_sessions, portal_users cascade")
	problem := anonymous.login(t, http.StatusServiceUnavailable, "ada@example.com", password)
	require.Equal(t, "unavailable", problem.text(t, "code"))
	server.wait(t, `konstruct migrate up`)
}

// Without secrets the server starts and logs which features are disabled.
func TestServeWithoutSecrets(t *testing.T) {
	t.Parallel()
	env := environment{"DATABASE_URL": testdb.New(t).AppURL, "REDIS_URL": testdb.Redis(t)}
	run(t, env, 0, "user create --admin ada@example.com")

	server := start(t, env, "serve")
	anonymous := server.client(t)
	require.Contains(t, server.text(), "SLACK_SIGNING_SECRET is not set")
	require.Contains(t, server.text(), "KONSTRUCT_SECRETS_KEY is not set")
	server.wait(t, `msg=starting version=\S+`)
	anonymous.slack(t, http.StatusNotFound, slackSecret, []byte(`{}`))
	admin := anonymous.as(t, "ada@example.com", password)
	connections := "/v1/tenants/" + admin.createTenant(t, "acme") + "/channel-connections"
	connection := object{"channel_type": "slack", "workspace_id": "T0ACME", "secrets": object{"bot_token": "xoxb-1"}}
	refused := admin.post(t, http.StatusUnprocessableEntity, connections, connection)
	require.Contains(t, refused["errors"].([]any)[0].(map[string]any)["message"], "KONSTRUCT_SECRETS_KEY")
	delete(connection, "secrets")
	admin.post(t, http.StatusCreated, connections, connection)

	env["KONSTRUCT_TRUSTED_PROXIES"], env["REDIS_URL"] = "127.0.0.1", "redis://:konstruct-redis-example@127.0.0.1:1"
	out := run(t, env, misused, "serve")
	require.Contains(t, out, "REDIS_URL: is the public value of .env.example")
	require.Contains(t, out, "KONSTRUCT_SECRETS_KEY: is required")
}

func TestWrongPasswordErrorsNameTheVariable(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	for _, c := range []struct {
		variable, url string
		lines         []string
	}{
		{"DATABASE_URL", db.AppURL, []string{"serve", "user create ada@example.com", "keys rotate", "doctor", "doctor --attack"}},
		{"MIGRATION_DATABASE_URL", db.OwnerURL, []string{"migrate up", "migrate status"}},
	} {
		for _, line := range c.lines {
			out := run(t, environment{c.variable: wrongPassword(t, c.url), "KONSTRUCT_SECRETS_KEY": newKey}, failed, line)
			require.Contains(t, out, c.variable+": PostgreSQL rejected the password of ", line)
			require.Contains(t, out, "volume keeps the passwords of its first start", line)
			require.NotContains(t, out, "canary", line)
			require.NotContains(t, out, "failed to connect to", "pgx's error, which contains the host: %s", line)
		}
	}

	server := start(t, environment{"DATABASE_URL": db.AppURL, "REDIS_URL": wrongPassword(t, testdb.Redis(t))}, "serve")
	server.client(t)
	server.wait(t, `REDIS_URL: Redis rejected the password`)
	require.NotContains(t, server.text(), "canary")
}

func TestLibpqVariables(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	env := environment{
		"DATABASE_URL": db.AppURL, "MIGRATION_DATABASE_URL": db.OwnerURL, "REDIS_URL": testdb.Redis(t),
		"PGSERVICE": "nosuch", "PGOPTIONS": "-c work_mem=8MB", "PGTZ": "Asia/Tokyo", "PGCONNECT_TIMEOUT": "abc",
		"PGTARGETSESSIONATTRS": "standby", "PGHOST": "192.0.2.1", "PGPORT": "1",
	}
	for _, line := range []string{"migrate status", "doctor", "user create ada@example.com"} {
		run(t, env, 0, line)
	}
	start(t, env, "serve").client(t)

	env["PGSSLROOTCERT"] = "/nonexistent"
	for _, line := range []string{"serve", "migrate status", "doctor"} {
		out := run(t, env, misused, line)
		require.Contains(t, out, "PGSSLROOTCERT: ", line)
		require.NotContains(t, out, "DATABASE_URL", line)
	}
}

// One Ctrl-C may arrive several times, from the terminal and from each wrapper that forwards it.
func TestRepeatedSIGINTStopsGracefully(t *testing.T) {
	t.Parallel()
	server := start(t, serveEnvironment(t, testdb.New(t).AppURL), "serve")
	server.client(t)
	for range 3 {
		server.signal(syscall.SIGINT)
	}
	server.stop(t)
}

func TestTasksAreListedInOrderOfUse(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=tools/go.mod", "task")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "NO_COLOR=1") // task colors its output if CI=true
	list, err := cmd.CombinedOutput()
	require.NoError(t, err, string(list))
	position := -1
	for _, name := range []string{"* dev:", "* up:", "* migrate:", "* serve:", "* down:", "* test:"} {
		next := bytes.Index(list, []byte(name))
		require.Greater(t, next, position, name)
		position = next
	}
}
