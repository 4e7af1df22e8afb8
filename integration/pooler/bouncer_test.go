//go:build pooler

package pooler_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

const (
	programVariable = "KONSTRUCT_TEST_PGBOUNCER"
	// socketPort is a part of the socket's name and no more: nothing listens on TCP, so no port can be taken.
	socketPort = "6432"
	// patience is for the program to begin to serve, and to end.
	patience = 10 * time.Second
)

// bouncer is a PgBouncer in transaction mode, in front of one database.
type bouncer struct {
	// url logs in as konstruct_app, through the pooler.
	url string
	log string
}

// newBouncer starts a PgBouncer that shares poolSize connections of the server's among all clients of the database. It
// ends with the test.
func newBouncer(t *testing.T, db *testdb.Database, poolSize int, settings ...string) *bouncer {
	t.Helper()
	program := findProgram(t)
	folder := newFolder(t)
	app, err := url.Parse(db.AppURL)
	require.NoError(t, err)
	password, _ := app.User.Password()

	b := &bouncer{log: filepath.Join(folder.path, "log")}
	folder.write(t, "users", fmt.Sprintf("%q %q\n", app.User.Username(), password))
	folder.write(t, "ini", configuration(t, program, folder.path, app, poolSize)+strings.Join(settings, "\n"))
	through := url.URL{
		Scheme: "postgres", User: app.User, Path: app.Path,
		RawQuery: url.Values{"host": {folder.path}, "port": {socketPort}, "sslmode": {"disable"}}.Encode(),
	}
	b.url = through.String()
	b.start(t, program, folder)
	return b
}

// findProgram fails the test where there is no PgBouncer: whoever builds these tests wants them to run.
func findProgram(t *testing.T) string {
	t.Helper()
	names := []string{"pgbouncer", "/usr/sbin/pgbouncer"}
	if given := os.Getenv(programVariable); given != "" && given != "1" {
		names = []string{given}
	}
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	t.Fatalf("no %s on this machine, and these tests are about it: install the package pgbouncer, or set %s to the program's path",
		names[0], programVariable)
	return ""
}

// configuration shares the server's connections, and knows no prepared statements across clients, as all before 1.21.
func configuration(t *testing.T, program, folder string, app *url.URL, poolSize int) string {
	t.Helper()
	name := strings.TrimPrefix(app.Path, "/")
	settings := []string{
		"[databases]",
		fmt.Sprintf("%s = host=%s port=%s dbname=%s", name, app.Hostname(), app.Port(), name),
		"[pgbouncer]",
		"listen_addr =",
		"listen_port = " + socketPort,
		"unix_socket_dir = " + folder,
		"auth_type = scram-sha-256",
		"auth_file = " + filepath.Join(folder, "users"),
		"logfile = " + filepath.Join(folder, "log"),
		"pool_mode = transaction",
		"default_pool_size = " + strconv.Itoa(poolSize),
		"max_client_conn = 200",
		// A server's connection that was lost is made anew at once.
		"server_login_retry = 1",
	}
	if major, minor := programVersion(t, program); major > 1 || minor >= 21 {
		settings = append(settings, "max_prepared_statements = 0")
	}
	return strings.Join(settings, "\n") + "\n"
}

var versionLine = regexp.MustCompile(`(?i)pgbouncer (\d+)\.(\d+)`)

func programVersion(t *testing.T, program string) (major, minor int) {
	t.Helper()
	told, err := exec.CommandContext(t.Context(), program, "--version").Output()
	require.NoError(t, err)
	match := versionLine.FindSubmatch(told)
	require.NotNil(t, match, "%s", told)
	major, _ = strconv.Atoi(string(match[1]))
	minor, _ = strconv.Atoi(string(match[2]))
	return major, minor
}

// start runs the program and waits until it serves. The thread that starts it is kept as long as it lives, since the
// kernel takes the thread's end for the parent's death, at which the program is to end.
func (b *bouncer) start(t *testing.T, program string, f folder) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, filepath.Join(f.path, "ini"))
	cmd.Dir = f.path
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Credential: f.account}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() { stop(t, cmd.Process, ended) })
	b.await(t, ended)
}

func stop(t *testing.T, process *os.Process, ended <-chan struct{}) {
	t.Helper()
	if err := process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("pgbouncer does not end")
		_ = process.Kill()
		<-ended
	}
}

func (b *bouncer) await(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		conn, err := pgx.Connect(t.Context(), b.url)
		if err == nil {
			require.NoError(t, conn.Close(t.Context()))
			return
		}
		select {
		case <-ended:
			t.Fatalf("pgbouncer ended:\n%s", b.said())
		case <-time.After(20 * time.Millisecond):
			require.Less(t, time.Now(), deadline, "pgbouncer does not serve: %v\n%s", err, b.said())
		}
	}
}

func (b *bouncer) said() string {
	said, err := os.ReadFile(b.log)
	if err != nil {
		return err.Error()
	}
	return string(said)
}

// folder belongs to the user whom the program runs as: it refuses root.
type folder struct {
	path    string
	account *syscall.Credential
}

func newFolder(t *testing.T) folder {
	t.Helper()
	path, err := os.MkdirTemp("", "konstruct-pooler-") //nolint:usetesting // TempDir's parent keeps other users out
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(path)) })
	f := folder{path: path, account: harmless(t)}
	f.own(t, path)
	return f
}

// harmless is another user where this process is root's, and nil elsewhere.
func harmless(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		require.NoError(t, err)
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		require.NoError(t, err)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Fatal("pgbouncer does not run as root, and there is neither a user postgres nor nobody")
	return nil
}

func (f folder) own(t *testing.T, path string) {
	t.Helper()
	if f.account != nil {
		require.NoError(t, os.Lchown(path, int(f.account.Uid), int(f.account.Gid)))
	}
}

func (f folder) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(f.path, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	f.own(t, path)
}
