package testdb_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/local"
)

const (
	childVariable = "KONSTRUCT_TESTDB_CHILD"
	killed        = -1 // the exit code of a child that a signal ended
)

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

// testBundle is a folder for processes that are independent of this test's run.
type testBundle struct{ folder string }

func setup(t *testing.T) testBundle {
	t.Helper()
	folder, err := os.MkdirTemp("", "konstruct-site-") //nolint:usetesting // the servers' user cannot reach t.TempDir
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o711))
	t.Cleanup(func() {
		servers, err := filepath.Glob(filepath.Join(folder, "konstruct-test-*", "local*", "server"))
		require.NoError(t, err)
		for _, server := range servers {
			_, err := local.StopPostgres(context.WithoutCancel(t.Context()), server)
			require.NoError(t, err)
		}
		require.NoError(t, os.RemoveAll(folder))
	})
	return testBundle{folder}
}

// child is a running test binary.
type child struct {
	url, admin *url.URL // of its database, and of the server's database postgres
	name       string
	cmd        *exec.Cmd
	stdin      io.WriteCloser
	output     *bufio.Reader
	said       strings.Builder // the output up to the database's URL
}

func (b testBundle) start(t *testing.T, role string, env ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR="+b.folder, childVariable+"="+role, "KONSTRUCT_TEST_SERVER=local",
		"KONSTRUCT_TEST_DATABASE_URL=", "KONSTRUCT_TEST_KEEP=")
	cmd.Env = append(cmd.Env, env...)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	c := &child{url: &url.URL{}, cmd: cmd, stdin: stdin, output: bufio.NewReader(stdout)}
	for err == nil && c.name == "" {
		var line string
		line, err = c.output.ReadString('\n')
		if given, found := strings.CutPrefix(line, "database "); found {
			c.url, err = url.Parse(strings.TrimSpace(given))
			require.NoError(t, err)
			c.name = strings.TrimPrefix(c.url.Path, "/")
		}
		c.said.WriteString(line)
	}
	c.admin = c.url.JoinPath("../postgres")
	return c
}

// end lets the child finish, expects its exit code and returns its output without the URL.
func (c *child) end(t *testing.T, want int) string {
	t.Helper()
	require.NoError(t, c.stdin.Close())
	rest, err := io.ReadAll(c.output)
	require.NoError(t, err)
	_ = c.cmd.Wait()
	out := strings.ReplaceAll(c.said.String()+string(rest), c.url.String(), "")
	require.Equal(t, want, c.cmd.ProcessState.ExitCode(), out)
	return out
}

// exists reports whether the server has a database of another child.
func (c *child) exists(t *testing.T, other *child) bool {
	t.Helper()
	count := "SELECT count(*)::text FROM pg_database WHERE datname = $1"
	return ask(t, c.admin.String(), count, other.name) == "1"
}

func (c *child) serverStopped(t *testing.T) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.admin.String())
	if err != nil {
		return true
	}
	require.NoError(t, conn.Close(t.Context()))
	return false
}

func TestTheLastProcessStopsTheServer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second, crashed := b.start(t, "share"), b.start(t, "share"), b.start(t, "crash")
	require.Equal(t, first.admin, second.admin, "one server for both")
	require.NotEqual(t, first.name, second.name)
	crashed.end(t, killed)

	first.end(t, 0)
	require.False(t, second.serverStopped(t), "the second still needs it")
	require.False(t, second.exists(t, first), "a passed test's database goes")
	second.end(t, 0)
	require.True(t, second.serverStopped(t), "no process uses it, and the crashed one does not count as living")
}

func TestWhatACrashLeavesIsReclaimed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	crashed := b.start(t, "crash")
	crashed.end(t, killed)
	require.False(t, crashed.serverStopped(t), "no process stopped it")
	require.True(t, crashed.exists(t, crashed))

	next := b.start(t, "share")
	require.Equal(t, crashed.admin, next.admin, "the running server is used")
	require.False(t, next.exists(t, crashed), "and cleaned up")
	next.end(t, 0)
	require.True(t, next.serverStopped(t))
}

func TestAFailedTestsDatabaseIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	failed := b.start(t, "fail")
	out := failed.end(t, 1)
	require.Contains(t, out, "kept database "+failed.name)
	password, _ := failed.url.User.Password()
	require.NotContains(t, out, password)
	require.False(t, failed.serverStopped(t), "the server runs on, to look into")
	require.True(t, failed.exists(t, failed))

	next := b.start(t, "share")
	require.True(t, next.exists(t, failed), "the next run spares it")
	next.end(t, 0)
	require.True(t, next.serverStopped(t), "and, having kept nothing, stops the server")

	later := b.start(t, "share", "KONSTRUCT_TEST_KEEP=1")
	require.True(t, later.exists(t, failed), "the data survives that")
	require.Contains(t, later.end(t, 0), "kept database "+later.name)
	require.True(t, later.exists(t, later))
}

func TestAGivenServerIsUsedAndLeftRunning(t *testing.T) {
	t.Parallel()
	given := testdb.OwnCluster(t).SuperURL
	c := setup(t).start(t, "share", "KONSTRUCT_TEST_DATABASE_URL="+given)
	require.Equal(t, given, c.admin.String())
	require.Contains(t, c.end(t, 0), "(KONSTRUCT_TEST_DATABASE_URL)")
	require.False(t, c.serverStopped(t))
}

func TestNoServerIsAFailure(t *testing.T) {
	t.Parallel()
	out := setup(t).start(t, "share", "KONSTRUCT_POSTGRES_BIN="+t.TempDir()).end(t, 1)
	require.Contains(t, out, "testdb: no database: ")
	require.NotContains(t, out, "SKIP")
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
	b := setup(t)
	env := []string{"DOCKER_HOST=tcp://" + engine.Listener.Addr().String(), "KONSTRUCT_TEST_SERVER="}
	c := b.start(t, "share", env...)
	require.Equal(t, "127.0.0.1", c.url.Hostname())
	out := c.end(t, 0)
	require.Contains(t, out, "the Docker engine has no postgres:16 and cannot pull it")
	require.Contains(t, out, "using this machine's PostgreSQL")
	require.Contains(t, out, "(local)")
	exposed, err := filepath.Glob(filepath.Join(b.folder, "konstruct-test-*-no-*"))
	require.NoError(t, err)
	require.Empty(t, exposed, "the note about the failure is where no other user can write")

	out = b.start(t, "share", append(env, "KONSTRUCT_TEST_SERVER=docker")...).end(t, 1)
	require.NotContains(t, out, "(local)", "an engine that was asked for must be used")
}
