package server_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/server/token"
)

const (
	newPassword = "seven quiet rivers"
	forgotPath  = "/v1/auth/password/forgot"
	resetPath   = "/v1/auth/password/reset"
)

func mailing(o *server.Options) {
	o.Mail = server.MailOptions{Sender: mail.NewBox(io.Discard), From: "konstruct@example.com"}
}

// messages returns the kinds of the messages in the outbox, in order.
func (b *testBundle) messages(t *testing.T) (kinds []any) {
	t.Helper()
	for _, message := range b.events(t, "mail_outbox") {
		kinds = append(kinds, message["kind"])
	}
	return kinds
}

// open gives the newest link to an address a token, as the outbox does when it mails the link.
func (b *testBundle) open(t *testing.T, kind, email string) (linkToken string) {
	t.Helper()
	linkToken, hash := token.New(token.Link)
	require.Equal(t, 1, b.queryInt(t, `WITH opened AS (
		UPDATE portal_links SET token_hash = $1 WHERE id = (
			SELECT l.id FROM portal_links l JOIN mail_outbox m ON m.subject_id = l.id AND m.kind = l.kind
			WHERE l.kind = $2 AND l.email = $3 ORDER BY l.id DESC LIMIT 1) RETURNING 1)
		SELECT count(*) FROM opened`, hash, kind, email))
	return linkToken
}

func (b *testBundle) forgot(t *testing.T, email string) string {
	t.Helper()
	b.anyone.post(t, forgotPath, object{"email": email}).is(202)
	return b.open(t, "password_reset", email)
}

func (b *testBundle) reset(t *testing.T, linkToken string) response {
	t.Helper()
	return b.anyone.post(t, resetPath, object{"token": linkToken, "password": newPassword})
}

func (b *testBundle) failLogins(t *testing.T, email string, n int) {
	t.Helper()
	for range n {
		b.tryLogin(t, email, wrongPassword).is(401, "invalid_credentials")
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	change := object{"current_password": password, "new_password": newPassword}
	other := b.login(t, userEmail)
	link := b.forgot(t, userEmail)
	b.failLogins(t, userEmail, 9)
	id := b.user.id(t)

	b.user.post(t, "/v1/me/password", change).is(204)
	b.user.get(t, "/v1/me").is(200) // the current session is kept
	other.get(t, "/v1/me").is(401)
	b.admin.get(t, "/v1/me").is(200)
	b.reset(t, link).is(410, "invalid_link")
	require.Equal(t, 3, b.openAttempts(t), "those of the client, and of mail")
	b.failLogins(t, userEmail, 9)
	b.tryLogin(t, userEmail, newPassword).is(200)
	require.Equal(t, []any{"password_reset", "password_changed"}, b.messages(t))
	notice := b.events(t, "mail_outbox")[1]
	require.Subset(t, notice, object{"subject_id": id, "address": ""})
	events := b.events(t, "platform_audit_events")
	require.Subset(t, events[len(events)-1], object{
		"action": "change-password", "actor_id": id, "object_type": "user", "object_id": id,
		"details": object{"sessions": 1.0},
	})
	b.user.post(t, "/v1/me/password", change).is(422) // the password has changed
	require.Len(t, b.events(t, "platform_audit_events"), len(events))
}

func TestChangePasswordValidation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.hasher.compared.Load() + b.hasher.hashed.Load()
	for given, field := range map[string]string{
		`{"new_password": "` + newPassword + `"}`:                                                  "body.current_password",
		`{"current_password": "x"}`:                                                                "body.new_password",
		`{"current_password": "x", "new_password": "1234567"}`:                                     "body.new_password",
		`{"current_password": "x", "new_password": "` + strings.Repeat("x", 1025) + `"}`:           "body.new_password",
		`{"current_password": "x", "new_password": "` + strings.Repeat("ä", 513) + `"}`:            "body.new_password",
		`{"current_password": "x", "new_password": "` + newPassword + `", "email": "a@b.example"}`: "body.email",
	} {
		b.user.post(t, "/v1/me/password", given).invalid(field)
	}
	require.Equal(t, before, b.hasher.compared.Load()+b.hasher.hashed.Load(), "nothing is hashed")
	b.user.post(t, "/v1/me/password", object{"current_password": password, "new_password": newPassword}).is(204)
	require.Empty(t, b.messages(t), "no notice without mail")
}

