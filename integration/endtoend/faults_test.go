package endtoend_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// Why a server does not start is said in one sentence, and a wrong password, a closed port and a database without a
// schema are three things.
func TestServeSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	config, err := pgx.ParseConfig(db.AppURL)
	require.NoError(t, err)
	for name, tt := range map[string]struct{ url, says string }{
		"a wrong password":      {strings.Replace(db.AppURL, config.Password, "hunter2secret", 1), "refused the user or the password"},
		"nothing listens":       {"postgres://konstruct_app:hunter2secret@" + closed.Addr().String() + "/konstruct", "connection refused"},
		"no such database":      {strings.Replace(db.AppURL, db.Name, "nowhere", 1), "does not exist"},
		"no schema":             {db.AppURL, "run `konstruct migrate up`"},
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
func faulty(t *testing.T, changes environment) (server *process, admin client, db *testdb.Database, p *proxy, tenant string) {
	t.Helper()
	db = testdb.New(t)
	p, through := newProxy(t, db.AppURL)
	env := served(t, db)
	env["DATABASE_URL"] = through
	for name, value := range changes {
		env[name] = value
	}
	out, code := run(t, env, password+"\n", "user", "create", "--admin", "ada@example.com")
	require.Zero(t, code, out)
	server = start(t, env, "serve")
	admin = client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}.login(t, "ada@example.com", password)
	tenant = "/v1/tenants/" + admin.createTenant(t, "acme")
	return server, admin, db, p, tenant
}

// While PostgreSQL does not answer, nothing is blamed but PostgreSQL, and tenants are served as soon as it does again.
func TestServeUnderAFrozenDatabase(t *testing.T) {
	t.Parallel()
	server, admin, _, proxy, tenant := faulty(t, nil)
	status, failing := admin.readiness(t, http.StatusOK)
	require.Equal(t, "ready", status)
	require.Empty(t, failing)

	proxy.set(func() { proxy.frozen = true })
	status, failing = admin.readiness(t, http.StatusServiceUnavailable)
	require.Equal(t, "not_ready", status)
	require.Equal(t, []string{"postgresql", "writes"}, failing)
	problem := admin.do(t, http.StatusServiceUnavailable, http.MethodGet, tenant+"/agents", nil)
	require.Equal(t, "unavailable", problem.text(t, "code"))

	proxy.set(func() { proxy.frozen = false })
	require.Eventually(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, admin.base+tenant+"/agents", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+admin.token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode == http.StatusOK
	}, 10*time.Second, 50*time.Millisecond)
	_, failing = admin.readiness(t, http.StatusOK)
	require.Empty(t, failing)
	require.NotContains(t, server.text(), "level=ERROR", "it was to be expected to pass")
}

// A change whose answer was lost may have been made, and the client is not told to repeat it. A read can be repeated.
func TestServeTellsUnknownOutcomes(t *testing.T) {
	t.Parallel()
	server, admin, db, proxy, tenant := faulty(t, nil)
	agents := func() int64 {
		conn, err := pgx.Connect(t.Context(), db.SuperURL)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		var n int64
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from agents").Scan(&n))
		return n
	}
	before := agents()
	// The session is looked up first: only the answer of the change is to be lost.
	execute(t, db.SuperURL, `create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(1); return new; end'`)
	execute(t, db.SuperURL, `create trigger slow before insert on agents for each row execute function slow()`)
	time.AfterFunc(400*time.Millisecond, func() { proxy.set(func() { proxy.deaf = true }) })
	unknown := admin.do(t, http.StatusServiceUnavailable, http.MethodPost, tenant+"/agents", object{"name": "Mara"})
	require.Equal(t, "outcome_unknown", unknown.text(t, "code"))
	require.Equal(t, before+1, agents(), "it was made")
	server.wait(t, `msg="audit: change" action=create-agent .*outcome=unknown`)

	problem := admin.do(t, http.StatusServiceUnavailable, http.MethodGet, tenant+"/agents", nil)
	require.Equal(t, "unavailable", problem.text(t, "code"))
}

