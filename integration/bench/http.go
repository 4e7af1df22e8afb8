package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/faultproxy"
	"github.com/konstruct/konstruct/integration/testdb"
)

const (
	httpConnections = 16 // concurrent requests
	httpPool        = 8  // database connections of each server
	// netHTTP is the environment variable that makes the test binary serve: "true" with transactions, "false" without.
	netHTTP = "KONSTRUCT_BENCH_NETHTTP"
	// python is Debian's, which finds python3-fastapi, python3-sqlalchemy, python3-asyncpg and uvicorn.
	python = "/usr/bin/python3"
)

// The servers, in the order of the table. Servers in other languages follow.
const (
	serverRaw = iota
	serverByHand
	serverOurs
	serverWithoutMetrics
)

// server is a command that reads DATABASE_URL, PORT, POOL and the variables in env.
type server struct {
	name, databaseURL string
	command, env      []string
}

// listed has the fields that must be equal in all servers' responses.
type listed struct {
	Items []struct {
		ID       string `json:"id"`
		TenantID string `json:"tenant_id"`
		ETag     string `json:"etag"`
	} `json:"items"`
}

// http lists a tenant's agents over HTTP as a viewer. Each server is a separate process, looks up the session and
// the role in the database on every request, and returns the same agents.
func (b bench) http(servers ...server) []result {
	b.Log("the authenticated list over HTTP")
	jobs := b.size.main.jobs(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpConnections}}
	contestants, pages := make([]contestant, len(servers)), make([]listed, len(servers))
	trips := make([]float64, len(servers))
	for i, s := range servers {
		trips[i] = b.httpTrips(s, client, jobs)
		list, pid := s.start(b.Context(), b, client, jobs)
		body, err := list(b.Context(), 0)
		require.NoError(b, err, s.name)
		require.NoError(b, json.Unmarshal(body, &pages[i]), s.name)
		require.Len(b, pages[i].Items, pageSize, s.name)
		require.Equal(b, pages[0], pages[i], s.name)
		contestants[i] = contestant{s.name, func(ctx context.Context, turn int) error {
			_, err := list(ctx, turn)
			return err
		}, pid}
	}
	results := saturate(b, b.size.http, httpConnections, contestants)
	for i := range results {
		results[i].trips = trips[i]
	}
	return results
}

// httpTrips returns the database round trips of a request to a separate process, counted by a proxy: the fewest
// of several, since connections prepare statements and servers also work in the background.
func (b bench) httpTrips(s server, client *http.Client, jobs []job) float64 {
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	proxy := faultproxy.Start(b, s.databaseURL)
	s.databaseURL = proxy.URL()
	list, _ := s.start(ctx, b, client, jobs)
	var trips []float64
	for turn := range 300 {
		before := proxy.RoundTrips()
		_, err := list(ctx, turn)
		require.NoError(b, err, s.name)
		trips = append(trips, float64(proxy.RoundTrips()-before))
	}
	return slices.Min(trips)
}

// servers returns the servers in Go, for the gates.
func (b bench) servers(db *testdb.Database) []server {
	this, err := os.Executable()
	require.NoError(b, err)
	konstruct := filepath.Join(b.TempDir(), "konstruct")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-o", konstruct, "../../cmd/konstruct").CombinedOutput()
	require.NoError(b, err, string(out))
	ours := []string{
		fmt.Sprint("GOGC=", serveGOGC), fmt.Sprint("KONSTRUCT_DB_MAX_CONNS=", httpPool), "REDIS_URL=" + testdb.Redis(b),
		"SLACK_SIGNING_SECRET=not-used-here", "KONSTRUCT_SECRETS_KEY=YSBrZXkgZm9yIHRoZSBiZW5jaCBhbG9uZSwgMzIgYnk=",
	}
	return []server{
		serverRaw: {"net/http, raw pgx, no RLS", db.SuperURL, []string{this}, []string{netHTTP + "=false"}},
		serverByHand: {
			"net/http, raw pgx, a transaction by hand, RLS", db.AppURL,
			[]string{this},
			[]string{netHTTP + "=true"},
		},
		serverOurs: {"Konstruct, RLS", db.AppURL, []string{konstruct, "serve"}, ours},
		serverWithoutMetrics: {
			"Konstruct, RLS, metrics off", db.AppURL,
			[]string{konstruct, "serve"},
			append(slices.Clone(ours), "KONSTRUCT_METRICS_ADDR=off"),
		},
	}
}

