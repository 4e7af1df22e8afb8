package endtoend_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// Every user command reports its change, and unlock ends a lockout.
func TestUserCommands(t *testing.T) {
	t.Parallel()
	env := serveEnvironment(t, testdb.New(t))
	for _, step := range []struct {
		stdin, says string
		args        []string
	}{
		{password + "\n", "created ada@example.com (", []string{"create", "--admin", "Ada@Example.com"}},
		{password + "\n", "created uma@example.com (", []string{"create", "--name", "Uma", "uma@example.com"}},
		{
			password + "\n", "set the password of uma@example.com, ended all sessions and cleared failed logins",
			[]string{"password", "uma@example.com"},
		},
		{"", "disabled uma@example.com and ended all sessions", []string{"disable", "uma@example.com"}},
		{"", "uma@example.com  Uma   false  disabled since 20", []string{"list"}},
		{"", "enabled uma@example.com", []string{"enable", "uma@example.com"}},
		{"", "made uma@example.com a platform admin", []string{"promote", "uma@example.com"}},
		{"", "revoked platform admin rights from uma@example.com", []string{"demote", "uma@example.com"}},
		{"", "ada@example.com  Ada   true   enabled", []string{"list"}},
		{"", "cleared the failed logins of uma@example.com", []string{"unlock", "uma@example.com"}},
	} {
		out, code := run(t, env, step.stdin, append([]string{"user"}, step.args...)...)
		require.Zero(t, code, out)
		require.Contains(t, out, step.says, step.args)
		require.NotContains(t, out, password)
	}
	for _, change := range []string{"password", "disable", "enable", "promote", "demote", "unlock"} {
		out, code := run(t, env, password+"\n", "user", change, "unknown@example.com")
		require.Equal(t, 1, code, out)
		require.Contains(t, out, "user not found", change)
	}

	require.Equal(t, 130, interrupted(t, env, "user", "password", "uma@example.com"))

	server := start(t, env, "serve")
	api := client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}
	login := func(want int, password string) {
		api.do(t, want, http.MethodPost, "/v1/auth/login", object{"email": "uma@example.com", "password": password})
	}
	for range 10 {
		login(http.StatusUnauthorized, "wrong horse")
	}
	login(http.StatusTooManyRequests, password)
	out, code := run(t, env, "", "user", "unlock", "uma@example.com")
	require.Zero(t, code, out)
	login(http.StatusOK, password)
}
