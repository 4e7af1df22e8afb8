package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/token"
)

// mail makes the newest link of an address as the worker does when it mails one.
func (b *testBundle) mail(t *testing.T, email string) (link string) {
	t.Helper()
	link, hash := token.New(token.Link)
	b.exec(t, `UPDATE invitations SET token_hash = $2, mailed = true
		WHERE id = (SELECT id FROM invitations WHERE email = $1 ORDER BY id DESC LIMIT 1)`, email, hash)
	return link
}

func (b *testBundle) unproven(t *testing.T, email string) int {
	t.Helper()
	return b.queryInt(t, `SELECT count(*) FROM portal_users WHERE email = $1 AND unproven_tenant_id IS NOT NULL`, email)
}

// impersonate makes an account for the address with a link of the tenant that was not mailed, and logs in to it.
func (b *testBundle) impersonate(t *testing.T, tenant, email, role string) client {
	t.Helper()
	_, link := b.admin.invite(t, tenant, email, role)
	b.accept(t, link).is(201)
	return b.login(t, email)
}

// ahead changes a user by a clock that is an hour ahead of the server's.
func (b *testBundle) ahead(t *testing.T, email string) {
	t.Helper()
	b.exec(t, `UPDATE portal_users SET updated_at = $2 WHERE email = $1`, email, b.clock().Add(time.Hour))
}

// hasNewVersion reports whether the user was changed after ahead.
func (b *testBundle) hasNewVersion(t *testing.T, email string) bool {
	t.Helper()
	return b.queryInt(t, `SELECT count(*) FROM portal_users WHERE email = $1 AND updated_at > $2`,
		email, b.clock().Add(time.Hour)) == 1
}

// TestUnprovenAccountsStay: an account from a link that was not mailed joins no other tenant, until a mailed link has
// set a new password.
func TestUnprovenAccountsStay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	session := b.impersonate(t, acme, grace, "viewer")
	require.Equal(t, 1, b.unproven(t, grace))
	_, link := b.admin.invite(t, other, grace, "viewer")
	session.accept(t, link).is(403, "unproven_address")
	b.accept(t, link).is(409, "login_required")
	session.get(t, other+"/agents").is(404)

	link = b.mail(t, grace)
	session.accept(t, link).is(403, "unproven_address") // others may know the password
	require.Equal(t, 1, b.unproven(t, grace))
	b.accept(t, link).is(201)
	session.get(t, "/v1/me").is(401)
	require.Zero(t, b.unproven(t, grace))
}