// peers returns the servers in other languages that are installed on this machine, each in one process, with RLS and
// explicit transactions. It logs the missing ones.
func (b bench) peers(db *testdb.Database) (found []server) {
	sources, err := filepath.Abs("peers")
	require.NoError(b, err)
	modules := b.TempDir()
	for _, peer := range []struct {
		obtain []string
		server server
	}{
		{
			[]string{python, "-c", "import asyncpg, fastapi, sqlalchemy, uvicorn"},
			server{
				"FastAPI, SQLAlchemy and asyncpg, RLS", db.AppURL,
				[]string{python, sources + "/fastapi/app.py"},
				nil,
			},
		}, {
			[]string{"npm", "install", "--no-save", "--prefix", modules, "fastify@5", "pg@8"},
			server{
				"fastify and pg, RLS", db.AppURL,
				[]string{"node", sources + "/fastify/server.cjs"},
				[]string{"NODE_PATH=" + modules + "/node_modules"},
			},
		},
	} {
		out, err := exec.CommandContext(b.Context(), peer.obtain[0], peer.obtain[1:]...).CombinedOutput()
		if err != nil {
			b.Logf("without %s, which is not installed: %v\n%s", peer.server.name, err, out)
			continue
		}
		found = append(found, peer.server)
	}
	return found
}

// start starts a server that stops with ctx, at the latest with the test. list gets the page of a turn's tenant.
func (s server) start(
	ctx context.Context, tb testing.TB, client *http.Client, jobs []job,
) (list func(ctx context.Context, turn int) ([]byte, error), pid int) {
	tb.Helper()
	base, pid := s.launch(ctx, tb)
	list = func(ctx context.Context, turn int) ([]byte, error) {
		tenant := jobs[turn%len(jobs)].tenant
		return get(ctx, client, fmt.Sprintf("%s/v1/tenants/%s/agents?limit=%d", base, tenant, pageSize))
	}
	require.EventuallyWithT(tb, func(c *assert.CollectT) {
		_, err := list(ctx, 0)
		require.NoError(c, err, s.name)
	}, time.Minute, 50*time.Millisecond)
	return list, pid
}

// launch starts a server that may not be listening yet.
func (s server) launch(ctx context.Context, tb testing.TB) (base string, pid int) {
	tb.Helper()
	port := strconv.Itoa(testdb.FreePort(tb)) //nolint:contextcheck // it returns at once
	address := net.JoinHostPort("127.0.0.1", port)
	log, err := os.Create(filepath.Join(tb.TempDir(), "log")) // a file, since writing the log is measured, too
	require.NoError(tb, err)
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + s.databaseURL, fmt.Sprint("POOL=", httpPool),
		"PORT=" + port, "KONSTRUCT_LISTEN_ADDR=" + address, "KONSTRUCT_METRICS_ADDR=127.0.0.1:0",
	}, s.env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Dir(log.Name()), log, log
	require.NoError(tb, cmd.Start(), s.name)
	tb.Cleanup(func() {
		_ = cmd.Wait() // the end of the context has killed it
		if text, _ := os.ReadFile(log.Name()); tb.Failed() {
			tb.Logf("%s: %.2000s", s.name, text)
		}
		_ = log.Close()
	})
	return "http://" + address, cmd.Process.Pid
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200s", response.StatusCode, body)
	}
	return body, err
}
