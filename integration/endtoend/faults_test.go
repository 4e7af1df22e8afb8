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

// Why a server does not start is said in one sentence, and a wrong password, a closed port and a database without a
// schema are three things.
func TestServeSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	config, err := pgx.ParseConfig(db.AppURL)
	require.NoError(t, err)
	for name, tt := range map[string]struct{ url, says string }{
		"a wrong password":      {strings.Replace(db.AppURL, config.Password, "hunter2secret", 1), "rejected the password"},
		"nothing listens":       {"postgres://konstruct_app:hunter2secret@" + closed.Addr().String() + "/konstruct", "connection refused"},
		"no such database":      {strings.Replace(db.AppURL, db.Name, "nowhere", 1), "does not exist"},
		"no schema":             {db.AppURL, `konstruct migrate up"`},
		"no such host":          {"postgres://konstruct_app:hunter2secret@nowhere.invalid/konstruct", "host name not resolved"},
		"an unescaped password": {"postgres://konstruct_app:hunter2/secret@127.0.0.1/konstruct", "percent-encode"},
	} {
		env := served(t, db)
		env["DATABASE_URL"] = tt.url
		out, code := run(t, env, "", "serve")
		require.NotZero(t, code, name)
		require.Contains(t, out, tt.says, name)
		require.NotContains(t, out, "UNSAFE", "%s: nothing is said about isolation", name)
		for _, part := range []string{"hunter2", "secret@", config.Password, "nowhere.invalid"} {
			require.NotContains(t, out, part, name)
		}
	}
}

// A server that accepts connections and never answers is waited for, within bounds.
func TestServeDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	proxy, through := newProxy(t, db.AppURL)
	proxy.set(func() { proxy.frozen = true })
	env := served(t, db)
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

func TestNoCommandWaitsForever(t *testing.T) {
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

// readiness is the status of /readyz, and the checks that fail.
func (c client) readiness(t *testing.T, want int) (status string, failing []string) {
	t.Helper()
	time.Sleep(1100 * time.Millisecond) // an answer is reused for a second
	ready := c.do(t, want, http.MethodGet, "/readyz", nil)
	failing = []string{}
	for _, check := range ready["checks"].([]any) {
		if check, _ := check.(map[string]any); check["status"] != "ok" {
			failing = append(failing, check["name"].(string))
		}
	}
	return ready.text(t, "status"), failing
}

// faulty is a running server with an admin and a tenant, whose PostgreSQL is reached through a proxy.
type faulty struct {
	server *process
	admin  client
	db     *testdb.Database
	proxy  *proxy
	agents string // the path of the tenant's
}

func newFaulty(t *testing.T, changes environment) faulty {
	t.Helper()
	f := faulty{db: testdb.New(t)}
	env := served(t, f.db)
	f.proxy, env["DATABASE_URL"] = newProxy(t, f.db.AppURL)
	maps.Copy(env, changes)
	out, code := run(t, env, password+"\n", "user", "create", "--admin", "ada@example.com")
	require.Zero(t, code, out)
	f.server = start(t, env, "serve")
	f.admin = client{base: "http://" + f.server.wait(t, `listening.*address"?[=:]"?([^"\s]+)`)}.login(t, "ada@example.com", password)
	f.agents = "/v1/tenants/" + f.admin.createTenant(t, "acme") + "/agents"
	return f
}

// list gets the tenant's agents and wants the status.
func (f faulty) list(t *testing.T, want int) object {
	t.Helper()
	return f.admin.do(t, want, http.MethodGet, f.agents, nil)
}

func (f faulty) create(t *testing.T, want int) object {
	t.Helper()
	return f.admin.do(t, want, http.MethodPost, f.agents, object{"name": "Mara"})
}

// number reads one number as the superuser.
func (f faulty) number(t *testing.T, query string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), f.db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
	return n
}

const (
	countAgents    = "select count(*) from agents"
	sleepers       = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
	lockWaiters    = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
	temporaryFiles = "select temp_files from pg_stat_database where datname = current_database()"
)

// While PostgreSQL does not answer, nothing is blamed but PostgreSQL, and tenants are served as soon as it does again.
func TestServeUnderAFrozenDatabase(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, nil)
	status, failing := f.admin.readiness(t, http.StatusOK)
	require.Equal(t, "ready", status)
	require.Empty(t, failing)

	f.proxy.set(func() { f.proxy.frozen = true })
	status, failing = f.admin.readiness(t, http.StatusServiceUnavailable)
	require.Equal(t, "not_ready", status)
	require.Equal(t, []string{"postgresql", "writes"}, failing)
	problem := f.list(t, http.StatusServiceUnavailable)
	require.Equal(t, "unavailable", problem.text(t, "code"))

	f.proxy.set(func() { f.proxy.frozen = false })
	require.Eventually(t, func() bool { return f.admin.status(t, f.agents) == http.StatusOK }, 10*time.Second, 50*time.Millisecond)
	_, failing = f.admin.readiness(t, http.StatusOK)
	require.Empty(t, failing)
	require.NotContains(t, f.server.text(), "level=ERROR", "it was to be expected to pass")
}