// TestMailedLinkTakesAnAccountOver: the owner of the address gets the account, and not what its former user had.
func TestMailedLinkTakesAnAccountOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	former := b.impersonate(t, acme, grace, "owner")
	me := former.get(t, "/v1/me").at("user", "id").(string)
	b.exec(t, `INSERT INTO portal_links (id, user_id, kind, email, expires_at) VALUES (gen_random_uuid(), $1, 'confirm_email', 'eve@example.com', $2)`,
		me, b.clock().Add(time.Hour))

	b.admin.invite(t, other, grace, "viewer")
	link := b.mail(t, grace)
	require.Equal(t, true, b.lookUp(t, link).at("needs_account"))
	taken := object{"token": link, "name": "Grace Hopper", "password": "another long password"}
	b.ahead(t, grace)
	b.anyone.post(t, "/v1/invitations/accept", taken).is(201)
	require.True(t, b.hasNewVersion(t, grace))
	b.anyone.post(t, "/v1/invitations/accept", taken).is(410, "invalid_link")

	former.get(t, "/v1/me").is(401)
	b.tryLogin(t, grace, password).is(401, "invalid_credentials")
	in := b.tryLogin(t, grace, "another long password").is(200)
	require.Equal(t, []any{me, "Grace Hopper"}, []any{in.at("user", "id"), in.at("user", "name")})
	session := client{b, in.at("session", "token").(string)}
	session.get(t, other+"/agents").is(200)
	session.get(t, acme+"/agents").is(404)
	require.Empty(t, b.role(t, acme, grace))
	require.Zero(t, b.unproven(t, grace))
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM portal_links WHERE used_at IS NULL`))
	removed := b.admin.get(t, acme+"/audit-events?action=remove-member").at("items", 0)
	require.Subset(t, removed, object{"object": object{"type": "user", "id": me}})
	require.NotContains(t, removed, "actor", "the tenant does not learn who the person is")
	_, _, details := b.event(t, other, "accept-invitation")
	require.Equal(t, object{"role": "viewer", "mailed": true, "taken_over": true}, details)
	addresses := `SELECT count(*) FROM audit_events WHERE action = $1 AND address <> '' AND tenant_id = $2`
	require.Zero(t, b.queryInt(t, addresses, "remove-member", idText(acme)), "the person never was there")
	require.Equal(t, 1, b.queryInt(t, addresses, "accept-invitation", idText(other)))
}

// TestConcurrentTakeovers: exactly one wins, and the account has its password.
func TestConcurrentTakeovers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	for round := range 10 {
		email := fmt.Sprintf("grace%d@example.com", round)
		_, link := b.admin.invite(t, acme, email, "viewer")
		b.accept(t, link).is(201)
		b.admin.invite(t, other, email, "viewer")
		link = b.mail(t, email)
		statuses := [3]int{}
		takeOver := func(i int) func() response {
			return func() response {
				got := b.anyone.post(t, "/v1/invitations/accept", object{"token": link, "name": "Grace", "password": fmt.Sprint("a new password ", i)})
				statuses[i] = got.status
				return got
			}
		}
		require.Equal(t, map[int]int{201: 1, 410: 2}, concurrently(takeOver(0), takeOver(1), takeOver(2)))
		b.tryLogin(t, email, fmt.Sprint("a new password ", slices.Index(statuses[:], 201))).is(200)
		require.Empty(t, b.role(t, acme, email))
		require.Equal(t, "viewer", b.role(t, other, email))
		require.Zero(t, b.unproven(t, email))
	}
}

// TestTakeoverAfterThePurge of the tenant that made the account.
func TestTakeoverAfterThePurge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	b.createUser(t, account.NewUser{Email: grace, Name: "x"})
	b.exec(t, `UPDATE portal_users SET unproven_tenant_id = $2 WHERE email = $1`, grace, uuid.NewString())
	b.admin.invite(t, acme, grace, "viewer")
	b.accept(t, b.mail(t, grace)).is(201)
	require.Equal(t, "viewer", b.role(t, acme, grace))
	require.Zero(t, b.unproven(t, grace))
}

// TestMailedLinkOfTheSameTenant: the account is taken over as well.
func TestMailedLinkOfTheSameTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	former := b.impersonate(t, acme, grace, "editor")
	me := former.get(t, "/v1/me").at("user", "id").(string)
	b.admin.delete(t, acme+"/members/"+me).is(204)
	b.admin.invite(t, acme, grace, "viewer")
	link := b.mail(t, grace)
	b.addMember(t, acme, me, "owner")
	b.accept(t, link).is(201)
	former.get(t, "/v1/me").is(401)
	require.Equal(t, "viewer", b.role(t, acme, grace), "not the former user's role")
	require.Zero(t, b.unproven(t, grace))
}

// TestProvenAccountsAreNotTakenOver, nor those of platform admins, nor disabled ones.
func TestProvenAccountsAreNotTakenOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	for name, change := range map[string]string{
		"proven": ``, "platform admin": `unproven_tenant_id = '` + idText(acme) + `', is_admin = true`,
		"disabled": `unproven_tenant_id = '` + idText(acme) + `', disabled_at = now()`,
	} {
		email := strings.ReplaceAll(name, " ", "-") + "@example.com"
		b.createUser(t, account.NewUser{Email: email, Name: "x"})
		if change != "" {
			b.exec(t, `UPDATE portal_users SET `+change+` WHERE email = $1`, email)
		}
		b.admin.invite(t, acme, email, "viewer")
		link := b.mail(t, email)
		require.Equal(t, false, b.lookUp(t, link).at("needs_account"), name)
		b.accept(t, link).is(409, "login_required")
		require.Empty(t, b.role(t, acme, email), name)
	}
}

// TestRevokedTakeover: a link that is revoked while the password is hashed takes no account over.
func TestRevokedTakeover(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	former := b.impersonate(t, acme, grace, "owner")
	path, _ := b.admin.invite(t, other, grace, "viewer")
	link := b.mail(t, grace)
	release, statuses := b.hasher.holdHash(), make(chan map[int]int)
	accept := func() response { return b.accept(t, link) }
	go func() { statuses <- concurrently(accept) }()
	b.hasher.waitForHash(t)
	b.admin.delete(t, path).is(204)
	release()
	require.Equal(t, map[int]int{410: 1}, <-statuses)
	former.get(t, acme+"/agents").is(200)
	require.Equal(t, "owner", b.role(t, acme, grace))
}
