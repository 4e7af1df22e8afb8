package server_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	grace        = "grace@example.com"
	unknownToken = "klt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

func (b *testBundle) lookUp(t *testing.T, link string) response {
	t.Helper()
	return b.anyone.post(t, "/v1/invitations/lookup", object{"token": link})
}

// accept accepts with a new account.
func (b *testBundle) accept(t *testing.T, link string) response {
	t.Helper()
	return b.anyone.post(t, "/v1/invitations/accept", object{"token": link, "name": " Grace ", "password": password})
}

// accept accepts with the client's session.
func (c client) accept(t *testing.T, link string) response {
	t.Helper()
	return c.post(t, "/v1/invitations/accept", object{"token": link})
}

func (b *testBundle) role(t *testing.T, tenant, email string) (role string) {
	t.Helper()
	require.NoError(t, b.super.QueryRow(t.Context(), `SELECT coalesce(max(role), '') FROM memberships m
		JOIN portal_users u ON u.id = m.user_id WHERE m.tenant_id = $1 AND u.email = $2`, idText(tenant), email).Scan(&role))
	return role
}

func TestAcceptWithANewAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	owner := b.hire(t, acme, "owner")
	path, link := owner.invite(t, acme, grace, "editor")

	found := b.lookUp(t, link).is(200)
	require.Equal(t, object{"name": "acme"}, found.at("tenant"))
	require.Equal(t, object{"name": "Name of owner"}, found.at("invited_by"))
	require.Equal(t, []any{grace, "editor", true}, []any{found.at("email"), found.at("role"), found.at("needs_account")})

	accepted := b.accept(t, link).is(201)
	require.Equal(t, object{
		"tenant": object{"id": idText(acme), "name": "acme", "slug": "acme"}, "role": "editor",
	}, accepted.json(), "and no session")
	require.Equal(t, acme, accepted.header.Get("Location"))
	b.accept(t, link).is(410, "invalid_link")
	require.Contains(t, b.lookUp(t, link).is(410, "invalid_link").body, "already used")

	joined := b.login(t, grace)
	require.Equal(t, "Grace", joined.get(t, "/v1/me").at("user", "name"))
	joined.get(t, acme+"/agents").is(200)
	joined.get(t, other+"/agents").is(404)
	actor, changed, details := b.event(t, acme, "accept-invitation")
	require.Equal(t, []any{joined.get(t, "/v1/me").at("user", "id"), "invitation/" + idText(path)}, []any{actor, changed})
	require.Equal(t, object{"role": "editor", "mailed": false}, details)
	require.Equal(t, "accepted", owner.get(t, acme+"/invitations").items()[0]["status"])
	owner.delete(t, path).is(410, "invalid_link")
	owner.post(t, path+"/resend", nil).is(410, "invalid_link")
}

func TestAcceptValidation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	_, link := b.admin.invite(t, acme, grace, "editor")
	accept := func(body object) response { return b.anyone.post(t, "/v1/invitations/accept", body) }
	hashed := b.hasher.hashed.Load()
	for _, given := range []string{link, unknownToken} {
		accept(object{"token": given}).invalid("body.name", "body.password")
		accept(object{"token": given, "name": "Grace"}).invalid("body.password")
		accept(object{"token": given, "name": "Grace", "password": "short"}).invalid("body.password")
		accept(object{"token": given, "name": "\u00a0", "password": password}).invalid("body.name")
		accept(object{"token": given, "name": "Grace", "password": strings.Repeat("é", 600)}).invalid("body.password")
	}
	accept(object{"name": "Grace", "password": password}).invalid("body.token")
	require.Equal(t, hashed, b.hasher.hashed.Load())
	b.accept(t, link).is(201)
	require.Equal(t, hashed+1, b.hasher.hashed.Load())
}

// TestUnknownLinks: malformed and unknown tokens have the same answer and round trips, and none costs a hash.
func TestUnknownLinks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	_, link := b.admin.invite(t, acme, grace, "editor")
	b.exec(t, `UPDATE invitations SET token_hash = NULL`) // it is being mailed
	session := b.login(t, userEmail)
	hashed := b.hasher.hashed.Load()
	calls := map[string]func(string) response{
		"look up": func(given string) response { return b.lookUp(t, given) },
		"accept":  func(given string) response { return b.accept(t, given) },
		"session": func(given string) response { return session.accept(t, given) },
	}
	for name, call := range calls {
		unknown := call(unknownToken).is(410, "invalid_link")
		for range 8 { // prepare the statements on every connection
			call(unknownToken).sameAs(unknown)
		}
		want := int64(1)
		if name == "session" {
			want = 2
		}
		for _, given := range []string{
			unknownToken, link, "x", "klt_", "kst_" + unknownToken[4:], session.token, unknownToken + "A", strings.Repeat("é", 200),
			"' OR 1=1 --", strings.ToUpper(link),
		} {
			require.Equal(t, want, b.roundTrips(func() { call(given).sameAs(unknown) }), "%s %s", name, given)
		}
	}
	require.Equal(t, hashed, b.hasher.hashed.Load())
	require.NotContains(t, b.logs.String(), link)
}

