package testdb_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/local"
)

const childVariable = "KONSTRUCT_TESTDB_CHILD"

// TestChild runs in the processes below. In this process it does nothing.
//
//nolint:paralleltest // it runs alone in its process
func TestChild(t *testing.T) {
	role := os.Getenv(childVariable)
	if role == "" {
		return
	}
	db := testdb.New(t)
	_, err := os.Stdout.WriteString("database " + db.SuperURL + "\n")
	require.NoError(t, err)
	switch role {
	case "share":
		// After the parent has closed the pipe, the server must still run.
		_, err := io.ReadAll(os.Stdin)
		require.NoError(t, err)
		require.Equal(t, "1", ask(t, db.AppURL, "SELECT '1'"))
	case "fail":
		t.Fail()
	case "crash":
		self, err := os.FindProcess(os.Getpid())
		require.NoError(t, err)
		require.NoError(t, self.Kill())
		select {}
	}
}

// site is a folder for processes that are independent of this test's run.
type site struct{ tmp string }

func newSite(t *testing.T) site {
	t.Helper()
	tmp, err := os.MkdirTemp("", "konstruct-site-") //nolint:usetesting // the servers' user cannot reach t.TempDir
	require.NoError(t, err)
	require.NoError(t, os.Chmod(tmp, 0o711))
	t.Cleanup(func() {
		servers, err := filepath.Glob(filepath.Join(tmp, "konstruct-test-*", "local*", "server"))
		require.NoError(t, err)
		for _, server := range servers {
			_, err := local.StopPostgres(context.WithoutCancel(t.Context()), server)
			require.NoError(t, err)
		}
		require.NoError(t, os.RemoveAll(tmp))
	})
	return site{tmp}
}

// child is a running test binary.
type child struct {
	url, name string
	stdin     io.WriteCloser
	stdout    *bufio.Reader
	// said is stdout up to the database's name; the others are complete at the end.
	said, stderr *strings.Builder
	cmd          *exec.Cmd
}

func (s site) start(t *testing.T, role string, env ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR="+s.tmp, childVariable+"="+role, "KONSTRUCT_TEST_SERVER=local",
		"KONSTRUCT_TEST_DATABASE_URL=", "KONSTRUCT_TEST_KEEP=")
	cmd.Env = append(cmd.Env, env...)
	c := &child{cmd: cmd, said: &strings.Builder{}}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	c.stderr = &stderr
	var err error
	c.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	c.stdout = bufio.NewReader(stdout)
	require.NoError(t, cmd.Start())
	for {
		line, err := c.stdout.ReadString('\n')
		if url, found := strings.CutPrefix(line, "database "); found {
			c.url = strings.TrimSpace(url)
			break
		}
		c.said.WriteString(line)
		if err != nil {
			break
		}
	}
	if config, err := pgx.ParseConfig(c.url); err == nil {
		c.name = config.Database
	}
	return c
}

// end lets the child finish and returns its output.
func (c *child) end(t *testing.T) (string, error) {
	t.Helper()
	require.NoError(t, c.stdin.Close())
	out, err := io.ReadAll(c.stdout)
	require.NoError(t, err)
	err = c.cmd.Wait()
	return c.said.String() + string(out) + c.stderr.String(), err
}

func (c *child) endWell(t *testing.T) {
	t.Helper()
	out, err := c.end(t)
	require.NoError(t, err, out)
}

var databaseInURL = regexp.MustCompile(`/[^/?]+\?`)

// admin returns the URL of the server's database postgres.
func (c *child) admin() string { return databaseInURL.ReplaceAllString(c.url, "/postgres?") }

func (c *child) exists(t *testing.T, name string) bool {
	t.Helper()
	return ask(t, c.admin(), "SELECT count(*)::text FROM pg_database WHERE datname = $1", name) == "1"
}

func stopped(t *testing.T, url string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return true
	}
	require.NoError(t, conn.Close(t.Context()))
	return false
}

func TestTheLastProcessStopsTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first, second := s.start(t, "share"), s.start(t, "share")
	require.Equal(t, first.admin(), second.admin(), "one server for both")
	require.NotEqual(t, first.name, second.name)

	first.endWell(t)
	require.False(t, stopped(t, second.admin()), "the second still needs it")
	require.False(t, second.exists(t, first.name), "a passed test's database goes")
	second.endWell(t)
	require.True(t, stopped(t, second.admin()), "no process uses it")
}

