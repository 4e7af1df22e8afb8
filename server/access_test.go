package server_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/audit"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	text, err := server.OpenAPI()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	return doc
}

// operations visits all operations of the OpenAPI document.
func operations(t *testing.T, visit func(method, path string, op *openapi3.Operation)) {
	t.Helper()
	doc := document(t)
	for _, path := range doc.Paths.InMatchingOrder() {
		for method, op := range doc.Paths.Value(path).Operations() {
			visit(method, path, op)
		}
	}
}

func accessOf(t *testing.T, op *openapi3.Operation) (rule string) {
	t.Helper()
	text, err := json.Marshal(op.Extensions["x-konstruct-access"])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &rule), op.OperationID)
	return rule
}

// TestAccessMatrix calls every operation as every kind of principal, each time in a new session.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	revoked, expired, idle := b.login(t, adminEmail), b.login(t, adminEmail), b.login(t, adminEmail)
	revoked.post(t, "/v1/auth/logout", nil).is(204)
	b.changeSession(t, expired, `created_at = created_at - interval '8 days', expires_at = created_at - interval '1 hour'`)
	b.changeSession(t, idle, `last_seen_at = last_seen_at - interval '13 hours'`)

	disabled := b.createUser(t, account.NewUser{Email: "dora@example.com", Name: "Dora", IsAdmin: true})
	b.exec(t, `UPDATE portal_users SET disabled_at = now() WHERE email = 'dora@example.com'`)

	const allowed = 0 // any status but 401 and 403
	unauthenticated := map[string]client{
		"no token": b.anyone, "garbage": {b, "garbage"}, "unknown token": {b, "kst_" + strings.Repeat("A", 43)},
		"link token": {b, "klt_" + strings.Repeat("A", 43)}, "revoked session": revoked, "expired session": expired, "idle session": idle,
		"disabled user": disabled,
	}
	principals := map[string]string{
		"no membership": userEmail, "viewer": b.createMember(t, tenant, "viewer"), "editor": b.createMember(t, tenant, "editor"),
		"owner": b.createMember(t, tenant, "owner"), "owner of another tenant": b.createMember(t, other, "owner"), "platform admin": adminEmail,
	}
	all := map[string]int{
		"no membership": allowed, "owner of another tenant": allowed, "viewer": allowed, "editor": allowed, "owner": allowed, "platform admin": allowed,
	}
	with := func(changes map[string]int) map[string]int {
		expected := maps.Clone(all)
		maps.Copy(expected, changes)
		return expected
	}
	expected := map[string]map[string]int{
		"public":         all,
		"authenticated":  all,
		"viewer":         with(map[string]int{"no membership": 404, "owner of another tenant": 404}),
		"editor":         with(map[string]int{"no membership": 404, "owner of another tenant": 404, "viewer": 403}),
		"owner":          with(map[string]int{"no membership": 404, "owner of another tenant": 404, "viewer": 403, "editor": 403}),
		"platform_admin": {"no membership": 403, "owner of another tenant": 403, "viewer": 403, "editor": 403, "owner": 403, "platform admin": allowed},
	}
	called, rules := 0, map[string]bool{}
	check := func(method, path string, op *openapi3.Operation) {
		rule := accessOf(t, op)
		require.Contains(t, expected, rule, op.OperationID)
		rules[rule] = true
		require.Equal(t, rule == "public", len(*op.Security) == 0, "security in the document")
		path = parameters.ReplaceAllStringFunc(strings.Replace(path, "/v1/tenants/{tenant_id}", tenant, 1), func(string) string { return uuid.NewString() })
		call := func(name string, c client, want int) {
			called++
			got := c.do(t, method, path, nil)
			if want != allowed {
				got.is(want)
				return
			}
			require.NotContains(t, []int{401, 403}, got.status, "%s as %s", op.OperationID, name)
		}
		if rule != "public" {
			for name, c := range unauthenticated {
				call(name, c, 401)
			}
		}
		for name, want := range expected[rule] {
			call(name, b.login(t, principals[name]), want)
		}
	}
	var last func()
	operations(t, func(method, path string, op *openapi3.Operation) {
		if op.OperationID == "delete-tenant" {
			last = func() { check(method, path, op) }
			return
		}
		check(method, path, op)
	})
	last()
	require.Greater(t, called, 200)
	require.Len(t, rules, len(expected), "each rule is used")
}