// TestCurrentPasswordIsNoOracle: a wrong current password counts as a failed login.
func TestCurrentPasswordIsNoOracle(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path string
		body object
	}{
		"password": {"/v1/me/password", object{"new_password": newPassword}},
		"email":    {"/v1/me/email", object{"email": "uma@example.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, mailing, func(o *server.Options) {
				o.LoginLimits.Address = account.Limit{Attempts: 3, Window: time.Minute}
			})
			try := func(password string) response {
				tt.body["current_password"] = password
				return b.user.post(t, tt.path, tt.body)
			}
			b.failLogins(t, userEmail, 1)
			for range 2 {
				wrong := try(wrongPassword).invalid("body.current_password")
				require.Equal(t, "incorrect", wrong.at("errors", 0, "code"))
			}
			before := b.hasher.compared.Load()
			require.Equal(t, "60", try(password).is(429).header.Get("Retry-After"))
			b.tryLogin(t, userEmail, password).is(429)
			require.Equal(t, before, b.hasher.compared.Load(), "nothing is hashed")
			require.Empty(t, b.events(t, "platform_audit_events"))
			b.login(t, adminEmail)

			b.advance(time.Minute)
			require.Less(t, try(password).status, 300)
		})
	}
}

// TestConcurrentPasswordChanges: the second finds that the current password is another.
func TestConcurrentPasswordChanges(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing, func(o *server.Options) { o.Hashing = account.SemaphoreOptions{Concurrency: 4} })
	change := func() response {
		return b.user.post(t, "/v1/me/password", object{"current_password": password, "new_password": newPassword})
	}
	require.Equal(t, map[int]int{204: 1, 422: 3}, concurrently(change, change, change, change))
	require.Equal(t, []any{"password_changed"}, b.messages(t))
}

// TestLinksAndPasswordsAreSecret: no log line and no row but the user's hash has a password, a token or an address.
func TestLinksAndPasswordsAreSecret(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	link := b.forgot(t, userEmail)
	b.anyone.post(t, resetPath, object{"token": link, "password": canaryPassword}).is(204)
	in := client{b, b.tryLogin(t, userEmail, canaryPassword).at("session", "token").(string)}
	in.post(t, "/v1/me/email", object{"current_password": canaryPassword, "email": "canary@example.com"}).is(202)
	confirm := b.open(t, "confirm_email", "canary@example.com")
	b.anyone.post(t, "/v1/auth/email/confirm", object{"token": confirm}).is(204)
	in.post(t, "/v1/me/password", object{"current_password": canaryPassword, "new_password": canaryPassword + "x"}).is(204)
	in.post(t, "/v1/me/password", object{"current_password": canaryPassword, "new_password": newPassword}).is(422)
	in.patch(t, "/v1/me", "", object{"name": canaryField}).is(200)
	texts := []string{b.logs.String()}
	for _, table := range []string{"platform_audit_events", "portal_links", "mail_outbox", "login_attempts"} {
		rows := ""
		require.NoError(t, b.super.QueryRow(t.Context(), `SELECT string_agg(to_jsonb(e)::text, '') FROM `+table+` e
			WHERE to_jsonb(e)->>'email' IS DISTINCT FROM 'canary@example.com'`).Scan(&rows))
		require.NotEmpty(t, rows, table)
		texts = append(texts, rows)
	}
	text := strings.Join(texts, "\n")
	silent(t, text, "the logs and tables")
	for _, secret := range []string{link, confirm, strings.TrimPrefix(link, "klt_"), in.token} {
		require.NotContains(t, text, secret)
	}
	require.Contains(t, text, "confirm-email")
}
