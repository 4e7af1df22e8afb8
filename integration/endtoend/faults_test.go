package endtoend_test

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// Startup errors are specific, and contain no secrets.
func TestServeStartupErrors(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	config, err := pgx.ParseConfig(db.AppURL)
	require.NoError(t, err)
	const prefix = "postgres://konstruct_app:hunter2secret@"
	for name, tt := range map[string]struct{ url, says string }{
		"wrong password":     {strings.Replace(db.AppURL, config.Password, "hunter2secret", 1), "rejected the password"},
		"connection refused": {prefix + closed.Addr().String() + "/konstruct", "connection refused"},
		"unknown database":   {strings.Replace(db.AppURL, db.Name, "nowhere", 1), "does not exist"},
		"no schema":          {db.AppURL, `konstruct migrate up"`},
		"unknown host":       {prefix + "nowhere.invalid/konstruct", "host name not resolved"},
		"unescaped password": {"postgres://konstruct_app:hunter2/secret@127.0.0.1/konstruct", "percent-encode"},
	} {
		env := serveEnvironment(t, db)
		env["DATABASE_URL"] = tt.url
		out, code := run(t, env, "", "serve")
		require.NotZero(t, code, name)
		require.Contains(t, out, tt.says, name)
		require.NotContains(t, out, "UNSAFE", name)
		for _, part := range []string{"hunter2", "secret@", config.Password, "nowhere.invalid"} {
			require.NotContains(t, out, part, name)
		}
	}
}

// serve waits a limited time for a PostgreSQL that accepts connections and never responds.
func TestServeStartupTimeout(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	proxy, through := newProxy(t, db.AppURL)
	proxy.set(func() { proxy.frozen = true })
	env := serveEnvironment(t, db)
	env["DATABASE_URL"] = through
	out, code := run(t, env, "", "serve")
	require.Equal(t, 1, code)
	require.Contains(t, out, `msg="waiting for PostgreSQL"`)
	require.Contains(t, out, "did not become available within")

	server := start(t, env, "serve")
	server.wait(t, `msg="waiting for PostgreSQL"`)
	proxy.set(func() { proxy.frozen = false })
	server.wait(t, `msg=listening`)
}

func TestCommandsTimeOut(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	proxy, app := newProxy(t, db.AppURL)
	proxy.set(func() { proxy.frozen = true })
	owner, err := url.Parse(db.OwnerURL)
	require.NoError(t, err)
	through, err := url.Parse(app)
	require.NoError(t, err)
	owner.Host = through.Host
	env := environment{"DATABASE_URL": app, "MIGRATION_DATABASE_URL": owner.String(), "KONSTRUCT_SECRETS_KEY": newKey}
	scratch := "postgres://postgres@" + through.Host + "/postgres"
	for line, want := range map[string]int{
		"user list": 1, "keys rotate": 1, "doctor": 1, "doctor --attack": 1, "migrate up": 1, "migrate status": 1,
		"migrate check --scratch-url " + scratch: 5,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			out, code := run(t, env, "", strings.Fields(line)...)
			require.Equal(t, want, code, out)
			require.Contains(t, out, "timed out")
		})
	}
	require.Equal(t, 130, interrupted(t, env, "migrate", "status"))
}

// readiness returns the status in /readyz and the failing checks.
func (c client) readiness(t *testing.T, want int) (status string, failing []string) {
	t.Helper()
	time.Sleep(1100 * time.Millisecond) // responses are cached for a second
	ready := c.do(t, want, http.MethodGet, "/readyz", nil)
	failing = []string{}
	for _, check := range ready["checks"].([]any) {
		if check, _ := check.(map[string]any); check["status"] != "ok" {
			failing = append(failing, check["name"].(string))
		}
	}
	return ready.text(t, "status"), failing
}

// testBundle is a running server with a proxy to PostgreSQL, an admin and a tenant.
type testBundle struct {
	server *process
	admin  client
	db     *testdb.Database
	proxy  *proxy
	agents string // the path of the tenant's agents
}

