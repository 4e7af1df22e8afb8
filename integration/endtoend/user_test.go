package endtoend_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// Every user command reports its change, and unlock ends a lockout.
func TestUserCommands(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	env := serveEnvironment(t, db.AppURL)
	for _, step := range []struct{ command, says string }{
		{"create --admin Ada@Example.com", "created ada@example.com ("},
		{"create --name Uma uma@example.com", "created uma@example.com ("},
		{"password uma@example.com", "set the password of uma@example.com, ended all sessions and cleared failed logins"},
		{"disable uma@example.com", "disabled uma@example.com and ended all sessions"},
		{"list", "uma@example.com  Uma   false  disabled since 20"},
		{"enable uma@example.com", "enabled uma@example.com"},
		{"promote uma@example.com", "made uma@example.com a platform admin"},
		{"demote uma@example.com", "revoked platform admin rights from uma@example.com"},
		{"list", "ada@example.com  Ada   true   enabled"},
		{"unlock uma@example.com", "cleared the failed logins of uma@example.com"},
	} {
		out := run(t, env, 0, "user "+step.command)
		require.Contains(t, out, step.says, step.command)
		require.NotContains(t, out, password)
	}
	for _, change := range []string{"password", "disable", "enable", "promote", "demote", "unlock"} {
		require.Contains(t, run(t, env, failed, "user "+change+" unknown@example.com"), "user not found", change)
	}

	require.Equal(t, []string{
		"create-user ada", "create-user uma", "set-password uma", "disable-user uma", "enable-user uma", "promote-user uma",
		"demote-user uma", "unlock-user uma",
	}, query[string](t, db.SuperURL, `SELECT e.action || ' ' || split_part(u.email, '@', 1)
		FROM platform_audit_events e JOIN portal_users u ON u.id = e.object_id WHERE e.actor_id IS NULL ORDER BY e.id`))

	requireInterruptible(t, env, "user password uma@example.com")

	api := start(t, env, "serve").client(t)
	for range 10 {
		api.login(t, http.StatusUnauthorized, "uma@example.com", "wrong horse")
	}
	api.login(t, http.StatusTooManyRequests, "uma@example.com", password)
	run(t, env, 0, "user unlock uma@example.com")
	api.login(t, http.StatusOK, "uma@example.com", password)
}

// requireInterruptible sends SIGINT to a command that waits for its input or for PostgreSQL.
func requireInterruptible(t *testing.T, env environment, line string) {
	t.Helper()
	waiting := start(t, env, line)
	time.Sleep(time.Second)
	waiting.signal(syscall.SIGINT)
	require.Equal(t, interrupted, waiting.exit(t))
}
