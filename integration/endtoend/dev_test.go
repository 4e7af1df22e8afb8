package endtoend_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The printed commands work when pasted, and a second start finds the data of the first.
func TestDev(t *testing.T) {
	t.Parallel()
	folder := devFolder(t)
	env := environment{
		"KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0",
		// dev must not use a configured production system.
		"DATABASE_URL": "postgres://konstruct_app:x@192.0.2.1/production", "REDIS_URL": "redis://192.0.2.1",
	}
	first := start(t, env, "dev", "--data", folder)
	first.wait(t, `msg=listening`)
	paste(t, first.text())
	first.wait(t, `msg="message delivered"`)
	secondUser(t, first.text())
	password, tenant := first.wait(t, `log in +\S+ +(\S+)`), first.wait(t, `/v1/tenants/(\S+)/agents`)
	first.stop(t)

	second := start(t, env, "dev", "--data", folder)
	anonymous := client{base: "http://" + second.wait(t, `msg=listening.* address=(\S+)`)}
	require.Equal(t, password, second.wait(t, `log in +\S+ +(\S+)`))
	admin := anonymous.login(t, "admin@example.com", password)
	list, ok := admin.do(t, http.StatusOK, http.MethodGet, "/v1/tenants/"+tenant+"/agents", nil)["items"].([]any)
	require.True(t, ok)
	require.Len(t, list, 2)
	second.stop(t)
}

// devFolder returns a data folder that servers running as another user can access.
func devFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/var/tmp", "konstruct-dev-") //nolint:usetesting // TempDir is accessible to its owner only
	require.NoError(t, err)
	t.Cleanup(func() {
		// The servers' guard process may still read it.
		require.Eventually(t, func() bool { return os.RemoveAll(folder) == nil }, timeout, 100*time.Millisecond)
	})
	require.NoError(t, os.Chmod(folder, 0o711))
	return filepath.Join(folder, "data")
}

// paste runs the commands that dev prints.
func paste(t *testing.T, welcome string) {
	t.Helper()
	_, lines, found := strings.Cut(welcome, "Log in and")
	require.True(t, found)
	lines, _, found = strings.Cut(lines, "Ctrl-C")
	require.True(t, found)
	var script strings.Builder
	for line := range strings.Lines(lines) {
		if code, indented := strings.CutPrefix(line, "  "); indented {
			script.WriteString(code)
		}
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-e", "-c", script.String()).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), `"name":"Ada"`)
	require.Contains(t, string(out), "HTTP/1.1 200 OK")
}

// secondUser runs the printed command that creates a second user.
func secondUser(t *testing.T, welcome string) {
	t.Helper()
	_, line, found := strings.Cut(welcome, "Create a second user")
	require.True(t, found)
	_, line, _ = strings.Cut(line, "\n\n")
	line, _, found = strings.Cut(line, "\n\n")
	require.True(t, found)
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", line)
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "second@example.com")
}

func TestDevIgnoresLibpqVariables(t *testing.T) {
	t.Parallel()
	dev := start(t, environment{
		"KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0",
		"PGSERVICE":             "nosuch", "PGSERVICEFILE": "/nonexistent", "PGOPTIONS": "-c work_mem=8MB", "PGTZ": "Japan",
		"PGSSLROOTCERT": "/nonexistent", "PGSSLCERT": "/nonexistent", "PGSSLMODE": "perhaps", "PGSSLNEGOTIATION": "direct",
		"PGTARGETSESSIONATTRS": "standby", "PGCONNECT_TIMEOUT": "abc", "PGHOST": "192.0.2.1", "PGPORT": "1",
		"PGUSER": "someone", "PGDATABASE": "none", "PGPASSWORD": "x", "PGPASSFILE": "/nonexistent", "PGAPPNAME": "x",
		"PGREQUIREAUTH": "none", "PGCHANNELBINDING": "require", "PGMAXPROTOCOLVERSION": "9", "PGMINPROTOCOLVERSION": "9",
	}, "dev", "--data", devFolder(t))
	dev.wait(t, `msg=listening`)
	dev.stop(t)
}

// Two processes share the folder's database, listen on different ports, and stop independently.
func TestTwoDevSystemsShareOneFolder(t *testing.T) {
	t.Parallel()
	folder := devFolder(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	env := environment{"KONSTRUCT_LISTEN_ADDR": taken.Addr().String()}
	first, second := start(t, env, "dev", "--data", folder), start(t, env, "dev", "--data", folder)
	one := first.wait(t, `msg=listening.* address=(\S+)`)
	two := second.wait(t, `msg=listening.* address=(\S+)`)
	require.NotEqual(t, one, two)
	require.Equal(t, first.wait(t, `log in +\S+ +(\S+)`), second.wait(t, `log in +\S+ +(\S+)`))
	require.Contains(t, first.text(), "taken="+taken.Addr().String())

	first.stop(t)
	client{base: "http://" + two}.login(t, "admin@example.com", second.wait(t, `log in +\S+ +(\S+)`))
	client{base: "http://" + two}.do(t, http.StatusOK, http.MethodGet, "/readyz", nil)
	database := second.wait(t, `PostgreSQL \S+ on (\S+),`)
	second.stop(t)
	_, err = net.Dial("tcp", database)
	require.Error(t, err, "the last process stops the servers")
}

func TestDevWithUnusableFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	out, code := run(t, nil, "", "dev", "--data", filepath.Join(file, "data"))
	require.Equal(t, 1, code)
	require.Contains(t, out, "dev --data FOLDER")

	old := devFolder(t)
	require.NoError(t, os.MkdirAll(filepath.Join(old, "postgres", "data"), 0o711))
	require.NoError(t, os.WriteFile(filepath.Join(old, "postgres", "data", "PG_VERSION"), []byte("14\n"), 0o600))
	out, code = run(t, nil, "", "dev", "--data", old)
	require.Equal(t, 1, code)
	require.Contains(t, out, "was created by PostgreSQL 14; the oldest supported version is 15")
	require.Contains(t, out, "dev --data FOLDER")
}

func TestServeKeepsDemoDataOnLoopback(t *testing.T) {
	t.Parallel()
	folder := devFolder(t)
	dev := start(t, environment{"KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0"}, "dev", "--data", folder)
	dev.wait(t, `msg=listening`)
	env := environment{
		"DATABASE_URL":          devURL(t, "app", folder, dev.wait(t, `PostgreSQL \S+ on (\S+),`)),
		"SLACK_SIGNING_SECRET":  slackSecret,
		"KONSTRUCT_SECRETS_KEY": "ZW5kdG9lbmQtdGVzdC1rZXktMzItYnl0ZXMtbG9uZy4=",
		"REDIS_URL":             "redis://127.0.0.1:1",
	}
	env["KONSTRUCT_LISTEN_ADDR"] = "0.0.0.0:0"
	out, code := run(t, env, "", "serve")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "loopback")

	env["KONSTRUCT_LISTEN_ADDR"] = "127.0.0.1:0"
	start(t, env, "serve").wait(t, `msg=listening`)
}

// devURL returns the database URL of the development system's role "app" or "owner".
func devURL(t *testing.T, role, folder, address string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "dev.json"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), `"`+role+`_password": "`)
	require.True(t, found)
	password, _, _ := strings.Cut(rest, `"`)
	return "postgres://konstruct_" + role + ":" + password + "@" + address + "/konstruct"
}
