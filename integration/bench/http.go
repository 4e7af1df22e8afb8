package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

const (
	// httpConnections is how many requests are under way at a time, and httpPool the size of each server's pool.
	httpConnections = 16
	httpPool        = "8"
	startWithin     = time.Minute

	// python is Debian's, for which python3-fastapi, python3-sqlalchemy, python3-asyncpg and uvicorn are installed.
	python = "/usr/bin/python3"
	module = "github.com/konstruct/konstruct/"
)

// The servers, in the order of the table; those in other languages follow.
const (
	serverRaw = iota
	serverByHand
	serverOurs
)

// server is a process that reads PORT, POOL and what else cmd's environment has.
type server struct {
	name string
	cmd  *exec.Cmd
}

// http lists a tenant's agents over HTTP, as an admin who is logged in. Each server is a process of its own, looks the
// session up in the database with every request, and returns the same agents.
func (b bench) http(servers ...server) []result {
	b.Helper()
	b.say("the authenticated list over HTTP")
	reads := b.size.main.jobs(b).reads
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpConnections}}
	row := regexp.MustCompile(`"(id|tenant_id|etag)":"[^,}]+`)
	contestants := make([]contestant, len(servers))
	var want []string
	for i, s := range servers {
		base := launch(b, s)
		list := func(ctx context.Context, turn int) (string, error) {
			tenant := reads[turn%len(reads)].tenant
			return get(ctx, client, fmt.Sprintf("%s/v1/tenants/%s/agents?limit=%d", base, tenant, pageSize))
		}
		page, err := list(b.Context(), 0)
		for end := time.Now().Add(startWithin); err != nil && time.Now().Before(end); page, err = list(b.Context(), 0) {
			time.Sleep(50 * time.Millisecond)
		}
		require.NoError(b, err, s.name)
		rows := row.FindAllString(page, -1)
		slices.Sort(rows) // the servers have other orders of fields
		if i == 0 {
			want = rows
		}
		require.Len(b, rows, 3*pageSize, s.name)
		require.Equal(b, want, rows, s.name)
		do := func(ctx context.Context, turn int) error {
			_, err := list(ctx, turn)
			return err
		}
		contestants[i] = contestant{s.name, do, s.cmd.Process.Pid}
	}
	return saturate(b, b.size.http, httpConnections, contestants)
}

// servers are those that gates are about, built from this module.
func (b bench) servers(db *testdb.Database) []server {
	b.Helper()
	folder := b.TempDir()
	build := exec.CommandContext(b.Context(), "go", "build", "-o", folder,
		module+"cmd/konstruct", module+"integration/bench/peers/nethttp")
	out, err := build.CombinedOutput()
	require.NoError(b, err, string(out))
	program := func(env []string, name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(b.Context(), filepath.Join(folder, name), args...)
		cmd.Env = append([]string{fmt.Sprint("GOGC=", serveGOGC)}, env...)
		return cmd
	}
	super, app := "DATABASE_URL="+db.SuperURL, "DATABASE_URL="+db.AppURL
	return []server{
		serverRaw:    {"net/http, raw pgx, no RLS", program([]string{super}, "nethttp")},
		serverByHand: {"net/http, raw pgx, a transaction by hand, RLS", program([]string{app}, "nethttp", "-rls")},
		serverOurs: {"Konstruct, RLS", program([]string{
			app, "KONSTRUCT_DB_MAX_CONNS=" + httpPool, "REDIS_URL=" + testdb.Redis(b),
			"SLACK_SIGNING_SECRET=not-used-here", "KONSTRUCT_SECRETS_KEY=YSBrZXkgZm9yIHRoZSBiZW5jaCBhbG9uZSwgMzIgYnk=",
		}, "konstruct", "serve")},
	}
}

// peers are the servers in other languages that can be had on this machine: one process each, under row-level security
// with a transaction by hand. What is missing is named.
func (b bench) peers(db *testdb.Database) (found []server) {
	b.Helper()
	sources, err := filepath.Abs("peers")
	require.NoError(b, err)
	modules := b.TempDir()
	for _, peer := range []struct {
		name, env       string
		obtain, command []string
	}{
		{
			"FastAPI, SQLAlchemy and asyncpg, RLS", "PYTHONDONTWRITEBYTECODE=1",
			[]string{python, "-c", "import asyncpg, fastapi, sqlalchemy, uvicorn"},
			[]string{python, filepath.Join(sources, "fastapi", "app.py")},
		},
		{
			"fastify and pg, RLS", "NODE_PATH=" + filepath.Join(modules, "node_modules"),
			[]string{"npm", "install", "--no-save", "--prefix", modules, "fastify@5", "pg@8"},
			[]string{"node", filepath.Join(sources, "fastify", "server.cjs")},
		},
	} {
		out, err := exec.CommandContext(b.Context(), peer.obtain[0], peer.obtain[1:]...).CombinedOutput()
		if err != nil {
			b.say(fmt.Sprintf("without %s, which can't be had here: %v\n%s", peer.name, err, out))
			continue
		}
		cmd := exec.CommandContext(b.Context(), peer.command[0], peer.command[1:]...)
		cmd.Env = []string{"DATABASE_URL=" + db.AppURL, peer.env}
		found = append(found, server{peer.name, cmd})
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
	s.cmd.Env = append(s.cmd.Env, "PATH="+os.Getenv("PATH"), "POOL="+httpPool, "PORT="+port, "KONSTRUCT_LISTEN_ADDR="+address)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = filepath.Dir(log.Name()), log, log
	require.NoError(tb, s.cmd.Start(), s.name)
	tb.Cleanup(func() {
		_, _ = s.cmd.Process.Kill(), s.cmd.Wait()
		if text, _ := os.ReadFile(log.Name()); tb.Failed() {
			tb.Logf("%s: %.2000s", s.name, text)
		}
		_ = log.Close()
	})
	return "http://" + address
}

func get(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200s", answer.StatusCode, body)
	}
	return string(body), err
}
