package server_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
)

// person is a user who is logged in.
type person struct {
	client

	id, email string
	path      string // of the member, if hired
}

// person returns a user without a role.
func (b *testBundle) person(t *testing.T, name string) person {
	t.Helper()
	p := person{email: uuid.NewString() + "@example.com"}
	p.client = b.createUser(t, account.NewUser{Email: p.email, Name: name})
	p.id = p.client.id(t)
	return p
}

// hire creates a user with a role in the tenant.
func (b *testBundle) hire(t *testing.T, tenant, role string) person {
	t.Helper()
	p := b.person(t, "Name of "+role)
	p.path = tenant + "/members/" + p.id
	b.addMember(t, tenant, p.id, role)
	return p
}

func (b *testBundle) owners(t *testing.T, tenant string) int {
	t.Helper()
	return b.queryInt(t, `SELECT count(*) FROM memberships WHERE tenant_id = $1 AND role = 'owner'`, idText(tenant))
}

// event returns the newest event of an action in the tenant's audit log.
func (b *testBundle) event(t *testing.T, tenant, action string) (actor, object string, details object) {
	t.Helper()
	err := b.super.QueryRow(t.Context(), `SELECT actor_id::text, object_type || '/' || object_id, details FROM audit_events
		WHERE tenant_id = $1 AND action = $2 ORDER BY id DESC LIMIT 1`, idText(tenant), action).
		Scan(&actor, &object, &details)
	require.NoError(t, err)
	return actor, object, details
}

func TestMembers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	owner, editor, viewer := b.hire(t, acme, "owner"), b.hire(t, acme, "editor"), b.hire(t, acme, "viewer")
	stranger := b.hire(t, other, "owner")

	list := viewer.get(t, acme+"/members?limit=2").is(200)
	require.Equal(t, object{"id": owner.id, "email": owner.email, "name": "Name of owner", "disabled": false}, list.at("items", 0, "user"))
	require.Equal(t, "owner", list.at("items", 0, "role"))
	next := list.at("next_cursor").(string)
	rest := viewer.get(t, acme+"/members?cursor="+next).items()
	require.Len(t, rest, 1)
	require.Equal(t, viewer.id, rest[0]["user"].(object)["id"])
	stranger.get(t, acme+"/members").is(404)
	require.Len(t, stranger.get(t, other+"/members").items(), 1, "not those of another tenant")
	stranger.get(t, other+"/members?cursor="+next).invalid("query.cursor")

	etag := rest[0]["etag"].(string)
	viewer.patch(t, viewer.path, etag, `{"role": "owner"}`).is(403)
	editor.patch(t, viewer.path, etag, `{"role": "editor"}`).is(403)
	owner.patch(t, viewer.path, "", `{"role": "editor"}`).is(428)
	owner.patch(t, viewer.path, etag, `{"role": "admin"}`).invalid("body.role")
	changed := owner.patch(t, viewer.path, etag, `{"role": "editor"}`).is(200)
	require.Equal(t, "editor", changed.at("role"))
	require.Equal(t, changed.etag(), changed.at("etag"))
	owner.patch(t, viewer.path, etag, `{"role": "viewer"}`).is(412)
	actor, changedObject, details := b.event(t, acme, "update-member")
	require.Equal(t, []string{owner.id, "user/" + viewer.id}, []string{actor, changedObject})
	require.Subset(t, details, object{"former_role": "viewer", "role": "editor"})

	missing := owner.patch(t, acme+"/members/"+uuid.NewString(), "*", `{"role": "viewer"}`).is(404)
	owner.patch(t, acme+"/members/"+stranger.id, "*", `{"role": "viewer"}`).sameAs(missing)
	owner.delete(t, acme+"/members/"+stranger.id).sameAs(missing)
	stranger.patch(t, owner.path, "*", `{"role": "viewer"}`).is(404)
	stranger.delete(t, owner.path).is(404)

	editor.delete(t, viewer.path).is(403)
	owner.delete(t, viewer.path, "If-Match", etag).is(412)
	owner.delete(t, viewer.path).is(204)
	actor, changedObject, details = b.event(t, acme, "remove-member")
	require.Equal(t, []string{owner.id, "user/" + viewer.id}, []string{actor, changedObject})
	require.Subset(t, details, object{"role": "editor"})
	viewer.get(t, acme+"/members").is(404)
	editor.delete(t, editor.path).is(204) // leaves
	editor.get(t, acme+"/members").is(404)
	require.Len(t, owner.get(t, acme+"/members").items(), 1)
}

