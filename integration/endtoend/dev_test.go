package endtoend_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The development system: one command, and what it prints works when it is pasted. The second start finds everything as
// it was.
func TestDev(t *testing.T) {
	t.Parallel()
	folder := devFolder(t)
	env := environment{
		"KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0",
		// Of a production that happens to be configured here, nothing is used.
		"DATABASE_URL": "postgres://konstruct_app:x@192.0.2.1/production", "REDIS_URL": "redis://192.0.2.1",
	}
	first := start(t, env, "dev", "--data", folder)
	first.wait(t, `msg=listening`)
	paste(t, first.text())
	first.wait(t, `msg="message delivered"`)
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

// devFolder is one that servers can reach that run as another user.
func devFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/var/tmp", "konstruct-dev-") //nolint:usetesting // below TempDir only its owner can pass
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o711))
	return filepath.Join(folder, "data")
}

// paste runs the lines that the welcome indents, as a person would.
func paste(t *testing.T, welcome string) {
	t.Helper()
	_, lines, found := strings.Cut(welcome, "Log in, and")
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

func TestServeKeepsDemoDataOnLoopback(t *testing.T) {
	t.Parallel()
	folder := devFolder(t)
	dev := start(t, environment{"KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0"}, "dev", "--data", folder)
	dev.wait(t, `msg=listening`)
	env := environment{
		"DATABASE_URL":          devURL(t, folder, dev.wait(t, `PostgreSQL \S+ on (\S+),`)),
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

// devURL is how the development system's own server logs in.
func devURL(t *testing.T, folder, address string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "dev.json"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), `"app_password": "`)
	require.True(t, found)
	password, _, _ := strings.Cut(rest, `"`)
	return "postgres://konstruct_app:" + password + "@" + address + "/konstruct"
}
