//go:build pooler

package pooler_test

import (
	"context"
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
	// socketPort is only part of the socket's name; nothing listens on TCP.
	socketPort = "6432"
	// processTimeout bounds the program's start and end.
	processTimeout = 10 * time.Second
)

// bouncer is a PgBouncer in transaction mode, in front of one database.
type bouncer struct {
	// url connects as konstruct_app through the pooler.
	url string
	log string
}

// newBouncer starts a PgBouncer with poolSize server connections. It ends with the test.
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

// findProgram fails the test without PgBouncer.
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
	t.Fatalf("pgbouncer not found: install it, or set %s to its path", programVariable)
	return ""
}

// configuration disables prepared statements across clients, which versions before 1.21 lack.
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
		// Reconnect to the server at once.
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
	version, err := exec.CommandContext(t.Context(), program, "--version").Output()
	require.NoError(t, err)
	match := versionLine.FindSubmatch(version)
	require.NotNil(t, match, "%s", version)
	major, _ = strconv.Atoi(string(match[1]))
	minor, _ = strconv.Atoi(string(match[2]))
	return major, minor
}

// start runs the program and waits until it serves. Its thread stays locked, because Pdeathsig is sent when the thread
// that started the program ends.
func (b *bouncer) start(t *testing.T, program string, f folder) {
	t.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, filepath.Join(f.path, "ini"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay, cmd.Dir = processTimeout, f.path
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
	t.Cleanup(func() {
		end()
		<-ended
	})
	b.await(t, ended)
}

func (b *bouncer) await(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	deadline := time.Now().Add(processTimeout)
	for {
		conn, err := pgx.Connect(t.Context(), b.url)
		if err == nil {
			require.NoError(t, conn.Close(t.Context()))
			return
		}
		select {
		case <-ended:
			t.Fatalf("pgbouncer ended:\n%s", b.readLog())
		case <-time.After(20 * time.Millisecond):
			require.Less(t, time.Now(), deadline, "pgbouncer does not serve: %v\n%s", err, b.readLog())
		}
	}
}

func (b *bouncer) readLog() string {
	text, err := os.ReadFile(b.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// folder belongs to the user that runs the program, which refuses to run as root.
type folder struct {
	path    string
	account *syscall.Credential
}

func newFolder(t *testing.T) folder {
	t.Helper()
	path, err := os.MkdirTemp("", "konstruct-pooler-") //nolint:usetesting // other users cannot enter TempDir's parent
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(path)) })
	f := folder{path: path, account: unprivileged(t)}
	f.own(t, path)
	return f
}

// unprivileged returns another user if this process runs as root, or nil.
func unprivileged(t *testing.T) *syscall.Credential {
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
	t.Fatal("pgbouncer refuses to run as root, and there is neither a user postgres nor nobody")
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