func TestMembersTakeOneStatement(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	viewer := b.hire(t, acme, "viewer")
	for range 8 { // prepare the statements on every connection
		viewer.get(t, acme+"/members").is(200)
	}
	require.EqualValues(t, 2, b.roundTrips(func() { viewer.get(t, acme+"/members").is(200) }))
}

func TestLastOwnerAmongMembers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	owner, editor := b.hire(t, acme, "owner"), b.hire(t, acme, "editor")
	disabled := b.hire(t, acme, "owner")
	require.NoError(t, b.users.Disable(t.Context(), disabled.email))
	require.Equal(t, true, owner.get(t, acme+"/members").at("items", 2, "user", "disabled"))

	for _, c := range []client{owner.client, b.admin} {
		c.patch(t, owner.path, "*", `{"role": "editor"}`).is(409, "last_owner")
		c.delete(t, owner.path).is(409, "last_owner")
	}
	require.Equal(t, 2, b.owners(t, acme))
	owner.patch(t, owner.path, "*", `{"role": "owner"}`).is(200) // stays one

	owner.patch(t, editor.path, "*", `{"role": "owner"}`).is(200)
	owner.delete(t, owner.path).is(204)
	editor.delete(t, editor.path).is(409, "last_owner")
	b.admin.delete(t, acme+"/members/"+editor.id).is(409, "last_owner")
	editor.delete(t, disabled.path).is(204)
	require.Equal(t, 1, b.owners(t, acme))
}

// TestOwnersDemoteEachOther: of two owners who demote or remove each other at once, or who leave at once, one remains.
func TestOwnersDemoteEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	one, two := b.hire(t, acme, "owner"), b.hire(t, acme, "owner")
	demote := func(who, whom person) func() response {
		return func() response { return who.patch(t, whom.path, "*", `{"role": "viewer"}`) }
	}
	remove := func(who, whom person) func() response {
		return func() response { return who.delete(t, whom.path) }
	}
	for round := range 50 {
		changes := [][]func() response{
			{demote(one, two), demote(two, one)},
			{remove(one, two), remove(two, one)},
			{remove(one, one), remove(two, two)},
			{demote(one, one), remove(two, two)},
		}[round%4]
		statuses := concurrently(changes...)
		require.Equal(t, 1, statuses[200]+statuses[204], statuses)
		require.Equal(t, 1, b.owners(t, acme), "round %d: %v", round, statuses)
		b.exec(t, `DELETE FROM memberships WHERE tenant_id = $1`, idText(acme))
		b.addMember(t, acme, one.id, "owner")
		b.addMember(t, acme, two.id, "owner")
	}
}

// TestMembersOfATenantWithoutOwner: a platform admin may change them.
// TestFormerOwnersInvitationsEnd: a person who is no longer an owner cannot come back by an own invitation.
func TestFormerOwnersInvitationsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	owner := b.hire(t, acme, "owner")
	for end, do := range map[string]func(person) response{
		"removed": func(p person) response { return owner.delete(t, p.path) },
		"demoted": func(p person) response { return owner.patch(t, p.path, "*", `{"role": "viewer"}`) },
	} {
		former := b.hire(t, acme, "owner")
		made := func(by client) response {
			return by.post(t, acme+"/invitations", object{"email": uuid.NewString() + "@example.com", "role": "owner"}).is(201)
		}
		theirs, others := made(former.client), made(owner.client)
		require.Less(t, do(former).status, 300, end)
		look := func(r response) response {
			return b.anyone.post(t, "/v1/invitations/lookup", object{"token": r.at("token")})
		}
		require.Equal(t, "The link was revoked; ask for a new one.", look(theirs).is(410, "invalid_link").at("detail"), end)
		look(others).is(200)
	}
}

func TestMembersOfATenantWithoutOwner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	viewer := b.hire(t, acme, "viewer")
	b.admin.patch(t, viewer.path, "*", `{"role": "editor"}`).is(200)
	b.admin.delete(t, viewer.path).is(204)
}