func setupServer(t *testing.T, changes environment) testBundle {
	t.Helper()
	b := testBundle{db: testdb.New(t)}
	env := serveEnvironment(t, b.db)
	b.proxy, env["DATABASE_URL"] = newProxy(t, b.db.AppURL)
	maps.Copy(env, changes)
	out, code := run(t, env, password+"\n", "user", "create", "--admin", "ada@example.com")
	require.Zero(t, code, out)
	b.server = start(t, env, "serve")
	anonymous := client{base: "http://" + b.server.wait(t, `listening.*address"?[=:]"?([^"\s]+)`)}
	b.admin = anonymous.login(t, "ada@example.com", password)
	b.agents = "/v1/tenants/" + b.admin.createTenant(t, "acme") + "/agents"
	return b
}

// list gets the tenant's agents and expects the status.
func (b testBundle) list(t *testing.T, want int) object {
	t.Helper()
	return b.admin.do(t, want, http.MethodGet, b.agents, nil)
}

func (b testBundle) create(t *testing.T, want int) object {
	t.Helper()
	return b.admin.do(t, want, http.MethodPost, b.agents, object{"name": "Mara"})
}

// number reads one number as the superuser.
func (b testBundle) number(t *testing.T, query string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
	return n
}

const (
	countAgents = "select count(*) from agents"
	sleepers    = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
	lockWaiters = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
	terminate   = "select pg_terminate_backend(pid) from pg_stat_activity " +
		"where usename = 'konstruct_app' and datname = current_database()"
	temporaryFiles = "select temp_files from pg_stat_database where datname = current_database()"
)

// While PostgreSQL does not respond, only its checks fail. Requests succeed as soon as it responds again.
func TestServeUnderAFrozenDatabase(t *testing.T) {
	t.Parallel()
	b := setupServer(t, nil)
	status, failing := b.admin.readiness(t, http.StatusOK)
	require.Equal(t, "ready", status)
	require.Empty(t, failing)

	b.proxy.set(func() { b.proxy.frozen = true })
	status, failing = b.admin.readiness(t, http.StatusServiceUnavailable)
	require.Equal(t, "not_ready", status)
	require.Equal(t, []string{"postgresql", "writes"}, failing)
	problem := b.list(t, http.StatusServiceUnavailable)
	require.Equal(t, "unavailable", problem.text(t, "code"))

	b.proxy.set(func() { b.proxy.frozen = false })
	available := func() bool { return b.admin.status(t, b.agents) == http.StatusOK }
	require.Eventually(t, available, 10*time.Second, 50*time.Millisecond)
	_, failing = b.admin.readiness(t, http.StatusOK)
	require.Empty(t, failing)
	require.NotContains(t, b.server.text(), "level=ERROR")
}

// If the response to a write is lost, its outcome is unknown, so a client must not retry it. Reads can be retried.
func TestServeUnknownOutcome(t *testing.T) {
	t.Parallel()
	b := setupServer(t, nil)
	before := b.number(t, countAgents)
	// The delay keeps the session's lookup apart: only the response to the insert must be lost.
	execute(t, b.db.SuperURL, `create function slow() returns trigger language plpgsql as
			'begin perform pg_sleep(2); return new; end';
		create trigger slow before insert on agents for each row execute function slow()`)
	var deaf sync.WaitGroup
	deaf.Go(func() {
		for b.number(t, sleepers) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		b.proxy.set(func() { b.proxy.deaf = true })
	})
	defer deaf.Wait()
	unknown := b.create(t, http.StatusServiceUnavailable)
	require.Equal(t, "outcome_unknown", unknown.text(t, "code"))
	require.Equal(t, before+1, b.number(t, countAgents), "inserted")
	b.server.wait(t, `msg="audit: change" action=create-agent .*outcome=unknown`)

	problem := b.list(t, http.StatusServiceUnavailable)
	require.Equal(t, "unavailable", problem.text(t, "code"))
}

