package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
)

// id returns the id of the user.
func (c client) id(t *testing.T) string {
	t.Helper()
	return c.get(t, "/v1/me").is(200).at("user", "id").(string)
}

func TestMe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, beta, gone := b.createTenant(t, "acme"), b.createTenant(t, "beta"), b.createTenant(t, "gone")
	other := b.createTenant(t, "other")
	require.Equal(t, []any{}, b.user.get(t, "/v1/me").is(200).at("memberships"))

	b.addMember(t, beta, userEmail, "viewer")
	b.addMember(t, acme, userEmail, "owner")
	b.addMember(t, gone, userEmail, "editor")
	b.addMember(t, other, adminEmail, "editor")
	b.exec(t, `UPDATE tenants SET status = 'suspended' WHERE slug = 'beta'`)
	b.exec(t, `UPDATE tenants SET status = 'purging' WHERE slug = 'gone'`)
	role := func(tenant, slug, status, role string) any {
		return object{"role": role, "tenant": object{"id": idText(tenant), "name": slug, "slug": slug, "status": status}}
	}
	me := b.user.get(t, "/v1/me").is(200)
	require.Equal(t, []any{role(acme, "acme", "active", "owner"), role(beta, "beta", "suspended", "viewer")}, me.at("memberships"))
	user := me.at("user").(object)
	require.Equal(t, object{"id": user["id"], "email": userEmail, "name": "Uma", "is_admin": false, "email_proven": true}, user)
	session := me.at("session").(object)
	require.Len(t, session, 2)
	require.Equal(t, b.user.get(t, "/v1/me/sessions").items()[0]["id"], session["id"])
	ends, err := time.Parse(time.RFC3339Nano, session["expires_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, b.clock().Add(account.IdleLifetime), ends, time.Millisecond)
	require.Equal(t, []any{role(other, "other", "active", "editor")}, b.admin.get(t, "/v1/me").at("memberships"), "others' are not shown")

	b.exec(t, `UPDATE portal_users SET unproven_tenant_id = $1 WHERE email = $2`, idText(beta), userEmail)
	me = b.user.get(t, "/v1/me").is(200)
	require.Equal(t, false, me.at("user", "email_proven"))
	require.Equal(t, []any{role(beta, "beta", "suspended", "viewer")}, me.at("memberships"), "only the tenant that it may join")
}

func TestUpdateMe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	changed := func() int {
		return b.queryInt(t, `SELECT (extract(epoch FROM updated_at) * 1000000)::bigint FROM portal_users WHERE email = $1`, userEmail)
	}
	before := changed()
	got := b.user.patch(t, "/v1/me", "", object{"name": "  Uma Thorn "}).is(200)
	require.Equal(t, object{
		"id": b.user.id(t), "email": userEmail, "name": "Uma Thorn", "is_admin": false, "email_proven": true,
	}, got.json())
	require.Equal(t, "Uma Thorn", b.user.get(t, "/v1/me").at("user", "name"))
	require.Equal(t, "Ada", b.admin.get(t, "/v1/me").at("user", "name"))
	require.Greater(t, changed(), before)

	b.user.patch(t, "/v1/me", "", object{"name": strings.Repeat("ä", 200)}).is(200)
	b.user.patch(t, "/v1/me", "", object{"name": ""}).invalid("body.name", "body.name") // too short, and blank
	for _, name := range []any{"   ", strings.Repeat("a", 201), nil, 7} {
		b.user.patch(t, "/v1/me", "", object{"name": name}).invalid("body.name")
	}
	b.user.patch(t, "/v1/me", "", `{}`).invalid("body.name")
	b.user.patch(t, "/v1/me", "", object{"name": "Uma", "is_admin": true}).invalid("body.is_admin")
	events := b.events(t, "platform_audit_events")
	require.Len(t, events, 2, "none for rejected changes")
	require.Subset(t, events[0], object{
		"action": "update-me", "actor_id": b.user.id(t), "object_type": "user", "object_id": b.user.id(t),
		"details": object{"fields": []any{"name"}},
	})
}

func TestListSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	phone := client{b, b.tryLogin(t, userEmail, password, "User-Agent", "Phone\x7f 1").at("session", "token").(string)}
	all := b.user.get(t, "/v1/me/sessions").items()
	require.Len(t, all, 2, "not those of others")
	require.Equal(t, []any{true, false}, []any{all[0]["current"], all[1]["current"]})
	require.Len(t, all[1], 7)
	require.Subset(t, all[1], object{"user_agent": "Phone 1", "address": "192.0.2.1"})
	for name, want := range map[string]time.Time{
		"created_at": b.clock(), "last_seen_at": b.clock(), "expires_at": b.clock().Add(account.IdleLifetime),
	} {
		at, err := time.Parse(time.RFC3339Nano, all[1][name].(string))
		require.NoError(t, err)
		require.WithinDuration(t, want, at, time.Millisecond, name)
	}
	require.Equal(t, true, phone.get(t, "/v1/me/sessions").items()[1]["current"])

	first := b.user.get(t, "/v1/me/sessions?limit=1").is(200)
	cursor := first.at("next_cursor").(string)
	second := b.user.get(t, "/v1/me/sessions?limit=1&cursor="+cursor)
	require.Equal(t, all, append(first.items(), second.items()...))
	require.NotContains(t, second.json(), "next_cursor")
	b.admin.get(t, "/v1/me/sessions?cursor="+cursor).invalid("query.cursor") // of another user's list
	b.user.get(t, "/v1/me/sessions?limit=0").invalid("query.limit")

	for _, ended := range []string{
		`revoked_at = now()`, `last_seen_at = last_seen_at - interval '13 hours'`,
		`created_at = created_at - interval '8 days', expires_at = expires_at - interval '7 days'`,
	} {
		c := b.login(t, userEmail)
		require.Len(t, b.user.get(t, "/v1/me/sessions").items(), 3)
		b.changeSession(t, c, ended)
		require.Equal(t, all, b.user.get(t, "/v1/me/sessions").items(), ended)
	}
}

func TestEndSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, idle := b.login(t, userEmail), b.login(t, userEmail)
	path := func(c client) string {
		return "/v1/me/sessions/" + c.get(t, "/v1/me").is(200).at("session", "id").(string)
	}
	mine, others, idles := path(b.user), path(other), path(idle)
	missing := b.user.delete(t, "/v1/me/sessions/"+uuid.NewString()).is(404)
	b.changeSession(t, idle, `last_seen_at = last_seen_at - interval '13 hours'`)
	for _, gone := range []string{path(b.admin), idles, "/v1/me/sessions/x", strings.ToUpper(others)} {
		b.user.delete(t, gone).sameAs(missing)
	}
	b.admin.get(t, "/v1/me").is(200)
	other.get(t, "/v1/me").is(200)

	b.user.delete(t, others).is(204)
	other.get(t, "/v1/me").is(401)
	b.user.delete(t, others).sameAs(missing)
	id := b.user.id(t)
	b.user.delete(t, mine).is(204)
	b.user.get(t, "/v1/me").is(401)
	events := b.events(t, "platform_audit_events")
	require.Len(t, events, 2)
	for i, ended := range []string{others, mine} {
		require.Subset(t, events[i], object{
			"action": "end-session", "actor_id": id, "object_type": "session", "object_id": idText(ended),
		})
	}
}

func TestEndOtherSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.login(t, userEmail), b.login(t, userEmail)
	b.user.delete(t, "/v1/me/sessions").is(204)
	one.get(t, "/v1/me").is(401)
	two.get(t, "/v1/me").is(401)
	require.Len(t, b.user.get(t, "/v1/me/sessions").items(), 1)
	b.admin.get(t, "/v1/me").is(200) // other users' sessions are kept
	require.Subset(t, b.events(t, "platform_audit_events")[0], object{
		"action": "end-other-sessions", "actor_id": b.user.id(t), "object_type": "user", "object_id": b.user.id(t),
		"details": object{"sessions": 2.0, "fields": nil},
	})
}

func TestLogoutIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, session := b.user.id(t), b.user.get(t, "/v1/me").at("session", "id")
	b.user.post(t, "/v1/auth/logout", nil).is(204)
	require.Subset(t, b.events(t, "platform_audit_events")[0], object{
		"action": "logout", "actor_id": id, "object_type": "session", "object_id": session,
	})
}

// TestSessionsEndWithoutDeadlock: requests that end the same sessions do not fail.
func TestSessionsEndWithoutDeadlock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	clients := []client{b.user}
	for range 7 {
		clients = append(clients, b.login(t, userEmail))
	}
	var requests []func() response
	for _, c := range clients {
		requests = append(requests, func() response { return c.delete(t, "/v1/me/sessions") })
	}
	statuses := concurrently(requests...)
	require.Equal(t, len(clients), statuses[204]+statuses[401], fmt.Sprint(statuses))
	require.Positive(t, statuses[204])
	live := b.queryInt(t, `SELECT count(*) FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id
		WHERE u.email = $1 AND s.revoked_at IS NULL`, userEmail)
	require.LessOrEqual(t, live, 1)
}

// TestBlankNames: Unicode has more spaces than the pattern of the document.
func TestBlankNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"\u00a0", "\v", "\u2003 \u3000"} {
		b.user.do(t, "PATCH", "/v1/me", object{"name": name}).invalid("body.name")
	}
}