// TestMembersUseRoutesOnThemselves: routes that say so let every member act on themselves, not on others.
func TestMembersUseRoutesOnThemselves(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	b.hire(t, tenant, "owner")
	b.hire(t, other, "owner")
	found := 0
	operations(t, func(method, path string, op *openapi3.Operation) {
		if !strings.Contains(op.Description, "Members may remove themselves.") {
			return
		}
		found++
		require.Equal(t, "owner", accessOf(t, op))
		at := func(tenant, user string) string {
			return strings.NewReplacer("/v1/tenants/{tenant_id}", tenant, "{user_id}", user).Replace(path)
		}
		for _, role := range []string{"viewer", "editor", "owner"} {
			one, another := b.hire(t, tenant, role), b.hire(t, tenant, "viewer")
			outsider := b.hire(t, other, role)
			outsider.do(t, method, at(tenant, outsider.id), nil).is(404)
			outsider.do(t, method, at(tenant, one.id), nil).is(404)
			one.do(t, method, at(other, one.id), nil).is(404)
			if role != "owner" {
				one.do(t, method, at(tenant, another.id), nil).is(403)
				one.do(t, method, at(tenant, strings.ToUpper(one.id)), nil).is(403)
			}
			one.do(t, method, at(tenant, one.id), nil).is(204)
			one.do(t, method, at(tenant, one.id), nil).is(404)
		}
	})
	require.Equal(t, 1, found, "remove-member")
}

// TestSuspensionEndsAccess: members of a suspended tenant are refused at once, by every route. Platform admins are not.
func TestSuspensionEndsAccess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	owner := b.login(t, b.createMember(t, tenant, "owner"))
	owner.get(t, tenant+"/agents").is(200)
	b.admin.patch(t, tenant, "*", `{"status": "suspended"}`).is(200)
	operations(t, func(method, path string, op *openapi3.Operation) {
		if rule := accessOf(t, op); rule == "viewer" || rule == "editor" || rule == "owner" {
			path = parameters.ReplaceAllStringFunc(strings.Replace(path, "/v1/tenants/{tenant_id}", tenant, 1), func(string) string { return uuid.NewString() })
			owner.do(t, method, path, nil).is(403, "tenant_suspended")
		}
	})
	b.admin.get(t, tenant+"/agents").is(200)
	b.admin.patch(t, tenant, "*", `{"status": "active"}`).is(200)
	owner.get(t, tenant+"/agents").is(200)

	b.exec(t, `UPDATE tenants SET status = 'purging'`)
	owner.get(t, tenant+"/agents").is(404)
	b.admin.get(t, tenant+"/agents").is(200)
	b.admin.post(t, tenant+"/agents", `{"name": "Mara"}`).is(409, "tenant_purging")
}

var parameters = regexp.MustCompile(`\{\w+\}`)

// createMember creates a user with a role in the tenant and returns the address.
func (b *testBundle) createMember(t *testing.T, tenant, role string) (email string) {
	t.Helper()
	email = role + "@" + b.admin.get(t, tenant).at("slug").(string) + ".example"
	_, err := b.users.Create(t.Context(), account.NewUser{Email: email, Name: role, Password: password})
	require.NoError(t, err)
	b.addMember(t, tenant, email, role)
	return email
}

// changeSession updates the row of a client's session.
func (b *testBundle) changeSession(t *testing.T, c client, set string) {
	t.Helper()
	b.exec(t, `UPDATE portal_sessions SET `+set+` WHERE token_hash = encode(sha256(convert_to($1, 'UTF8')), 'hex')`, c.token)
}

