package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/token"
)

func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	id := b.user.id(t)
	b.exec(t, `UPDATE portal_users SET unproven_tenant_id = gen_random_uuid() WHERE email = $1`, userEmail)
	other := b.login(t, userEmail)
	b.anyone.post(t, forgotPath, object{"email": " USER@Example.com "}, "X-Request-Id", "0123456789abcdef").is(202)
	older := b.open(t, "password_reset", userEmail)
	link := b.forgot(t, userEmail)
	require.Subset(t, b.events(t, "platform_audit_events")[0], object{
		"action": "forgot-password", "actor_id": nil, "object_type": "user", "object_id": id,
		"request_id": "0123456789abcdef", "address": "192.0.2.1",
	})
	b.failLogins(t, userEmail, 10)

	require.Empty(t, b.reset(t, link).is(204).body, "it does not log in")
	b.user.get(t, "/v1/me").is(401)
	other.get(t, "/v1/me").is(401)
	b.admin.get(t, "/v1/me").is(200)
	b.tryLogin(t, userEmail, password).is(401, "invalid_credentials")
	in := client{b, b.tryLogin(t, userEmail, newPassword).is(200).at("session", "token").(string)}
	require.Equal(t, true, in.get(t, "/v1/me").at("user", "email_proven"), "the link was mailed")
	require.Equal(t, []any{"password_reset", "password_reset", "password_changed"}, b.messages(t))
	require.Equal(t, id, b.events(t, "mail_outbox")[2]["subject_id"])
	require.Subset(t, b.events(t, "platform_audit_events")[2], object{
		"action": "reset-password", "actor_id": id, "object_type": "user", "object_id": id,
	})

	require.Equal(t, "The link was already used.", b.reset(t, link).is(410, "invalid_link").at("detail"))
	const unknown = "The link is invalid; ask for a new one."
	require.Equal(t, unknown, b.reset(t, older).is(410, "invalid_link").at("detail"), "voided")
}

func TestDeadResetLinks(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	const unknown, expired = "The link is invalid; ask for a new one.", "The link has expired; ask for a new one."
	garbage, _ := token.New(token.Link)
	dead := func(linkToken, detail string) {
		t.Helper()
		before := b.hasher.hashed.Load()
		require.Equal(t, detail, b.reset(t, linkToken).is(410, "invalid_link").at("detail"))
		require.Equal(t, before, b.hasher.hashed.Load(), "nothing is hashed")
	}
	for _, linkToken := range []string{garbage, "klt_x", "x", b.user.token} {
		dead(linkToken, unknown)
	}
	link := b.forgot(t, userEmail)
	dead(strings.Replace(link, "klt_", "kst_", 1), unknown)
	b.anyone.post(t, "/v1/auth/email/confirm", object{"token": link}).is(410, "invalid_link")
	for _, state := range []string{`disabled_at`, `erased_at`} {
		b.exec(t, `UPDATE portal_users SET `+state+` = now() WHERE email = $1`, userEmail)
		dead(link, unknown)
		b.exec(t, `UPDATE portal_users SET `+state+` = NULL WHERE email = $1`, userEmail)
	}
	b.exec(t, `UPDATE portal_users SET email = 'new@example.com' WHERE email = $1`, userEmail)
	dead(link, unknown) // it was mailed to another address
	b.exec(t, `UPDATE portal_users SET email = $1 WHERE email = 'new@example.com'`, userEmail)
	b.advance(account.ResetLifetime)
	dead(link, expired)
	b.advance(-time.Second)
	b.anyone.post(t, resetPath, object{"token": link, "password": "1234567"}).invalid("body.password")
	b.anyone.post(t, resetPath, object{"token": link, "password": strings.Repeat("ä", 513)}).invalid("body.password")
	b.reset(t, link).is(204)

	require.NoError(t, b.users.SetPassword(t.Context(), userEmail, password))
	link = b.forgot(t, userEmail)
	require.NoError(t, b.users.SetPassword(t.Context(), userEmail, password)) // by the operator
	dead(link, unknown)
}

