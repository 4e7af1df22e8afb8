package server_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
)

const (
	confirmPath = "/v1/auth/email/confirm"
	newEmail    = "uma@example.org"
)

func (b *testBundle) requestEmail(t *testing.T, email string) response {
	t.Helper()
	return b.user.post(t, "/v1/me/email", object{"current_password": password, "email": email})
}

func (b *testBundle) confirm(t *testing.T, linkToken string) response {
	t.Helper()
	return b.anyone.post(t, confirmPath, object{"token": linkToken})
}

func TestChangeEmail(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	id := b.user.id(t)
	other := b.login(t, userEmail)
	reset := b.forgot(t, userEmail)
	b.exec(t, `UPDATE portal_users SET unproven_tenant_id = gen_random_uuid() WHERE email = $1`, userEmail)
	require.Empty(t, b.requestEmail(t, " UMA@Example.org ").is(202).body)
	mistyped := b.open(t, "confirm_email", newEmail)
	b.requestEmail(t, newEmail).is(202)
	link := b.open(t, "confirm_email", newEmail)
	require.Equal(t, userEmail, b.user.get(t, "/v1/me").at("user", "email"), "not before it is confirmed")
	b.confirm(t, mistyped).is(410, "invalid_link") // the newer request voided it

	b.confirm(t, link).is(204)
	me := b.user.get(t, "/v1/me").is(200)
	require.Equal(t, []any{newEmail, true}, []any{me.at("user", "email"), me.at("user", "email_proven")})
	other.get(t, "/v1/me").is(200) // sessions are kept
	b.tryLogin(t, newEmail, password).is(200)
	b.tryLogin(t, userEmail, password).is(401, "invalid_credentials")
	b.reset(t, reset).is(410, "invalid_link") // other links are void
	require.Equal(t, "The link was already used.", b.confirm(t, link).is(410, "invalid_link").at("detail"))

	require.Equal(t, []any{"password_reset", "confirm_email", "email_changed", "confirm_email", "email_changed"}, b.messages(t))
	require.Subset(t, b.events(t, "mail_outbox")[2], object{"subject_id": id, "address": userEmail})
	events := b.events(t, "platform_audit_events")[1:]
	require.Len(t, events, 3)
	for i, action := range []string{"request-email-change", "request-email-change", "confirm-email"} {
		require.Subset(t, events[i], object{
			"action": action, "actor_id": id, "object_type": "user", "object_id": id, "details": object{},
		})
	}
}

// TestTakenAddress: a request for an address of another user has the same answer after the same work, and mails nothing.
func TestTakenAddress(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	for range 8 { // prepare the statements on every connection
		b.login(t, userEmail).post(t, "/v1/me/email", object{"current_password": password, "email": "warm@example.org"}).is(202)
	}
	first := b.requestEmail(t, newEmail).is(202)
	var trips []int64
	before := len(b.messages(t))
	for _, email := range []string{"free@example.org", adminEmail} {
		hashes := b.hasher.compared.Load()
		trips = append(trips, b.roundTrips(func() { b.requestEmail(t, email).sameAs(first) }))
		require.EqualValues(t, 1, b.hasher.compared.Load()-hashes)
	}
	require.Equal(t, trips[0], trips[1])
	require.Len(t, b.messages(t), before+1, "only the free address; the present one has had its notices")

	b.requestEmail(t, "free@example.org").is(202)
	link := b.open(t, "confirm_email", "free@example.org")
	b.createUser(t, account.NewUser{Email: "free@example.org", Name: "Eve"})
	taken := b.confirm(t, link).is(409) // taken since
	require.NotContains(t, taken.body, "free@example.org")
	require.NotContains(t, taken.json(), "errors")
	require.Equal(t, userEmail, b.user.get(t, "/v1/me").at("user", "email"))
	b.exec(t, `UPDATE portal_users SET email = 'eve@example.org' WHERE email = 'free@example.org'`)
	b.confirm(t, link).is(204) // the conflict did not use it
}

// TestProveOwnAddress: a link to the present address proves it, and no notice is sent.
func TestProveOwnAddress(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	b.exec(t, `UPDATE portal_users SET unproven_tenant_id = gen_random_uuid() WHERE email = $1`, userEmail)
	b.requestEmail(t, userEmail).is(202)
	link := b.open(t, "confirm_email", userEmail)
	require.Equal(t, map[int]int{204: 1, 410: 3}, concurrently(
		func() response { return b.confirm(t, link) }, func() response { return b.confirm(t, link) },
		func() response { return b.confirm(t, link) }, func() response { return b.confirm(t, link) },
	))
	require.Equal(t, true, b.user.get(t, "/v1/me").at("user", "email_proven"))
	require.Equal(t, []any{"confirm_email"}, b.messages(t))
}

func TestDeadConfirmations(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	b.requestEmail(t, newEmail).is(202)
	link := b.open(t, "confirm_email", newEmail)
	b.reset(t, link).is(410, "invalid_link") // of another kind
	b.exec(t, `UPDATE portal_users SET disabled_at = now() WHERE email = $1`, userEmail)
	unknown := b.confirm(t, link).is(410, "invalid_link")
	b.confirm(t, "klt_x").sameAs(unknown)
	b.exec(t, `UPDATE portal_users SET disabled_at = NULL WHERE email = $1`, userEmail)
	b.advance(account.ConfirmLifetime)
	require.Equal(t, "The link has expired; ask for a new one.", b.confirm(t, link).is(410, "invalid_link").at("detail"))
	b.advance(-time.Second)
	b.confirm(t, link).is(204)

	b.advance(-account.ConfirmLifetime + time.Second)
	b.requestEmail(t, "second@example.org").is(202)
	link = b.open(t, "confirm_email", "second@example.org")
	b.user.post(t, "/v1/me/password", object{"current_password": password, "new_password": newPassword}).is(204)
	b.confirm(t, link).sameAs(unknown) // a new password voids it
}

func TestRequestEmailLimits(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing, func(o *server.Options) {
		o.LoginLimits.MailClient = account.Limit{Attempts: 5, Window: time.Hour}
	})
	for range 4 {
		b.requestEmail(t, newEmail).is(202)
	}
	require.Len(t, b.messages(t), 6, "at most 3 an hour to one address, the new and the present one")
	b.requestEmail(t, "other@example.org").is(202)
	require.Len(t, b.messages(t), 7)
	require.Equal(t, "3600", b.requestEmail(t, "third@example.org").is(429).header.Get("Retry-After"))
	require.Len(t, b.messages(t), 7)
	b.admin.post(t, "/v1/me/email", object{"current_password": password, "email": "ada@example.org"}).is(202)

	b.requestEmail(t, "no address").invalid("body.email")
	b.restart(t, func(o *server.Options) { o.Mail.Sender = nil })
	b.requestEmail(t, newEmail).is(409, "mail_not_configured")
}