func TestWhatACrashLeavesIsReclaimed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	crashed := s.start(t, "crash")
	_, err := crashed.end(t)
	require.Error(t, err)
	require.False(t, stopped(t, crashed.admin()), "no process stopped it")
	require.True(t, crashed.exists(t, crashed.name))

	next := s.start(t, "share")
	require.Equal(t, crashed.admin(), next.admin(), "the running server is used")
	require.False(t, next.exists(t, crashed.name), "and cleaned up")
	next.endWell(t)
	require.True(t, stopped(t, next.admin()))
}

func TestACrashDoesNotDisturbOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	steady := s.start(t, "share")
	crashed := s.start(t, "crash")
	_, err := crashed.end(t)
	require.Error(t, err)
	steady.endWell(t)
	require.True(t, stopped(t, steady.admin()), "the crashed one does not count as living")
}

func TestAFailedTestsDatabaseIsKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	failed := s.start(t, "fail")
	out, err := failed.end(t)
	require.Error(t, err)
	require.Contains(t, out, "kept database "+failed.name)
	require.NotContains(t, strings.ReplaceAll(out, failed.url, ""), passwordOf(t, failed.url))
	require.False(t, stopped(t, failed.admin()), "the server runs on, to look into")
	require.True(t, failed.exists(t, failed.name))

	next := s.start(t, "share")
	require.True(t, next.exists(t, failed.name), "the next run spares it")
	next.endWell(t)
	require.True(t, stopped(t, next.admin()), "and, having kept nothing, stops the server")

	later := s.start(t, "share")
	require.True(t, later.exists(t, failed.name), "the data survives that")
	later.endWell(t)
}

func TestKeepEverything(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	passed := s.start(t, "share", "KONSTRUCT_TEST_KEEP=1")
	out, err := passed.end(t)
	require.NoError(t, err, out)
	require.Contains(t, out, "kept database "+passed.name)
	require.True(t, passed.exists(t, passed.name))
}

func TestAGivenServerIsUsedAndLeftRunning(t *testing.T) {
	t.Parallel()
	given := testdb.OwnCluster(t)
	s := newSite(t)
	c := s.start(t, "share", "KONSTRUCT_TEST_DATABASE_URL="+given.SuperURL)
	require.Equal(t, given.SuperURL, c.admin())
	out, err := c.end(t)
	require.NoError(t, err, out)
	require.Contains(t, out, "(KONSTRUCT_TEST_DATABASE_URL)")
	require.False(t, stopped(t, given.SuperURL))
}

func TestNoServerIsAFailure(t *testing.T) {
	t.Parallel()
	c := newSite(t).start(t, "share", "KONSTRUCT_POSTGRES_BIN="+t.TempDir())
	out, err := c.end(t)
	require.Error(t, err)
	require.Contains(t, out, "testdb: no database: ")
	require.NotContains(t, out, "SKIP")
}

func passwordOf(t *testing.T, url string) string {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	return config.Password
}

// The engine answers, but neither has the image nor can pull it.
func TestAnEngineWithoutTheImageIsNotUsed(t *testing.T) {
	t.Parallel()
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.47")
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case strings.HasSuffix(r.URL.Path, "/info"), strings.HasSuffix(r.URL.Path, "/version"):
			_, _ = io.WriteString(w, `{"ApiVersion":"1.47"}`)
		case strings.HasSuffix(r.URL.Path, "/images/create"):
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"message":"dial tcp: lookup registry: no such host"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"no such image"}`)
		}
	}))
	t.Cleanup(engine.Close)
	s := newSite(t)
	env := []string{"DOCKER_HOST=tcp://" + engine.Listener.Addr().String(), "KONSTRUCT_TEST_SERVER="}
	c := s.start(t, "share", env...)
	require.Contains(t, c.url, "127.0.0.1")
	out, err := c.end(t)
	require.NoError(t, err, out)
	require.Contains(t, out, "the Docker engine has no postgres:16 and cannot pull it")
	require.Contains(t, out, "using this machine's PostgreSQL")
	require.Contains(t, out, "(local)")
	exposed, err := filepath.Glob(filepath.Join(s.tmp, "konstruct-test-*-no-*"))
	require.NoError(t, err)
	require.Empty(t, exposed, "the note about the failure is where no other user can write")

	out, err = s.start(t, "share", append(env, "KONSTRUCT_TEST_SERVER=docker")...).end(t)
	require.Error(t, err, "an engine that was asked for must be used")
	require.NotContains(t, out, "(local)")
}
