package local_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/local"
)

// folder returns a path that the servers' user can reach, unlike t.TempDir.
func folder(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "konstruct-local-test-") //nolint:usetesting // not reachable by the servers
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o711))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(path)) })
	return filepath.Join(path, "server")
}

func start(t *testing.T, opt local.PostgresOptions) *local.Postgres {
	t.Helper()
	pg, err := local.StartPostgres(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, pg) })
	return pg
}

func stop(t *testing.T, pg *local.Postgres) {
	t.Helper()
	require.NoError(t, pg.Stop(context.WithoutCancel(t.Context())))
}

func session(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	var value string
	require.NoError(t, session(t, dsn).QueryRow(t.Context(), sql).Scan(&value))
	return value
}

func requireRuns(t *testing.T, pg *local.Postgres) {
	t.Helper()
	require.NoError(t, session(t, pg.SuperuserDSN()).Ping(t.Context()))
}

func requireStopped(t *testing.T, dsn string) {
	t.Helper()
	_, err := pgx.Connect(t.Context(), dsn)
	require.Error(t, err, "the server must be stopped")
}

func TestDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	place := folder(t)

	first := start(t, local.PostgresOptions{Folder: place})
	_, err := session(t, first.SuperuserDSN()).Exec(t.Context(), "CREATE TABLE kept AS SELECT 'here' AS word")
	require.NoError(t, err)
	stop(t, first)
	requireStopped(t, first.SuperuserDSN())

	second := start(t, local.PostgresOptions{Folder: place})
	require.False(t, second.Reused)
	require.Equal(t, "here", query(t, second.SuperuserDSN(), "SELECT word FROM kept"))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	durable := start(t, local.PostgresOptions{Folder: folder(t), Settings: map[string]string{"max_connections": "42"}})
	throwaway := start(t, local.PostgresOptions{Throwaway: true})

	for name, want := range map[string]struct{ durable, throwaway string }{
		"server_encoding":     {"UTF8", "UTF8"},
		"timezone":            {"UTC", "UTC"},
		"listen_addresses":    {local.Loopback, local.Loopback},
		"password_encryption": {"scram-sha-256", "scram-sha-256"},
		"fsync":               {"on", "off"},
		"full_page_writes":    {"on", "off"},
		"synchronous_commit":  {"on", "off"},
		"max_connections":     {"42", "100"},
	} {
		require.Equal(t, want.durable, query(t, durable.SuperuserDSN(), "SHOW "+name), name)
		require.Equal(t, want.throwaway, query(t, throwaway.SuperuserDSN(), "SHOW "+name), name)
	}
	require.Contains(t, query(t, durable.SuperuserDSN(), "SHOW server_version"), durable.Version)
}

func TestThrowaways(t *testing.T) {
	t.Parallel()
	one := start(t, local.PostgresOptions{Throwaway: true})
	other := start(t, local.PostgresOptions{Throwaway: true})
	require.NotEqual(t, one.Port, other.Port)
	_, err := session(t, one.SuperuserDSN()).Exec(t.Context(), "CREATE TABLE mine ()")
	require.NoError(t, err)
	const mine = "SELECT (to_regclass('mine') IS NOT NULL)::text"
	require.Equal(t, "true", query(t, one.SuperuserDSN(), mine))
	require.Equal(t, "false", query(t, other.SuperuserDSN(), mine))

	_, err = local.StartPostgres(t.Context(), local.PostgresOptions{Throwaway: true, Port: one.Port})
	require.ErrorIs(t, err, local.ErrPortTaken)
	require.ErrorContains(t, err, strconv.Itoa(one.Port))

	require.DirExists(t, one.DataDir)
	stop(t, one)
	require.NoDirExists(t, one.Folder)
	again := start(t, local.PostgresOptions{Throwaway: true, Port: one.Port})
	require.Equal(t, one.Port, again.Port)
}

func TestARunningServerIsReused(t *testing.T) {
	t.Parallel()
	place := folder(t)
	first := start(t, local.PostgresOptions{Folder: place})

	second := start(t, local.PostgresOptions{Folder: place})
	require.True(t, second.Reused)
	require.Equal(t, first.Port, second.Port)

	stop(t, second)
	requireRuns(t, first) // Stop does not stop a reused server

	_, err := local.StartPostgres(t.Context(), local.PostgresOptions{Folder: place, Port: first.Port + 1})
	require.ErrorContains(t, err, "is running on port "+strconv.Itoa(first.Port))
}

