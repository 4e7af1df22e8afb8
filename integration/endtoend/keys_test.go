package endtoend_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

const (
	newKey   = "a2V5cy1yb3RhdGUtbmV3LWtleS0zMi1ieXRlcy1vay4="
	otherKey = "a2V5cy1yb3RhdGUtb3RoZXIta2V5LTMyLWJ5dGVzLi4="
)

// The rotation in docs/operations.md, with a running server and one interruption.
func TestRotateKeys(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	env := serveEnvironment(t, db)
	oldKey := env["KONSTRUCT_SECRETS_KEY"]
	out, code := run(t, env, password+"\n", "user", "create", "--admin", "ada@example.com")
	require.Zero(t, code, out)
	with := func(keys string) environment {
		return environment{"DATABASE_URL": db.AppURL, "KONSTRUCT_SECRETS_KEY": keys}
	}

	env["KONSTRUCT_SECRETS_KEY"] = oldKey + "," + newKey
	server := start(t, env, "serve")
	anonymous := client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}
	admin := anonymous.login(t, "ada@example.com", password)
	var etags []string
	for _, name := range []string{"acme", "globex"} {
		tenant := admin.createTenant(t, name)
		admin.connect(t, tenant, "T0"+name)
		list := "/v1/tenants/" + tenant + "/channel-connections"
		id := admin.do(t, http.StatusOK, http.MethodGet, list, nil)["items"].([]any)[0].(map[string]any)["id"].(string)
		etags = append(etags, list+"/"+id, admin.etag(t, list+"/"+id))
	}

	out, code = run(t, with(newKey+","+oldKey), "", "keys", "rotate", "--check")
	require.Equal(t, 5, code, out)
	require.Contains(t, out, "in use")
	out, code = run(t, with(newKey+","+otherKey), "", "keys", "rotate")
	require.Equal(t, 1, code, out)
	require.Regexp(t, `FAILED tenant \S+ connection \S+ secret bot_token: `+
		`secrets: sealed with a key that is not configured: key id [0-9a-f]{16}`, out)

	interrupt(t, db, with(newKey+","+oldKey))
	out, code = run(t, with(newKey+","+oldKey), "", "keys", "rotate")
	require.Zero(t, code, out)
	require.Regexp(t, `Resealed: 1, already current: 1, failed: 0`, out)
	out, code = run(t, with(newKey+","+oldKey), "", "keys", "rotate", "--check")
	require.Zero(t, code, out)
	require.Contains(t, out, "not in use, can be removed")
	out, code = run(t, with(newKey), "", "keys", "rotate", "--check")
	require.Zero(t, code, out)
	for i := 0; i < len(etags); i += 2 {
		require.Equal(t, etags[i+1], admin.etag(t, etags[i]), "unchanged for clients")
	}
	server.stop(t)

	out, code = run(t, environment{"DATABASE_URL": db.AppURL}, "", "keys", "rotate")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "KONSTRUCT_SECRETS_KEY")
	out, code = run(t, with(newKey), "", "keys", "rotate", "everything")
	require.Equal(t, 2, code, out)
}

// interrupt locks the second tenant's row, and sends SIGINT when the rotation waits for it.
func interrupt(t *testing.T, db *testdb.Database, env environment) {
	t.Helper()
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = super.Close(t.Context()) }()
	tx, err := super.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `select from channel_connections order by id desc limit 1 for update`)
	require.NoError(t, err)

	rotating := start(t, env, "keys", "rotate")
	require.Eventually(t, func() bool {
		var waits bool
		err := tx.QueryRow(t.Context(), `select exists (select from pg_locks l join pg_stat_activity a using (pid)
			where not l.granted and a.datname = current_database() and a.usename = 'konstruct_app')`).Scan(&waits)
		require.NoError(t, err)
		return waits
	}, timeout, 10*time.Millisecond)
	require.NoError(t, rotating.cmd.Process.Signal(syscall.SIGINT))
	<-rotating.done
	require.Error(t, rotating.cmd.Wait())
	require.Equal(t, 130, rotating.cmd.ProcessState.ExitCode())
	require.Contains(t, rotating.text(), "Resealed: 1, already current: 0, failed: 0")
	require.Contains(t, rotating.text(), "interrupted; run the command again to continue")
	require.NoError(t, tx.Rollback(t.Context()))
}

func (c client) etag(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+path, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("ETag"))
	return response.Header.Get("ETag")
}