// A read-only database degrades readiness and rejects writes, but not reads.
func TestServeWithoutWrites(t *testing.T) {
	t.Parallel()
	b := setupServer(t, nil)
	b.admin.readiness(t, http.StatusOK)
	require.Eventually(t, func() bool { return b.number(t, temporaryFiles) > 0 }, 20*time.Second, 200*time.Millisecond,
		"the check writes to disk, to detect a full one")

	name := rls.Quote(b.db.Name)
	execute(t, b.db.SuperURL, "alter role konstruct_app in database "+name+" set default_transaction_read_only = on")
	execute(t, b.db.SuperURL, terminate)
	require.Eventually(t, func() bool {
		status, failing := b.admin.readiness(t, http.StatusOK)
		return status == "degraded" && len(failing) == 1 && failing[0] == "writes"
	}, 10*time.Second, 100*time.Millisecond)
	b.list(t, http.StatusOK)
	problem := b.create(t, http.StatusServiceUnavailable)
	require.Equal(t, "unavailable", problem.text(t, "code"))

	execute(t, b.db.SuperURL, "alter role konstruct_app in database "+name+" reset default_transaction_read_only")
	execute(t, b.db.SuperURL, terminate)
	require.Eventually(t, func() bool {
		status, _ := b.admin.readiness(t, http.StatusOK)
		return status == "ready"
	}, 10*time.Second, 100*time.Millisecond)
	b.create(t, http.StatusCreated)
}

// Locked tables do not affect readiness.
func TestServeUnderTableLocks(t *testing.T) {
	t.Parallel()
	b := setupServer(t, environment{"KONSTRUCT_DB_MAX_CONNS": "2"})
	conn, err := pgx.Connect(t.Context(), b.db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	lock, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `lock table agents, tenants, channel_connections, portal_users, portal_sessions,
		login_attempts, atlas_schema_revisions.atlas_schema_revisions in access exclusive mode`)
	require.NoError(t, err)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for range 6 { // two hold the pool's connections, four wait
		waiting.Go(func() { b.admin.do(t, http.StatusServiceUnavailable, http.MethodGet, "/v1/me", nil) })
	}
	require.Eventually(t, func() bool { return b.number(t, lockWaiters) == 2 }, timeout, 10*time.Millisecond)
	for range 2 {
		status, failing := b.admin.readiness(t, http.StatusOK)
		require.Equal(t, "ready", status)
		require.Empty(t, failing)
	}
	waiting.Wait()
	require.NoError(t, lock.Rollback(t.Context()))
}

// SIGHUP is ignored. After SIGTERM readiness fails, and requests are served for the drain delay.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	b := setupServer(t, environment{"KONSTRUCT_DRAIN_DELAY": "2s", "KONSTRUCT_LOG_FORMAT": "json"})
	require.NoError(t, b.server.cmd.Process.Signal(syscall.SIGHUP))
	time.Sleep(200 * time.Millisecond)
	b.list(t, http.StatusOK)

	require.NoError(t, b.server.cmd.Process.Signal(syscall.SIGTERM))
	begin := time.Now()
	b.server.wait(t, `"msg":"shutting down","drain_delay":"2s"`)
	b.admin.do(t, http.StatusServiceUnavailable, http.MethodGet, "/readyz", nil)
	for time.Since(begin) < time.Second {
		b.list(t, http.StatusOK)
	}
	<-b.server.done
	require.NoError(t, b.server.cmd.Wait())
	require.GreaterOrEqual(t, time.Since(begin), 2*time.Second)
}

func TestSecondSignalStopsServeImmediately(t *testing.T) {
	t.Parallel()
	b := setupServer(t, environment{"KONSTRUCT_DRAIN_DELAY": "1m"})
	require.NoError(t, b.server.cmd.Process.Signal(syscall.SIGINT))
	b.server.wait(t, `msg="shutting down"`)
	time.Sleep(1200 * time.Millisecond) // signals within a second count as one Ctrl-C
	require.NoError(t, b.server.cmd.Process.Signal(syscall.SIGINT))
	select {
	case <-b.server.done:
	case <-time.After(10 * time.Second):
		require.Fail(t, "still running")
	}
	require.Error(t, b.server.cmd.Wait())
}