// TestWaitingChangesOfFormerOwners: a request that waits for the change that ends its sender's access is refused.
func TestWaitingChangesOfFormerOwners(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	owner, friend := b.hire(t, acme, "owner"), b.hire(t, acme, "viewer")
	for what, tt := range map[string]struct {
		status int
		do     func(former person) response
	}{
		"promotes oneself": {403, func(p person) response { return p.patch(t, p.path, "*", `{"role": "owner"}`) }},
		"promotes another": {403, func(p person) response { return p.patch(t, friend.path, "*", `{"role": "owner"}`) }},
		"invites": {403, func(p person) response {
			return p.post(t, acme+"/invitations", object{"email": "late@example.com", "role": "owner"})
		}},
	} {
		former := b.hire(t, acme, "owner")
		holder := b.beginTx(t, `SELECT FROM tenants WHERE id = $1 FOR UPDATE`, idText(acme))
		demoted, waiting := make(chan map[int]int), make(chan map[int]int)
		demote := func() response { return owner.patch(t, former.path, "*", `{"role": "viewer"}`) }
		go func() { demoted <- concurrently(demote) }()
		b.waitForLocks(t, 1, `%FROM tenants%FOR NO KEY UPDATE`)
		late := func() response { return tt.do(former) }
		go func() { waiting <- concurrently(late) }()
		b.waitForLocks(t, 2, `%FROM tenants%FOR NO KEY UPDATE`)
		require.NoError(t, holder.Rollback(t.Context()))
		require.Equal(t, map[int]int{200: 1}, <-demoted, what)
		require.Equal(t, map[int]int{tt.status: 1}, <-waiting, what)
		require.Equal(t, 1, b.owners(t, acme), what)
		require.Zero(t, b.queryInt(t, `SELECT count(*) FROM invitations`), what)
	}
}

// TestInvitationsNeedTheirInviter: whose access has ended does not return by an invitation of their own.
func TestInvitationsNeedTheirInviter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	owner := b.hire(t, acme, "owner")
	admin := b.createUser(t, account.NewUser{Email: "second@example.com", Name: "Second", IsAdmin: true})
	for end, tt := range map[string]struct {
		inviter client
		do      func(path string) response
	}{
		"a disabled owner":         {b.hire(t, acme, "owner").client, func(p string) response { return b.admin.patch(t, p, "*", object{"disabled": true}) }},
		"an erased owner":          {b.hire(t, acme, "owner").client, func(p string) response { return b.admin.delete(t, p) }},
		"a demoted platform admin": {admin, func(p string) response { return b.admin.patch(t, p, "*", object{"is_admin": false}) }},
	} {
		email := strings.ReplaceAll(end, " ", "-") + "@example.com"
		user := "/v1/users/" + tt.inviter.id(t)
		path, link := tt.inviter.invite(t, acme, email, "owner")
		b.lookUp(t, link).is(200)
		require.Less(t, tt.do(user).status, 300, end)
		b.anyone.post(t, "/v1/invitations/lookup", object{"token": link}).is(410, "invalid_link")
		b.accept(t, link).is(410, "invalid_link")
		require.Equal(t, "revoked", owner.get(t, path).at("status"), end)
		owner.post(t, path+"/resend", nil).is(410, "invalid_link")
		_, link = owner.invite(t, acme, email, "owner") // replaces it
		b.accept(t, link).is(201)
	}
}

// TestFormerMembersAddresses are not shown to owners, who see what the person did.
func TestFormerMembersAddresses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	owner, editor := b.hire(t, acme, "owner"), b.hire(t, acme, "editor")
	editor.post(t, acme+"/agents", object{"name": "Mara"}).is(201)
	actor := func(by client) any {
		return by.get(t, acme+"/audit-events?action=create-agent").at("items", 0, "actor")
	}
	member := object{"id": editor.id, "name": "Name of editor", "email": editor.email}
	require.Equal(t, member, actor(owner.client))
	owner.delete(t, editor.path).is(204)
	require.Equal(t, member, actor(b.admin))
	require.Equal(t, object{"id": editor.id, "name": "Name of editor", "email": ""}, actor(owner.client))
}
