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
	owner, super := environment{"MIGRATION_DATABASE_URL": db.OwnerURL}, environment{"MIGRATION_DATABASE_URL": db.SuperURL}
	env := serveEnvironment(t, db)
	for _, args := range [][]string{
		{"serve"}, {"user", "create", "ada@example.com"}, {"user", "password", "ada@example.com"}, {"keys", "rotate"},
	} {
		out, code := run(t, env, password+"\n", args...)
		require.Equal(t, 5, code, "%s: %s", args, out)
		require.Contains(t, out, "migrate up", args)
		require.NotContains(t, out, "42P01", args)
	}
	for _, args := range [][]string{{"doctor"}, {"doctor", "--attack"}} {
		out, code := run(t, env, "", args...)
		require.Equal(t, 4, code, "%s: %s", args, out)
		require.Contains(t, out, "NOT MIGRATED", args)
	}
	out, code := run(t, super, "", "migrate", "up")
	require.Zero(t, code, out)
	require.Contains(t, out, "user create --admin you@example.com")
	require.Contains(t, out, "serve")
	out, code = run(t, owner, "", "migrate", "status")
	require.Zero(t, code, out)
	out, code = run(t, env, password+"\n", "user", "create", "ada@example.com")
	require.Zero(t, code, out)

	// The tables are dropped under a running server.
	server := start(t, env, "serve")
	anonymous := client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}
	anonymous.login(t, "ada@example.com", password)
	execute(t, db.SuperURL, "drop table login_attempts, portal_sessions, portal_users")
	problem := anonymous.do(t, http.StatusServiceUnavailable, http.MethodPost, "/v1/auth/login",
		object{"email": "ada@example.com", "password": password})
	require.Equal(t, "unavailable", problem.text(t, "code"))
	server.wait(t, `konstruct migrate up`)
}

// Without secrets the server starts and logs which features are disabled.
func TestServeWithoutSecrets(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	env := environment{"DATABASE_URL": db.AppURL, "REDIS_URL": testdb.Redis(t), "KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0"}
	out, code := run(t, env, password+"\n", "user", "create", "--admin", "ada@example.com")
	require.Zero(t, code, out)

	server := start(t, env, "serve")
	anonymous := client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}
	require.Contains(t, server.text(), "SLACK_SIGNING_SECRET is not set")
	require.Contains(t, server.text(), "KONSTRUCT_SECRETS_KEY is not set")
	server.wait(t, `msg=starting version=\S+`)
	anonymous.slack(t, http.StatusNotFound, slackSecret, []byte(`{}`))
	admin := anonymous.login(t, "ada@example.com", password)
	tenant := admin.createTenant(t, "acme")
	connections := "/v1/tenants/" + tenant + "/channel-connections"
	connection := object{"channel_type": "slack", "workspace_id": "T0ACME", "secrets": object{"bot_token": "xoxb-1"}}
	refused := admin.do(t, http.StatusUnprocessableEntity, http.MethodPost, connections, connection)
	require.Contains(t, refused["errors"].([]any)[0].(map[string]any)["message"], "KONSTRUCT_SECRETS_KEY")
	delete(connection, "secrets")
	admin.do(t, http.StatusCreated, http.MethodPost, connections, connection)

	env["KONSTRUCT_TRUSTED_PROXIES"], env["REDIS_URL"] = "127.0.0.1", "redis://:konstruct-redis-example@127.0.0.1:1"
	out, code = run(t, env, "", "serve")
	require.Equal(t, 2, code)
	require.Contains(t, out, "REDIS_URL: is the public value of .env.example")
	require.Contains(t, out, "KONSTRUCT_SECRETS_KEY: is required")
}

func TestWrongPasswordErrorsNameTheVariable(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	app := environment{
		"DATABASE_URL": wrongPassword(t, db.AppURL), "KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0", "KONSTRUCT_SECRETS_KEY": newKey,
	}
	owner := environment{"MIGRATION_DATABASE_URL": wrongPassword(t, db.OwnerURL)}
	for _, c := range []struct {
		env  environment
		name string
		args []string
	}{
		{app, "DATABASE_URL", []string{"serve"}},
		{app, "DATABASE_URL", []string{"user", "create", "ada@example.com"}},
		{app, "DATABASE_URL", []string{"keys", "rotate"}},
		{app, "DATABASE_URL", []string{"doctor"}},
		{app, "DATABASE_URL", []string{"doctor", "--attack"}},
		{owner, "MIGRATION_DATABASE_URL", []string{"migrate", "up"}},
		{owner, "MIGRATION_DATABASE_URL", []string{"migrate", "status"}},
	} {
		out, code := run(t, c.env, password+"\n", c.args...)
		require.Equal(t, 1, code, "%s: %s", c.args, out)
		require.Contains(t, out, c.name+": PostgreSQL rejected the password of ", c.args)
		require.Contains(t, out, "volume keeps the passwords of its first start", c.args)
		require.NotContains(t, out, "canary", c.args)
		require.NotContains(t, out, "failed to connect to", "pgx's error, which contains the host: %s", c.args)
	}

	server := start(t, environment{
		"DATABASE_URL": db.AppURL, "KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0", "REDIS_URL": wrongPassword(t, testdb.Redis(t)),
	}, "serve")
	server.wait(t, `msg=listening`)
	server.wait(t, `REDIS_URL: Redis rejected the password`)
	require.NotContains(t, server.text(), "canary")
}

func TestLibpqVariables(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	env := environment{
		"DATABASE_URL": db.AppURL, "MIGRATION_DATABASE_URL": db.OwnerURL, "REDIS_URL": testdb.Redis(t),
		"KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0",
		"PGSERVICE":             "nosuch", "PGOPTIONS": "-c work_mem=8MB", "PGTZ": "Asia/Tokyo", "PGCONNECT_TIMEOUT": "abc",
		"PGTARGETSESSIONATTRS": "standby", "PGHOST": "192.0.2.1", "PGPORT": "1",
	}
	for _, args := range [][]string{{"migrate", "status"}, {"doctor"}, {"user", "create", "ada@example.com"}} {
		out, code := run(t, env, password+"\n", args...)
		require.Zero(t, code, "%s: %s", args, out)
	}
	start(t, env, "serve").wait(t, `msg=listening`)

	env["PGSSLROOTCERT"] = "/nonexistent"
	for _, args := range [][]string{{"serve"}, {"migrate", "status"}, {"doctor"}} {
		out, code := run(t, env, "", args...)
		require.Equal(t, 2, code, "%s: %s", args, out)
		require.Contains(t, out, "PGSSLROOTCERT: ", args)
		require.NotContains(t, out, "DATABASE_URL", args)
	}
}

// One Ctrl-C may arrive several times, from the terminal and from each wrapper that forwards it.
func TestRepeatedSIGINTStopsGracefully(t *testing.T) {
	t.Parallel()
	server := start(t, serveEnvironment(t, testdb.New(t)), "serve")
	server.wait(t, `msg=listening`)
	for range 3 {
		require.NoError(t, server.cmd.Process.Signal(syscall.SIGINT))
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
