package endtoend_test

import (
	"encoding/json"
	"fmt"
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

// What dev prints.
const (
	adminPassword = `log in +\S+ +(\S+)`
	postgresLine  = `PostgreSQL \S+ on (\S+),`
)

func startDev(t *testing.T, env environment, folder string) *process {
	t.Helper()
	dev := start(t, env, "dev --data "+folder)
	dev.client(t)
	return dev
}

// The printed commands work when pasted, and a second start finds the data of the first.
func TestDev(t *testing.T) {
	t.Parallel()
	folder := devFolder(t)
	env := environment{
		// dev must not use a configured production system.
		"DATABASE_URL": "postgres://konstruct_app:x@192.0.2.1/production", "REDIS_URL": "redis://192.0.2.1",
	}
	first := startDev(t, env, folder)
	paste(t, first.text())
	first.wait(t, `msg="message delivered"`)
	password, tenant := first.wait(t, adminPassword), first.wait(t, `/v1/tenants/(\S+)/agents`)
	first.stop(t)

	again := startDev(t, env, folder)
	require.Equal(t, password, again.wait(t, adminPassword))
	admin := again.client(t).as(t, "admin@example.com", password)
	require.Len(t, admin.get(t, http.StatusOK, "/v1/tenants/"+tenant+"/agents")["items"], 2)
	hireAnAgent(t, again, admin)
	again.stop(t)
}

// hireAnAgent goes the way of a new company: a platform admin creates the tenant and invites an owner, who accepts with
// the link that dev prints and shows, creates an agent, and reads in the audit log who did what.
func hireAnAgent(t *testing.T, dev *process, admin client) {
	t.Helper()
	made := admin.post(t, http.StatusCreated, "/v1/tenants", object{"name": "Newcomers", "slug": "newcomers"})
	tenant := "/v1/tenants/" + made.text(t, "id")
	admin.post(t, http.StatusCreated, tenant+"/invitations", object{"email": "grace@example.com", "role": "owner"})
	link := dev.wait(t, `(?m)^http://localhost:3000/invitation#token=(\S+)$`)
	shown := admin.request(t, http.MethodGet, "/dev/mail", nil)
	shown.Header.Set("Accept", "application/json")
	require.Contains(t, fmt.Sprint(admin.send(t, http.StatusOK, shown)), link)
	shown.Host = "konstruct.example"
	admin.send(t, http.StatusNotFound, shown)

	anyone := client{base: admin.base}
	const password = "correct horse battery"
	anyone.post(t, http.StatusCreated, "/v1/invitations/accept", object{"token": link, "name": "Grace", "password": password})
	anyone.post(t, http.StatusGone, "/v1/invitations/accept", object{"token": link, "name": "Eve", "password": password})
	grace := anyone.as(t, "grace@example.com", password)
	agent := grace.post(t, http.StatusCreated, tenant+"/agents", object{"name": "Mara"}).text(t, "id")

	var log []string
	for _, event := range grace.get(t, http.StatusOK, tenant+"/audit-events")["items"].([]any) {
		event := object(event.(map[string]any))
		log = append(log, event.text(t, "action")+" by "+event.text(t, "actor", "name"))
		if event["action"] == "create-agent" {
			require.Equal(t, agent, event.text(t, "object", "id"))
		}
	}
	require.Equal(t, []string{
		"create-agent by Grace", "accept-invitation by Grace", "create-invitation by Platform admin", "enter-tenant by Platform admin",
	}, log, "the newest first")
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
	_, lines, found := strings.Cut(welcome, "Create a second user")
	require.True(t, found)
	lines, _, found = strings.Cut(lines, "Ctrl-C")
	require.True(t, found)
	var script strings.Builder
	for line := range strings.Lines(lines) {
		if code, indented := strings.CutPrefix(line, "  "); indented {
			script.WriteString(code)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script.String())
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, answer := range []string{"second@example.com", `"name":"Ada"`, "HTTP/1.1 200 OK"} {
		require.Contains(t, string(out), answer)
	}
}

func TestDevIgnoresLibpqVariables(t *testing.T) {
	t.Parallel()
	startDev(t, environment{
		"PGSERVICE": "nosuch", "PGSERVICEFILE": "/nonexistent", "PGOPTIONS": "-c work_mem=8MB", "PGTZ": "Japan",
		"PGSSLROOTCERT": "/nonexistent", "PGSSLCERT": "/nonexistent", "PGSSLMODE": "perhaps", "PGSSLNEGOTIATION": "direct",
		"PGTARGETSESSIONATTRS": "standby", "PGCONNECT_TIMEOUT": "abc", "PGHOST": "192.0.2.1", "PGPORT": "1",
		"PGUSER": "someone", "PGDATABASE": "none", "PGPASSWORD": "x", "PGPASSFILE": "/nonexistent", "PGAPPNAME": "x",
		"PGREQUIREAUTH": "none", "PGCHANNELBINDING": "require", "PGMAXPROTOCOLVERSION": "9", "PGMINPROTOCOLVERSION": "9",
	}, devFolder(t)).stop(t)
}

// Two processes share the folder's database, listen on different ports, and stop independently.
func TestTwoDevSystemsShareOneFolder(t *testing.T) {
	t.Parallel()
	folder, taken := devFolder(t), takenAddress(t)
	env := environment{"KONSTRUCT_LISTEN_ADDR": taken}
	first, second := start(t, env, "dev --data "+folder), start(t, env, "dev --data "+folder)
	one, two := first.client(t), second.client(t)
	require.NotEqual(t, one, two)
	password := second.wait(t, adminPassword)
	require.Equal(t, first.wait(t, adminPassword), password)
	require.Contains(t, first.text(), "taken="+taken)

	first.stop(t)
	two.login(t, http.StatusOK, "admin@example.com", password)
	two.get(t, http.StatusOK, "/readyz")
	database := second.wait(t, postgresLine)
	second.stop(t)
	_, err := net.Dial("tcp", database)
	require.Error(t, err, "the last process stops the servers")
}

func TestDevWithUnusableFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Contains(t, run(t, nil, failed, "dev --data "+filepath.Join(file, "data")), "dev --data FOLDER")

	old := devFolder(t)
	require.NoError(t, os.MkdirAll(filepath.Join(old, "postgres", "data"), 0o711))
	require.NoError(t, os.WriteFile(filepath.Join(old, "postgres", "data", "PG_VERSION"), []byte("14\n"), 0o600))
	out := run(t, nil, failed, "dev --data "+old)
	require.Contains(t, out, "was created by PostgreSQL 14; the oldest supported version is 15")
	require.Contains(t, out, "dev --data FOLDER")
}

func TestServeKeepsDemoDataOnLoopback(t *testing.T) {
	t.Parallel()
	folder := devFolder(t)
	env := serveEnvironment(t, devURL(t, "app", folder, startDev(t, nil, folder)))
	env["REDIS_URL"], env["KONSTRUCT_LISTEN_ADDR"] = "redis://127.0.0.1:1", "0.0.0.0:0"
	require.Contains(t, run(t, env, misused, "serve"), "loopback")

	env["KONSTRUCT_LISTEN_ADDR"] = "127.0.0.1:0"
	start(t, env, "serve").client(t)
}

// devURL returns the database URL of the development system's role "app" or "owner".
func devURL(t *testing.T, role, folder string, dev *process) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "dev.json"))
	require.NoError(t, err)
	state := object{}
	require.NoError(t, json.Unmarshal(text, &state))
	return "postgres://konstruct_" + role + ":" + state.text(t, role+"_password") + "@" + dev.wait(t, postgresLine) + "/konstruct"
}