func TestPasswordIsDemandedAndNotPrinted(t *testing.T) {
	t.Parallel()
	const password = "unspeakable"
	pg := start(t, local.PostgresOptions{Throwaway: true, Password: password})
	socket := "host=" + pg.SocketDir + " port=" + strconv.Itoa(pg.Port) + " user=postgres dbname=postgres"
	tcp := "host=127.0.0.1 port=" + strconv.Itoa(pg.Port) + " user=postgres dbname=postgres sslmode=disable"
	for name, tt := range map[string]struct {
		dsn     string
		refused bool
	}{
		"TCP, no password":       {tcp, true},
		"TCP, wrong password":    {tcp + " password=guess", true},
		"TCP, password":          {tcp + " password=" + password, false},
		"socket, no password":    {socket, true},
		"socket, wrong password": {socket + " password=guess", true},
		"socket, password":       {socket + " password=" + password, false},
	} {
		conn, err := pgx.Connect(t.Context(), tt.dsn)
		if tt.refused {
			require.ErrorContains(t, err, "password", name)
			continue
		}
		require.NoError(t, err, name)
		require.NoError(t, conn.Close(t.Context()))
	}

	for _, printed := range []string{pg.String(), pg.GoString()} {
		require.Contains(t, printed, "PostgreSQL "+pg.Version)
		require.NotContains(t, printed, password)
	}
	for _, path := range []string{
		filepath.Join(pg.Folder, "server.log"), filepath.Join(pg.DataDir, "postmaster.opts"), // its command line
	} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(content), password)
	}
}

func TestAGivenPasswordReplacesTheKeptOne(t *testing.T) {
	t.Parallel()
	place := folder(t)
	first := start(t, local.PostgresOptions{Folder: place, Password: "it's first"})
	stop(t, first)

	second := start(t, local.PostgresOptions{Folder: place, Password: "second"})
	stop(t, second)

	third := start(t, local.PostgresOptions{Folder: place})
	require.Contains(t, second.SuperuserDSN(), "://postgres:second@")
	requireRuns(t, third)
}

func TestFolders(t *testing.T) {
	t.Parallel()
	// A comma separates the directories of PostgreSQL's sockets.
	pg := start(t, local.PostgresOptions{Folder: filepath.Join(folder(t), `a, "b" c`)})
	require.FileExists(t, filepath.Join(pg.SocketDir, ".s.PGSQL."+strconv.Itoa(pg.Port)+".lock"))
	outer := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		outer = 0o711
	}
	for path, want := range map[string]os.FileMode{
		pg.Folder:                                outer,
		pg.DataDir:                               0o700,
		pg.SocketDir:                             0o700,
		filepath.Join(pg.Folder, "password"):     0o600,
		filepath.Join(pg.Folder, "server.log"):   0o600,
		filepath.Join(pg.Folder, "process.json"): 0o600,
	} {
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
	left, err := filepath.Glob(filepath.Join(pg.Folder, ".*"))
	require.NoError(t, err)
	require.Empty(t, left, "temporary files must be removed")
}

func TestForeignFoldersAreRefused(t *testing.T) {
	t.Parallel()
	faults := map[string]func(place string) error{
		"symlink": func(place string) error { return os.Symlink(filepath.Dir(place), place) },
		"symlink for the socket": func(place string) error {
			return errors.Join(os.Mkdir(place, 0o700), os.Symlink(filepath.Dir(place), filepath.Join(place, "run")))
		},
	}
	if os.Geteuid() == 0 { // only root can change the owner; see TestCheckFolder
		faults["another owner"] = func(place string) error {
			return errors.Join(os.Mkdir(place, 0o700), os.Chown(place, 12345, 12345))
		}
	}
	for name, create := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := folder(t)
			require.NoError(t, create(place))
			_, err := local.StartPostgres(t.Context(), local.PostgresOptions{Folder: place})
			require.ErrorIs(t, err, local.ErrForeignFolder)
		})
	}
}