// A change whose answer was lost may have been made, and the client is not told to repeat it. A read can be repeated.
func TestServeTellsUnknownOutcomes(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, nil)
	before := f.number(t, countAgents)
	// The session is looked up first: only the answer of the change is to be lost.
	execute(t, f.db.SuperURL, `create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(2); return new; end'`)
	execute(t, f.db.SuperURL, `create trigger slow before insert on agents for each row execute function slow()`)
	var deaf sync.WaitGroup
	deaf.Go(func() {
		for f.number(t, sleepers) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		f.proxy.set(func() { f.proxy.deaf = true })
	})
	defer deaf.Wait()
	unknown := f.create(t, http.StatusServiceUnavailable)
	require.Equal(t, "outcome_unknown", unknown.text(t, "code"))
	require.Equal(t, before+1, f.number(t, countAgents), "it was made")
	f.server.wait(t, `msg="audit: change" action=create-agent .*outcome=unknown`)

	problem := f.list(t, http.StatusServiceUnavailable)
	require.Equal(t, "unavailable", problem.text(t, "code"))
}

// A read-only server, a full disk's temporary twin, and locks leave reads alone.
func TestServeWithoutWrites(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, nil)
	f.admin.readiness(t, http.StatusOK)
	require.Eventually(t, func() bool { return f.number(t, temporaryFiles) > 0 }, 20*time.Second, 200*time.Millisecond,
		"the check writes to the disk, so that it fails where that is full")

	name := rls.Quote(f.db.Name)
	execute(t, f.db.SuperURL, "alter role konstruct_app in database "+name+" set default_transaction_read_only = on")
	execute(t, f.db.SuperURL, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'konstruct_app' and datname = current_database()")
	require.Eventually(t, func() bool {
		status, failing := f.admin.readiness(t, http.StatusOK)
		return status == "degraded" && len(failing) == 1 && failing[0] == "writes"
	}, 10*time.Second, 100*time.Millisecond)
	f.list(t, http.StatusOK)
	problem := f.create(t, http.StatusServiceUnavailable)
	require.Equal(t, "unavailable", problem.text(t, "code"))

	execute(t, f.db.SuperURL, "alter role konstruct_app in database "+name+" reset default_transaction_read_only")
	execute(t, f.db.SuperURL, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'konstruct_app' and datname = current_database()")
	require.Eventually(t, func() bool {
		status, _ := f.admin.readiness(t, http.StatusOK)
		return status == "ready"
	}, 10*time.Second, 100*time.Millisecond)
	f.create(t, http.StatusCreated)
}

// A lock on one table does not take the server out, whichever table it is.
func TestServeUnderTableLocks(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, environment{"KONSTRUCT_DB_MAX_CONNS": "2"})
	conn, err := pgx.Connect(t.Context(), f.db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	lock, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `lock table agents, tenants, channel_connections, portal_users, portal_sessions,
		login_attempts, atlas_schema_revisions.atlas_schema_revisions in access exclusive mode`)
	require.NoError(t, err)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for range 6 { // two have all connections of the requests, the others wait for one
		waiting.Go(func() { f.admin.do(t, http.StatusServiceUnavailable, http.MethodGet, "/v1/me", nil) })
	}
	require.Eventually(t, func() bool { return f.number(t, lockWaiters) == 2 }, patience, 10*time.Millisecond)
	for range 2 {
		status, failing := f.admin.readiness(t, http.StatusOK)
		require.Equal(t, "ready", status)
		require.Empty(t, failing)
	}
	waiting.Wait()
	require.NoError(t, lock.Rollback(t.Context()))
}

// SIGHUP changes nothing. SIGTERM turns readiness red, then serves for the drain delay, then ends well.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, environment{"KONSTRUCT_DRAIN_DELAY": "2s", "KONSTRUCT_LOG_FORMAT": "json"})
	require.NoError(t, f.server.cmd.Process.Signal(syscall.SIGHUP))
	time.Sleep(200 * time.Millisecond)
	f.list(t, http.StatusOK)

	require.NoError(t, f.server.cmd.Process.Signal(syscall.SIGTERM))
	begin := time.Now()
	f.server.wait(t, `"msg":"shutting down","drain_delay":"2s"`)
	f.admin.do(t, http.StatusServiceUnavailable, http.MethodGet, "/readyz", nil)
	for time.Since(begin) < time.Second {
		f.list(t, http.StatusOK)
	}
	<-f.server.done
	require.NoError(t, f.server.cmd.Wait())
	require.GreaterOrEqual(t, time.Since(begin), 2*time.Second)
}

// A second signal ends the process at once.
func TestServeStopsAtOnceOnASecondSignal(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, environment{"KONSTRUCT_DRAIN_DELAY": "1m"})
	require.NoError(t, f.server.cmd.Process.Signal(syscall.SIGINT))
	f.server.wait(t, `msg="shutting down"`)
	time.Sleep(1200 * time.Millisecond) // within a second it counts as the same Ctrl-C
	require.NoError(t, f.server.cmd.Process.Signal(syscall.SIGINT))
	select {
	case <-f.server.done:
	case <-time.After(10 * time.Second):
		require.Fail(t, "still running")
	}
	require.Error(t, f.server.cmd.Wait(), "it was cut off")
}
