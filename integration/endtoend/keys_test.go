package endtoend_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	oldKey   = "ZW5kdG9lbmQtdGVzdC1rZXktMzItYnl0ZXMtbG9uZy4="
	newKey   = "a2V5cy1yb3RhdGUtbmV3LWtleS0zMi1ieXRlcy1vay4="
	otherKey = "a2V5cy1yb3RhdGUtb3RoZXIta2V5LTMyLWJ5dGVzLi4="
)

// The rotation in docs/operations.md, with a running server and one interruption.
func TestRotateKeys(t *testing.T) {
	t.Parallel()
	b := setupServer(t, environment{"KONSTRUCT_SECRETS_KEY": oldKey + "," + newKey})
	with := func(keys string) environment {
		return environment{"DATABASE_URL": b.db.AppURL, "KONSTRUCT_SECRETS_KEY": keys}
	}
	before := map[string]object{}
	for _, name := range []string{"globex", "initech"} {
		connections := b.admin.connect(t, b.admin.createTenant(t, name), "T0"+name)
		before[connections] = b.admin.get(t, http.StatusOK, connections)
	}

	require.Contains(t, run(t, with(newKey+","+oldKey), unfit, "keys rotate --check"), "in use")
	require.Regexp(t, `FAILED tenant \S+ connection \S+ secret bot_token: `+
		`secrets: sealed with a key that is not configured: key id [0-9a-f]{16}`,
		run(t, with(newKey+","+otherKey), failed, "keys rotate"))

	b.interruptRotation(t, with(newKey+","+oldKey))
	out := run(t, with(newKey+","+oldKey), 0, "keys rotate")
	require.Contains(t, out, `Resealed: 1, already current: 1, failed: 0`)
	require.Contains(t, run(t, with(newKey+","+oldKey), 0, "keys rotate --check"), "not in use, can be removed")
	run(t, with(newKey), 0, "keys rotate --check")
	for connections, list := range before {
		require.Equal(t, list, b.admin.get(t, http.StatusOK, connections), "unchanged for clients, with the ETag")
	}
	b.server.stop(t)

	out = run(t, environment{"DATABASE_URL": b.db.AppURL}, misused, "keys rotate")
	require.Contains(t, out, "KONSTRUCT_SECRETS_KEY")
	run(t, with(newKey), misused, "keys rotate everything")
}

// interruptRotation locks the second connection's row, and sends SIGINT when the rotation waits for it.
func (b testBundle) interruptRotation(t *testing.T, env environment) {
	t.Helper()
	release := b.hold(t, "select from channel_connections order by id desc limit 1 for update")
	rotating := start(t, env, "keys rotate")
	require.Eventually(t, func() bool { return b.number(t, lockWaiters) == 1 }, timeout, 10*time.Millisecond)
	rotating.signal(syscall.SIGINT)
	require.Equal(t, interrupted, rotating.exit(t))
	require.Contains(t, rotating.text(), "Resealed: 1, already current: 0, failed: 0")
	require.Contains(t, rotating.text(), "interrupted; run the command again to continue")
	release()
}