func TestAcceptWithASession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	member := b.hire(t, other, "viewer")
	_, link := b.admin.invite(t, acme, member.email, "editor")

	require.Equal(t, false, b.lookUp(t, link).at("needs_account"))
	hashed := b.hasher.hashed.Load()
	b.accept(t, link).is(409, "login_required")
	require.Equal(t, hashed, b.hasher.hashed.Load())
	b.user.accept(t, link).is(403, "wrong_account")
	client{b, "garbage"}.accept(t, link).is(401)
	client{b, "kst_" + unknownToken[4:]}.accept(t, link).is(401)
	b.anyone.post(t, "/v1/invitations/accept", object{"token": link}, "Authorization", "Basic YTpi").is(401)
	require.Empty(t, b.role(t, acme, member.email))

	require.Equal(t, "editor", member.accept(t, link).is(201).at("role"))
	member.get(t, acme+"/agents").is(200)
	member.get(t, other+"/agents").is(200)
	member.accept(t, link).is(410, "invalid_link")
	actor, _, _ := b.event(t, acme, "accept-invitation")
	require.Equal(t, member.id, actor)
}

// TestMembersAcceptInvitations: a member, invited before they joined by other means, keeps the higher role.
func TestMembersAcceptInvitations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ has, invited, want string }{
		{"viewer", "owner", "owner"}, {"owner", "viewer", "owner"}, {"editor", "editor", "editor"},
	} {
		b := setup(t)
		acme := b.createTenant(t, "acme")
		me := b.user.get(t, "/v1/me").at("user", "id").(string)
		_, link := b.admin.invite(t, acme, userEmail, tt.invited)
		b.addMember(t, acme, me, tt.has)
		etag := b.admin.get(t, acme+"/members").items()[0]["etag"].(string)
		require.Equal(t, tt.want, b.user.accept(t, link).is(201).at("role"))
		require.Equal(t, tt.want, b.role(t, acme, userEmail))
		require.Equal(t, tt.want == tt.has, etag == b.admin.get(t, acme+"/members").items()[0]["etag"])
	}
}

// TestClosedTenants: a tenant that is suspended, being deleted or deleted gets no members.
func TestClosedTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	_, link := b.admin.invite(t, acme, userEmail, "editor")
	_, fresh := b.admin.invite(t, acme, grace, "editor")
	status := func(status string) { b.exec(t, `UPDATE tenants SET status = $1`, status) }
	unknown := b.lookUp(t, unknownToken).is(410, "invalid_link")

	status("suspended")
	b.lookUp(t, link).is(403, "tenant_suspended")
	b.accept(t, fresh).is(403, "tenant_suspended")
	b.user.accept(t, link).is(403, "tenant_suspended")
	status("purging")
	b.lookUp(t, link).sameAs(unknown)
	b.accept(t, fresh).sameAs(unknown)
	b.user.accept(t, link).sameAs(unknown)
	status("active")
	b.user.accept(t, link).is(201)
	b.exec(t, `DELETE FROM audit_events; DELETE FROM memberships; DELETE FROM invitations; DELETE FROM idempotency_keys; DELETE FROM tenants`)
	b.lookUp(t, fresh).sameAs(unknown)
	b.accept(t, fresh).sameAs(unknown)
}

// TestConcurrentAccepts: exactly one wins.
func TestConcurrentAccepts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	for range 20 {
		_, link := b.admin.invite(t, acme, grace, "editor")
		again := func() response { return b.accept(t, link) }
		require.Equal(t, map[int]int{201: 1, 410: 3}, concurrently(again, again, again, again))
		require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM memberships`))
		b.exec(t, `DELETE FROM memberships; DELETE FROM portal_users WHERE email = '`+grace+`'`)
	}
}

// TestRevokedWhileAccepting revokes while the password is hashed.
func TestRevokedWhileAccepting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := map[string]int{"revoked": 410, "suspended": 403}
	for what, change := range map[string]func(tenant, path string){
		"revoked":   func(_, path string) { b.admin.delete(t, path).is(204) },
		"suspended": func(tenant, _ string) { b.admin.patch(t, tenant, "*", `{"status": "suspended"}`).is(200) },
	} {
		tenant := b.createTenant(t, what)
		path, link := b.admin.invite(t, tenant, grace, "editor")
		accept := func() response { return b.accept(t, link) }
		release, statuses := b.hasher.holdHash(), make(chan map[int]int)
		go func() { statuses <- concurrently(accept) }()
		b.hasher.waitForHash(t)
		change(tenant, path)
		release()
		require.Equal(t, map[int]int{want[what]: 1}, <-statuses, what)
		require.Zero(t, b.queryInt(t, `SELECT count(*) FROM portal_users WHERE email = $1`, grace), what)
		require.Zero(t, b.queryInt(t, `SELECT count(*) FROM memberships`), what)
	}
}
