package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// invite invites an address, and returns the token of the link, which was not mailed.
func (c client) invite(t *testing.T, tenant, email, role string) (path, token string) {
	t.Helper()
	made := c.post(t, tenant+"/invitations", object{"email": email, "role": role}).is(201)
	return made.header.Get("Location"), made.at("token").(string)
}

func TestInvitations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	owner, editor, stranger := b.hire(t, acme, "owner"), b.hire(t, acme, "editor"), b.hire(t, other, "owner")

	made := owner.post(t, acme+"/invitations", object{"email": " Grace@Example.com", "role": "editor"}).is(201)
	path := acme + "/invitations/" + made.at("id").(string)
	require.Equal(t, path, made.header.Get("Location"))
	require.Subset(t, made.json(), object{
		"email": "grace@example.com", "role": "editor", "status": "pending", "tenant_id": idText(acme),
		"invited_by": object{"id": owner.id, "name": "Name of owner"},
	})
	token := made.at("token").(string)
	require.Equal(t, "/invitation#token="+token, made.at("link"), "a path, because the portal's URL is unknown")
	require.True(t, strings.HasPrefix(token, "klt_"))
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM invitations WHERE token_hash LIKE '%' || $1 || '%'`, token), "only a hash is stored")
	actor, changed, details := b.event(t, acme, "create-invitation")
	require.Equal(t, []string{owner.id, "invitation/" + idText(path)}, []string{actor, changed})
	require.Subset(t, details, object{"role": "editor"})
	require.NotContains(t, fmt.Sprint(details), "grace")

	second, _ := b.admin.invite(t, acme, "second@example.com", "viewer")
	require.Equal(t, object{"id": b.admin.id(t), "name": ""}, owner.get(t, second).is(200).at("invited_by"), "not a member's name")
	require.Equal(t, owner.get(t, acme+"/invitations").items()[1], owner.get(t, path).json())
	editor.get(t, path).is(403)
	list := owner.get(t, acme+"/invitations?limit=1")
	require.Equal(t, idText(second), list.items()[0]["id"], "the newest first")
	require.NotContains(t, list.body, "token")
	next := list.at("next_cursor").(string)
	require.Equal(t, idText(path), owner.get(t, acme+"/invitations?cursor="+next).items()[0]["id"])
	owner.get(t, acme+"/invitations?status=pending&cursor="+next).invalid("query.cursor")
	stranger.get(t, other+"/invitations?cursor="+next).invalid("query.cursor")
	require.Empty(t, stranger.get(t, other+"/invitations").items(), "not those of another tenant")
	stranger.get(t, acme+"/invitations").is(404)
	editor.get(t, acme+"/invitations").is(403)
	editor.post(t, acme+"/invitations", object{"email": "a@example.com", "role": "viewer"}).is(403)

	missing := owner.delete(t, acme+"/invitations/"+uuid.NewString()).is(404)
	elsewhere := other + "/invitations/" + idText(path)
	stranger.delete(t, elsewhere).sameAs(missing)
	stranger.get(t, elsewhere).sameAs(missing)
	stranger.post(t, elsewhere+"/resend", nil).sameAs(missing)
	editor.delete(t, path).is(403)

	owner.delete(t, path).is(204)
	owner.delete(t, path).is(410, "invalid_link")
	owner.post(t, path+"/resend", nil).is(410, "invalid_link")
	b.lookUp(t, token).is(410, "invalid_link")
	statuses := func(query string) (found []any) {
		for _, item := range owner.get(t, acme+"/invitations"+query).items() {
			found = append(found, item["status"])
		}
		return found
	}
	require.Equal(t, []any{"pending", "revoked"}, statuses(""))
	require.Equal(t, []any{"revoked"}, statuses("?status=revoked"))
	require.Equal(t, []any{"pending"}, statuses("?status=pending"))
	owner.get(t, acme+"/invitations?status=open").invalid("query.status")
	owner.post(t, acme+"/invitations", object{"email": "no address", "role": "viewer"}).invalid("body.email")
	owner.post(t, acme+"/invitations", object{"email": "a@example.com", "role": "admin"}).invalid("body.role")
}

func TestTakenAddresses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	owner, editor, stranger := b.hire(t, acme, "owner"), b.hire(t, acme, "editor"), b.hire(t, other, "owner")
	invite := func(c client, tenant, email string) response {
		return c.post(t, tenant+"/invitations", object{"email": email, "role": "viewer"})
	}
	invite(owner.client, acme, "grace@example.com").is(201)
	for _, email := range []string{"grace@example.com", "GRACE@example.com", editor.email, owner.email} {
		require.Equal(t, []string{"body.email"}, invite(owner.client, acme, email).is(409).fields(), email)
	}
	// A member and an invitation of another tenant, a user without a tenant and an unknown address are all the same.
	for _, email := range []string{stranger.email, userEmail, adminEmail, "unknown@example.com"} {
		invite(owner.client, acme, email).is(201)
	}
	invite(stranger.client, other, "grace@example.com").is(201)
}

func TestExpiredInvitationsAreReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	owner := b.hire(t, acme, "owner")
	path, token := owner.invite(t, acme, "grace@example.com", "viewer")
	b.advance(7*24*time.Hour - time.Second)
	b.lookUp(t, token).is(200)
	b.advance(time.Second)
	require.Contains(t, b.lookUp(t, token).is(410, "invalid_link").body, "expired")

	owner.client = b.login(t, owner.email)
	require.Equal(t, "expired", owner.get(t, acme+"/invitations").items()[0]["status"])
	resent := owner.post(t, path+"/resend", nil).is(200)
	require.Equal(t, "pending", resent.at("status"))
	fresh := resent.at("token").(string)
	require.NotEqual(t, token, fresh)
	b.lookUp(t, fresh).is(200)
	b.lookUp(t, token).sameAs(b.lookUp(t, unknownToken))
	_, changed, _ := b.event(t, acme, "resend-invitation")
	require.Equal(t, "invitation/"+idText(path), changed)

	b.advance(7 * 24 * time.Hour)
	owner.client = b.login(t, owner.email)
	owner.invite(t, acme, "grace@example.com", "editor")
	items := owner.get(t, acme+"/invitations").items()
	require.Equal(t, []any{"pending", "revoked"}, []any{items[0]["status"], items[1]["status"]})
}

func TestInvitationLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	owner := b.hire(t, acme, "owner")
	fill := func(n int, age time.Duration, accepted bool) {
		b.exec(t, `INSERT INTO invitations (id, tenant_id, email, role, invited_by, created_at, expires_at, accepted_at)
			SELECT gen_random_uuid(), $1, gen_random_uuid() || '@example.com', 'viewer', $2, $3::timestamptz, $4, CASE WHEN $5 THEN $3::timestamptz END
			FROM generate_series(1, $6)`, idText(acme), owner.id, b.clock().Add(-age), b.clock().Add(time.Hour), accepted, n)
	}
	post := func(email string) response {
		return owner.post(t, acme+"/invitations", object{"email": email, "role": "viewer"})
	}
	fill(199, time.Hour, true)
	post("a@example.com").is(201)
	post("b@example.com").is(409, "limit_reached")
	b.exec(t, `UPDATE invitations SET created_at = $1`, b.clock().Add(-24*time.Hour))
	fill(997, 48*time.Hour, false) // and one owner, and a@example.com
	post("b@example.com").is(201)
	post("c@example.com").is(409, "limit_reached")
	b.exec(t, `UPDATE invitations SET expires_at = $1 WHERE email = 'b@example.com'`, b.clock())
	post("c@example.com").is(201)
	expired := owner.get(t, acme+"/invitations?status=expired").items()[0]["id"].(string)
	owner.post(t, acme+"/invitations/"+expired+"/resend", nil).is(409, "limit_reached")
}

func TestRepeatedInvitation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	owner := b.hire(t, acme, "owner")
	body := object{"email": "grace@example.com", "role": "viewer"}
	post := func(key string) response { return owner.post(t, acme+"/invitations", body, "Idempotency-Key", key) }

	first, repeated := post("k1").is(201), post("k1").is(201)
	require.NotEmpty(t, first.at("link"))
	require.NotEmpty(t, first.at("token"))
	require.Equal(t, "true", repeated.header.Get("Idempotency-Replayed"))
	require.Equal(t, first.at("id"), repeated.at("id"))
	require.Equal(t, first.header.Get("Location"), repeated.header.Get("Location"))
	require.NotContains(t, repeated.body, "token")
	require.NotContains(t, repeated.body, "link")
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM idempotency_keys WHERE answer LIKE '%klt_%'`))
	post("k2").is(409)

	for round := range 10 {
		body["email"] = fmt.Sprintf("grace%d@example.com", round)
		key := fmt.Sprint("concurrent", round)
		statuses := concurrently(func() response { return post(key) }, func() response { return post(key) })
		require.Equal(t, 2, statuses[201]+statuses[409], statuses)
		require.GreaterOrEqual(t, statuses[201], 1)
		require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM invitations WHERE email = $1`, body["email"]))
	}
}
