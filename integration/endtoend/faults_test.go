package endtoend_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/faultproxy"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// Startup errors are specific, and contain no secrets.
func TestServeStartupErrors(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	closed := faultproxy.Start(t, db.AppURL)
	closed.Refuse()
	config, err := pgx.ParseConfig(db.AppURL)
	require.NoError(t, err)
	const prefix = "postgres://konstruct_app:hunter2secret@"
	for name, tt := range map[string]struct{ url, says string }{
		"wrong password":     {strings.Replace(db.AppURL, config.Password, "hunter2secret", 1), "rejected the password"},
		"connection refused": {prefix + closed.Address() + "/konstruct", "connection refused"},
		"unknown database":   {strings.Replace(db.AppURL, db.Name, "nowhere", 1), "does not exist"},
		"no schema":          {db.AppURL, `konstruct migrate up"`},
		"unknown host":       {prefix + "nowhere.invalid/konstruct", "host name not resolved"},
		"unescaped password": {"postgres://konstruct_app:hunter2/secret@127.0.0.1/konstruct", "percent-encode"},
	} {
		p := start(t, serveEnvironment(t, tt.url), "serve")
		require.NotZero(t, p.exit(t), name)
		require.Contains(t, p.text(), tt.says, name)
		for _, part := range []string{"UNSAFE", "hunter2", "secret@", config.Password, "nowhere.invalid"} {
			require.NotContains(t, p.text(), part, name)
		}
	}
}

// serve waits a limited time for a PostgreSQL that accepts connections and never responds.
func TestServeStartupTimeout(t *testing.T) {
	t.Parallel()
	proxy := faultproxy.Start(t, testdb.New(t).AppURL)
	proxy.Hang(true)
	env := serveEnvironment(t, proxy.URL())
	out := run(t, env, failed, "serve")
	require.Contains(t, out, `msg="waiting for PostgreSQL"`)
	require.Contains(t, out, "did not become available within")

	server := start(t, env, "serve")
	server.wait(t, `msg="waiting for PostgreSQL"`)
	proxy.Hang(false)
	server.client(t)
}

func TestCommandsTimeOut(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	app, owner := faultproxy.Start(t, db.AppURL), faultproxy.Start(t, db.OwnerURL)
	app.Hang(true)
	owner.Hang(true)
	env := environment{"DATABASE_URL": app.URL(), "MIGRATION_DATABASE_URL": owner.URL(), "KONSTRUCT_SECRETS_KEY": newKey}
	scratch := "postgres://postgres@" + owner.Address() + "/postgres"
	for line, want := range map[string]int{
		"user list": failed, "keys rotate": failed, "doctor": failed, "doctor --attack": failed, "migrate up": failed,
		"migrate status": failed, "migrate check --scratch-url " + scratch: unfit,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, run(t, env, want, line), "timed out")
		})
	}
	requireInterruptible(t, env, "migrate status")
}

// readiness returns the status in /readyz and the failing checks.
func (c client) readiness(t *testing.T, want int) (status string, failing []string) {
	t.Helper()
	time.Sleep(1100 * time.Millisecond) // responses are cached for a second
	ready := c.get(t, want, "/readyz")
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
	proxy  *faultproxy.Proxy
	agents string // the path of the tenant's agents
}

func setupServer(t *testing.T, changes environment) testBundle {
	t.Helper()
	b := testBundle{db: testdb.New(t)}
	b.proxy = faultproxy.Start(t, b.db.AppURL)
	env := serveEnvironment(t, b.proxy.URL())
	maps.Copy(env, changes)
	run(t, env, 0, "user create --admin ada@example.com")
	b.server = start(t, env, "serve")
	b.admin = b.server.client(t).as(t, "ada@example.com", password)
	b.agents = "/v1/tenants/" + b.admin.createTenant(t, "acme") + "/agents"
	return b
}

// list gets the tenant's agents and expects the status.
func (b testBundle) list(t *testing.T, want int) object {
	t.Helper()
	return b.admin.get(t, want, b.agents)
}

func (b testBundle) create(t *testing.T, want int) object {
	t.Helper()
	return b.admin.post(t, want, b.agents, object{"name": "Mara"})
}

// number reads one number as the superuser.
func (b testBundle) number(t *testing.T, statement string) int64 {
	t.Helper()
	return query[int64](t, b.db.SuperURL, statement)[0]
}