// TestForgotTellsNothing: the answer, the round trips and the hashes are the same for every address.
func TestForgotTellsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	b.createUser(t, account.NewUser{Email: "disabled@example.com", Name: "Dan"})
	require.NoError(t, b.users.Disable(t.Context(), "disabled@example.com"))
	ask := func(email string) response { return b.anyone.post(t, forgotPath, object{"email": email}) }
	for range 8 { // prepare the statements on every connection
		ask("warm@example.com").is(202)
	}
	first := ask("first@example.com").is(202)
	hashes := b.hasher.compared.Load() + b.hasher.hashed.Load()
	for _, email := range []string{userEmail, "unknown@example.com", "disabled@example.com", "no address", "un\x01known@example.com"} {
		require.EqualValues(t, 3, b.roundTrips(func() { ask(email).sameAs(first) }), email)
	}
	require.Empty(t, first.body)
	require.Equal(t, hashes, b.hasher.compared.Load()+b.hasher.hashed.Load())
	require.Equal(t, []any{"password_reset"}, b.messages(t), "only the user")
	require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM portal_links`))
	require.Len(t, b.events(t, "platform_audit_events"), 1)
	require.Equal(t, 6, b.queryInt(t, `SELECT count(*) FROM login_attempts
		WHERE count = 1 AND window_ends > $1::timestamptz + interval '30 min'`, b.clock()), "each address was counted")

	b.anyone.post(t, forgotPath, object{"email": ""}).invalid("body.email")
	b.restart(t, func(o *server.Options) { o.Mail.Sender = nil })
	ask(userEmail).sameAs(first)
	require.Len(t, b.messages(t), 1, "no mail is configured")
}

func TestForgotLimits(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing, func(o *server.Options) {
		o.LoginLimits.MailClient = account.Limit{Attempts: 7, Window: time.Hour}
	})
	ask := func(email string, header ...string) response {
		t.Helper()
		return b.anyone.post(t, forgotPath, object{"email": email}, header...)
	}
	for range 5 {
		ask(userEmail).is(202)
	}
	require.Len(t, b.messages(t), 3, "at most 3 an hour")
	ask(adminEmail).is(202)
	require.Len(t, b.messages(t), 4, "for each address")
	ask("unknown@example.com").is(202)
	b.advance(time.Minute)
	require.Equal(t, "3540", ask(adminEmail).is(429).header.Get("Retry-After"))
	ask("unknown@example.com").sameAs(ask(adminEmail))
	b.login(t, userEmail) // logins are counted separately

	b.advance(time.Hour)
	ask(userEmail).is(202)
	ask(adminEmail).is(202)
	require.Len(t, b.messages(t), 6)
}

// TestConcurrentResets: of resets with one link, or with several links of a user, one succeeds.
func TestConcurrentResets(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	one := b.forgot(t, userEmail)
	two := b.forgot(t, userEmail)
	var requests []func() response
	for _, link := range []string{one, two, one, two, one, two} {
		requests = append(requests, func() response { return b.reset(t, link) })
	}
	require.Equal(t, map[int]int{204: 1, 410: 5}, concurrently(requests...))
	require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM mail_outbox WHERE kind = 'password_changed'`))
	require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM portal_links`), "the used one")
}

// TestStrangersSilenceNoMail: requests for an address of somebody else keep no link and no notice from that person.
func TestStrangersSilenceNoMail(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	owner := b.createUser(t, account.NewUser{Email: grace, Name: "Grace"})
	for range 4 {
		b.requestEmail(t, grace).is(202)
		b.anyone.post(t, forgotPath, object{"email": userEmail}).is(202)
	}
	b.forgot(t, grace)
	owner.post(t, "/v1/me/email", object{"current_password": password, "email": newEmail}).is(202)
	b.requestEmail(t, userEmail).is(202)
	b.open(t, "confirm_email", userEmail)
	require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM mail_outbox WHERE kind = 'email_changed' AND address = $1`, grace))
	for range 4 {
		owner.post(t, "/v1/me/email", object{"current_password": password, "email": newEmail}).is(202)
	}
	require.Equal(t, 3, b.queryInt(t, `SELECT count(*) FROM mail_outbox WHERE kind = 'email_changed' AND address = $1`, grace))
}
