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
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

const (
	// httpConnections is how many requests are under way at a time, and httpPool the size of each server's pool.
	httpConnections = 16
	httpPool        = 8
	// netHTTP is the variable that makes this test's binary a server; its value is whether that uses transactions.
	netHTTP = "KONSTRUCT_BENCH_NETHTTP"

	// python is Debian's, for which python3-fastapi, python3-sqlalchemy, python3-asyncpg and uvicorn are installed.
	python = "/usr/bin/python3"
)

// The servers, in the order of the table; those in other languages follow.
const (
	serverRaw = iota
	serverByHand
	serverOurs
)

// server is a process that reads PORT, POOL and what else its environment has.
type server struct {
	name string
	cmd  *exec.Cmd
}

// http lists a tenant's agents over HTTP, as an admin who is logged in. Each server is a process of its own, looks the
// session up in the database with every request, and returns the same agents.
func (b bench) http(servers ...server) []result {
	b.Log("the authenticated list over HTTP")
	reads := b.size.main.jobs(b).reads
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpConnections}}
	contestants, pages := make([]contestant, len(servers)), make([]page, len(servers))
	for i, s := range servers {
		base := launch(b, s)
		list := func(ctx context.Context, turn int) ([]byte, error) {
			tenant := reads[turn%len(reads)].tenant
			return get(ctx, client, fmt.Sprintf("%s/v1/tenants/%s/agents?limit=%d", base, tenant, pageSize))
		}
		require.EventuallyWithT(b, func(c *assert.CollectT) {
			body, err := list(b.Context(), 0)
			require.NoError(c, err, s.name)
			require.NoError(c, json.Unmarshal(body, &pages[i]), s.name)
		}, time.Minute, 50*time.Millisecond)
		require.Len(b, pages[i].Items, pageSize, s.name)
		require.Equal(b, pages[0].Items, pages[i].Items, s.name)
		contestants[i] = contestant{s.name, func(ctx context.Context, turn int) error {
			_, err := list(ctx, turn)
			return err
		}, s.cmd.Process.Pid}
	}
	return saturate(b, b.size.http, httpConnections, contestants)
}

// servers are those that gates are about.
func (b bench) servers(db *testdb.Database) []server {
	this, err := os.Executable()
	require.NoError(b, err)
	konstruct := filepath.Join(b.TempDir(), "konstruct")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-o", konstruct, "../../cmd/konstruct").CombinedOutput()
	require.NoError(b, err, string(out))
	collector := fmt.Sprint("GOGC=", serveGOGC)
	return []server{
		serverRaw:    b.server("net/http, raw pgx, no RLS", db.SuperURL, []string{this}, netHTTP+"=false"),
		serverByHand: b.server("net/http, raw pgx, a transaction by hand, RLS", db.AppURL, []string{this}, netHTTP+"=true"),
		serverOurs: b.server("Konstruct, RLS", db.AppURL, []string{konstruct, "serve"}, collector,
			fmt.Sprint("KONSTRUCT_DB_MAX_CONNS=", httpPool), "REDIS_URL="+testdb.Redis(b),
			"SLACK_SIGNING_SECRET=not-used-here", "KONSTRUCT_SECRETS_KEY=YSBrZXkgZm9yIHRoZSBiZW5jaCBhbG9uZSwgMzIgYnk="),
	}
}

func (b bench) server(name, databaseURL string, command []string, env ...string) server {
	cmd := exec.CommandContext(b.Context(), command[0], command[1:]...)
	cmd.Env = append(env, "DATABASE_URL="+databaseURL, "PATH="+os.Getenv("PATH"), fmt.Sprint("POOL=", httpPool))
	return server{name, cmd}
}

// peers are the servers in other languages that can be had on this machine: one process each, under row-level security
// with a transaction by hand. What is missing is named.
func (b bench) peers(db *testdb.Database) (found []server) {
	sources, err := filepath.Abs("peers")
	require.NoError(b, err)
	modules := b.TempDir()
	for _, peer := range []struct {
		name            string
		obtain, command []string
	}{
		{
			"FastAPI, SQLAlchemy and asyncpg, RLS",
			[]string{python, "-c", "import asyncpg, fastapi, sqlalchemy, uvicorn"},
			[]string{python, filepath.Join(sources, "fastapi", "app.py")},
		},
		{
			"fastify and pg, RLS",
			[]string{"npm", "install", "--no-save", "--prefix", modules, "fastify@5", "pg@8"},
			[]string{"node", filepath.Join(sources, "fastify", "server.cjs")},
		},
	} {
		out, err := exec.CommandContext(b.Context(), peer.obtain[0], peer.obtain[1:]...).CombinedOutput()
		if err != nil {
			b.Logf("without %s, which can't be had here: %v\n%s", peer.name, err, out)
			continue
		}
		env := "NODE_PATH=" + filepath.Join(modules, "node_modules")
		found = append(found, b.server(peer.name, db.AppURL, peer.command, env))
	}
	return found
}

// launch starts a server that ends with the test, and returns its URL, which may not answer yet.
func launch(tb testing.TB, s server) string {
	tb.Helper()
	port := strconv.Itoa(testdb.FreePort(tb))
	address := net.JoinHostPort("127.0.0.1", port)
	log, err := os.Create(filepath.Join(tb.TempDir(), "log")) // a file, since writing a log is part of the work
	require.NoError(tb, err)
	s.cmd.Env = append(s.cmd.Env, "PORT="+port, "KONSTRUCT_LISTEN_ADDR="+address)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = filepath.Dir(log.Name()), log, log
	require.NoError(tb, s.cmd.Start(), s.name)
	tb.Cleanup(func() {
		_ = s.cmd.Wait() // the test's context has ended, and killed it
		if text, _ := os.ReadFile(log.Name()); tb.Failed() {
			tb.Logf("%s: %.2000s", s.name, text)
		}
		_ = log.Close()
	})
	return "http://" + address
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200s", answer.StatusCode, body)
	}
	return body, err
}