func (b testBundle) hold(t *testing.T, statement string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.SuperURL)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "begin; "+statement)
	require.NoError(t, err)
	return func() { _ = conn.Close(context.WithoutCancel(t.Context())) }
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

	b.proxy.Hang(true)
	b.proxy.Freeze()
	status, failing = b.admin.readiness(t, http.StatusServiceUnavailable)
	require.Equal(t, "not_ready", status)
	require.Equal(t, []string{"postgresql", "writes"}, failing)
	require.Equal(t, "unavailable", b.list(t, http.StatusServiceUnavailable).text(t, "code"))

	b.proxy.Hang(false) // the frozen connections stay dead, so the pool must replace them
	require.Eventually(t, func() bool {
		response, err := http.DefaultClient.Do(b.admin.request(t, http.MethodGet, b.agents, nil))
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, 10*time.Second, 50*time.Millisecond)
	_, failing = b.admin.readiness(t, http.StatusOK)
	require.Empty(t, failing)
	require.NotContains(t, b.server.text(), "level=ERROR")
}

// If the response to a commit is lost, its outcome is unknown, so a client must not retry it. Reads can be retried.
func TestServeUnknownOutcome(t *testing.T) {
	t.Parallel()
	b := setupServer(t, nil)
	before := b.number(t, countAgents)
	// The delay keeps the other statements apart: only the response to the commit must be lost.
	execute(t, b.db.SuperURL, `create function slow() returns trigger language plpgsql as
			'begin perform pg_sleep(2); return new; end';
		create constraint trigger slow after insert on agents deferrable initially deferred
			for each row execute function slow()`)
	var deaf sync.WaitGroup
	deaf.Go(func() {
		for b.number(t, sleepers) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		b.proxy.Deafen(true)
	})
	defer deaf.Wait()
	require.Equal(t, "outcome_unknown", b.create(t, http.StatusServiceUnavailable).text(t, "code"))
	require.Equal(t, before+1, b.number(t, countAgents), "inserted")
	b.server.wait(t, `msg="audit: change" action=create-agent .*outcome=unknown`)

	require.Equal(t, "unavailable", b.list(t, http.StatusServiceUnavailable).text(t, "code"))
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
	require.Equal(t, "unavailable", b.create(t, http.StatusServiceUnavailable).text(t, "code"))

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
	defer b.hold(t, `lock table agents, tenants, channel_connections, portal_users, portal_sessions,
		login_attempts, atlas_schema_revisions.atlas_schema_revisions in access exclusive mode`)()
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for range 6 { // two hold the pool's connections, four wait
		waiting.Go(func() { b.admin.get(t, http.StatusServiceUnavailable, "/v1/me") })
	}
	require.Eventually(t, func() bool { return b.number(t, lockWaiters) == 2 }, timeout, 10*time.Millisecond)
	for range 2 {
		status, failing := b.admin.readiness(t, http.StatusOK)
		require.Equal(t, "ready", status)
		require.Empty(t, failing)
	}
	waiting.Wait()
}

// SIGHUP is ignored. After SIGTERM readiness fails, and requests are served for the drain delay.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	b := setupServer(t, environment{"KONSTRUCT_DRAIN_DELAY": "2s", "KONSTRUCT_LOG_FORMAT": "json"})
	b.server.signal(syscall.SIGHUP)
	time.Sleep(200 * time.Millisecond)
	b.list(t, http.StatusOK)

	b.server.signal(syscall.SIGTERM)
	begin := time.Now()
	b.server.wait(t, `"msg":"shutting down","drain_delay":"2s"`)
	b.admin.get(t, http.StatusServiceUnavailable, "/readyz")
	for time.Since(begin) < time.Second {
		b.list(t, http.StatusOK)
	}
	require.Zero(t, b.server.exit(t))
	require.GreaterOrEqual(t, time.Since(begin), 2*time.Second)
}

func TestSecondSignalStopsServeImmediately(t *testing.T) {
	t.Parallel()
	b := setupServer(t, environment{"KONSTRUCT_DRAIN_DELAY": "1m"})
	b.server.signal(syscall.SIGINT)
	b.server.wait(t, `msg="shutting down"`)
	time.Sleep(1200 * time.Millisecond) // signals within a second count as one Ctrl-C
	b.server.signal(syscall.SIGINT)
	begin := time.Now()
	require.NotZero(t, b.server.exit(t))
	require.Less(t, time.Since(begin), 10*time.Second)
}