// A read-only server, a full disk's temporary twin, and locks leave reads alone.
func TestServeWithoutWrites(t *testing.T) {
	t.Parallel()
	_, admin, db, _, tenant := faulty(t, nil)
	temporary := func() (n int64) {
		conn, err := pgx.Connect(t.Context(), db.SuperURL)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		_, err = conn.Exec(t.Context(), "select pg_stat_clear_snapshot()")
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(t.Context(), "select temp_files from pg_stat_database where datname = current_database()").Scan(&n))
		return n
	}
	admin.readiness(t, http.StatusOK)
	require.Eventually(t, func() bool { return temporary() > 0 }, 20*time.Second, 200*time.Millisecond,
		"the check writes to the disk, so that it fails where that is full")

	name := pgx.Identifier{db.Name}.Sanitize()
	execute(t, db.SuperURL, "alter role konstruct_app in database "+name+" set default_transaction_read_only = on")
	execute(t, db.SuperURL, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'konstruct_app' and datname = current_database()")
	require.Eventually(t, func() bool {
		status, failing := admin.readiness(t, http.StatusOK)
		return status == "degraded" && len(failing) == 1 && failing[0] == "writes"
	}, 10*time.Second, 100*time.Millisecond)
	admin.do(t, http.StatusOK, http.MethodGet, tenant+"/agents", nil)
	problem := admin.do(t, http.StatusServiceUnavailable, http.MethodPost, tenant+"/agents", object{"name": "Mara"})
	require.Equal(t, "unavailable", problem.text(t, "code"))

	execute(t, db.SuperURL, "alter role konstruct_app in database "+name+" reset default_transaction_read_only")
	execute(t, db.SuperURL, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'konstruct_app' and datname = current_database()")
	require.Eventually(t, func() bool {
		status, _ := admin.readiness(t, http.StatusOK)
		return status == "ready"
	}, 10*time.Second, 100*time.Millisecond)
	admin.do(t, http.StatusCreated, http.MethodPost, tenant+"/agents", object{"name": "Mara"})
}

// A lock on one table does not take the server out, whichever table it is.
func TestServeUnderTableLocks(t *testing.T) {
	t.Parallel()
	_, admin, db, _, _ := faulty(t, nil)
	admin.readiness(t, http.StatusOK)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	lock, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `lock table agents, tenants, channel_connections, portal_users, portal_sessions,
		login_attempts, atlas_schema_revisions.atlas_schema_revisions in access exclusive mode`)
	require.NoError(t, err)
	for range 2 {
		status, failing := admin.readiness(t, http.StatusOK)
		require.Equal(t, "ready", status)
		require.Empty(t, failing)
	}
	require.NoError(t, lock.Rollback(t.Context()))
}

// SIGHUP changes nothing. SIGTERM turns readiness red, then serves for the drain delay, then ends well.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	server, admin, _, _, tenant := faulty(t, environment{"KONSTRUCT_DRAIN_DELAY": "2s"})
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGHUP))
	time.Sleep(200 * time.Millisecond)
	admin.do(t, http.StatusOK, http.MethodGet, tenant+"/agents", nil)

	require.NoError(t, server.cmd.Process.Signal(syscall.SIGTERM))
	begin := time.Now()
	server.wait(t, "msg=stopping drain_delay=2s")
	admin.do(t, http.StatusServiceUnavailable, http.MethodGet, "/readyz", nil)
	for time.Since(begin) < time.Second {
		admin.do(t, http.StatusOK, http.MethodGet, tenant+"/agents", nil)
	}
	<-server.done
	require.NoError(t, server.cmd.Wait())
	require.GreaterOrEqual(t, time.Since(begin), 2*time.Second)
}

// A second signal ends the process at once.
func TestServeStopsAtOnceOnASecondSignal(t *testing.T) {
	t.Parallel()
	server, _, _, _, _ := faulty(t, environment{"KONSTRUCT_DRAIN_DELAY": "1m"})
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGINT))
	server.wait(t, "msg=stopping")
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGINT))
	select {
	case <-server.done:
	case <-time.After(10 * time.Second):
		require.Fail(t, "still running")
	}
	require.Error(t, server.cmd.Wait(), "it was cut off")
}