// TestInaccessibleTenantIsNotFound: for a user without access, existing and missing tenants are the same 404.
func TestInaccessibleTenantIsNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	unknown := "/v1/tenants/" + uuid.NewString()
	upper := "/v1/tenants/" + strings.ToUpper(idText(tenant))

	b.admin.get(t, tenant+"/agents").is(200)
	b.admin.get(t, upper+"/agents").is(404) // only the canonical form
	missing := b.admin.get(t, unknown+"/agents").is(404)
	for _, path := range []string{tenant, unknown, upper, "/v1/tenants/" + uuid.Nil.String(), "/v1/tenants/acme"} {
		b.user.get(t, path+"/agents").sameAs(missing)
	}
}

func TestTenantEntryIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	const requestID = "0123456789abcdef"
	b.admin.get(t, tenant+"/agents?limit=7", "X-Request-Id", requestID).is(200)
	b.user.get(t, tenant+"/agents").is(404)

	events := b.events(t, "audit_events")
	require.Len(t, events, 1, "only the admin")
	require.Subset(t, events[0], object{
		"action": "enter-tenant", "actor_id": b.admin.get(t, "/v1/me").at("user", "id"), "tenant_id": idText(tenant),
		"object_type": "tenant", "object_id": idText(tenant), "request_id": requestID,
	})

	b.admin.get(t, tenant+"/agents").is(200)
	b.restart(t) // another instance
	b.admin.get(t, tenant+"/agents").is(200)
	require.Len(t, b.events(t, "audit_events"), 1, "once in five minutes")
	b.login(t, adminEmail).get(t, tenant+"/agents").is(200)
	require.Len(t, b.events(t, "audit_events"), 2, "another session")
	b.advance(audit.EnterEvery + time.Second)
	b.admin.get(t, tenant+"/agents").is(200)
	require.Len(t, b.events(t, "audit_events"), 3)
}

// TestRoundTripsPerRequest: one for the session with its role, one for the operation, and a third once a minute for
// last_seen_at. Rules of a role, and entries that were recorded, need no more.
func TestRoundTripsPerRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	agent, _ := b.createAgent(t, tenant)
	connection, _ := b.connect(t, tenant, "T1")
	admin, owner, viewer := b.login(t, adminEmail), b.hire(t, tenant, "owner"), b.hire(t, tenant, "viewer")
	owner.invite(t, tenant, grace, "viewer")
	viewers := []string{
		tenant, agent, connection, tenant + "/agents?limit=20", tenant + "/agents?q=mara&sort=-name", tenant + "/channel-connections",
		tenant + "/members", "/v1/me", "/v1/me/sessions", "/v1/tenants",
	}
	owners := []string{tenant + "/invitations", tenant + "/audit-events", tenant + "/audit-events?action=create-agent"}
	for _, tt := range []struct {
		client client
		paths  []string
		want   int64
	}{
		{viewer.client, viewers, 2},
		{owner.client, slices.Concat(viewers, owners), 2},
		{admin, slices.Concat(viewers, owners, []string{"/v1/users", "/v1/audit-events"}), 2},
		{b.anyone, []string{"/healthz", "/v1/meta"}, 0},
	} {
		for _, path := range tt.paths {
			for range 8 { // prepare the statements on every connection
				tt.client.get(t, path).is(200)
			}
			require.Equal(t, tt.want, b.roundTrips(func() { tt.client.get(t, path).is(200) }), path)
		}
	}
	seen := func() int {
		return b.queryInt(t, `SELECT count(*) FROM portal_sessions WHERE last_seen_at > created_at + interval '30 s'`)
	}
	require.Zero(t, seen())
	require.Eventually(t, func() bool { // the update may time out on a busy machine
		b.advance(90 * time.Second)
		return admin.get(t, "/v1/me").status == 200 && seen() == 1
	}, 10*time.Second, time.Millisecond)
	require.EqualValues(t, 2, b.roundTrips(func() { admin.get(t, "/v1/me").is(200) }))
}

func (b *testBundle) roundTrips(do func()) int64 {
	before := b.trips.Count()
	do()
	return b.trips.Count() - before
}