func TestOutOfReach(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("without root, servers run as the current user")
		return
	}
	closed := filepath.Join(t.TempDir(), "server")
	_, err := local.StartPostgres(t.Context(), local.PostgresOptions{Folder: closed})
	require.ErrorIs(t, err, local.ErrUnreachable)
}

func TestAnotherMajorIsRefused(t *testing.T) {
	t.Parallel()
	place := folder(t)
	pg := start(t, local.PostgresOptions{Folder: place})
	stop(t, pg)
	own, _, _ := strings.Cut(pg.Version, ".")
	for data, binaries := range map[string]string{"14": "0", "99": own} {
		require.NoError(t, os.WriteFile(filepath.Join(pg.DataDir, "PG_VERSION"), []byte(data+"\n"), 0o600))
		_, err := local.StartPostgres(t.Context(), local.PostgresOptions{Folder: place})
		var version *local.VersionError
		require.ErrorAs(t, err, &version)
		require.Equal(t, data, strconv.Itoa(version.Data))
		require.Equal(t, binaries, strconv.Itoa(version.Binaries))
		require.ErrorContains(t, err, "PostgreSQL "+data)
		if data == "14" {
			require.NotContains(t, err.Error(), "install PostgreSQL 14", "version 14 is not supported")
		} else {
			require.ErrorContains(t, err, "install PostgreSQL 99")
		}
	}
}

// kill simulates a crash, which leaves the pid file, and returns its lines after the pid.
func kill(t *testing.T, pg *local.Postgres) (rest string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(pg.DataDir, "postmaster.pid"))
	require.NoError(t, err)
	first, rest, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	return rest
}

func TestStalePIDFiles(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{
		"dead process":    "2147483646",
		"another process": strconv.Itoa(os.Getppid()),
		"init":            "1",
		"one line":        "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pg := start(t, local.PostgresOptions{Folder: folder(t)})
			stale := first + "\n" + kill(t, pg)
			if first == "" {
				stale = "123"
			}
			require.NoError(t, os.WriteFile(filepath.Join(pg.DataDir, "postmaster.pid"), []byte(stale), 0o600))
			again := start(t, local.PostgresOptions{Folder: pg.Folder})
			require.False(t, again.Reused)
			requireRuns(t, again)
		})
	}
}

func TestALostPasswordIsNamed(t *testing.T) {
	t.Parallel()
	pg := start(t, local.PostgresOptions{Folder: folder(t)})
	stop(t, pg)
	password := filepath.Join(pg.Folder, "password")
	for name, lose := range map[string]func() error{
		"missing": func() error { return os.Remove(password) },
		"wrong":   func() error { return os.WriteFile(password, []byte("wrong"), 0o600) },
	} {
		require.NoError(t, lose(), name)
		_, err := local.StartPostgres(t.Context(), local.PostgresOptions{Folder: pg.Folder})
		require.ErrorIs(t, err, local.ErrPassword, name)
	}
	require.NoFileExists(t, filepath.Join(pg.DataDir, "postmaster.pid"), "a failed start must leave no server")
}

func TestAServerThatCannotStartShowsItsLog(t *testing.T) {
	t.Parallel()
	_, err := local.StartPostgres(t.Context(), local.PostgresOptions{
		Throwaway: true, Settings: map[string]string{"max_connections": "none"},
	})
	require.ErrorIs(t, err, local.ErrNotReady)
	require.ErrorContains(t, err, "max_connections")
}

func TestStartsAtTheSameTimeShareOneServer(t *testing.T) {
	t.Parallel()
	place := folder(t)
	results := make(chan *local.Postgres, 4)
	for range cap(results) {
		go func() {
			pg, err := local.StartPostgres(t.Context(), local.PostgresOptions{Folder: place})
			if err != nil {
				t.Error(err)
			}
			results <- pg
		}()
	}
	var hosts int
	for range cap(results) {
		pg := <-results
		require.NotNil(t, pg)
		t.Cleanup(func() { stop(t, pg) })
		if !pg.Reused {
			hosts++
		}
	}
	require.Equal(t, 1, hosts)
}

func TestTheUmaskKeepsTheServersUserInReach(t *testing.T) { //nolint:paralleltest // the umask is the process's
	path := filepath.Join(folder(t), "deep", "er")
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	require.NoError(t, local.OwnFolder(path))
}
