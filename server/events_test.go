package server_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestAuditEvents: owners read who did what. They do not learn who works for the platform.
func TestAuditEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	list := tenant + "/audit-events"
	owner, editor := b.login(t, b.createMember(t, tenant, "owner")), b.login(t, b.createMember(t, tenant, "editor"))
	const requestID = "0123456789abcdef"
	made := editor.post(t, tenant+"/agents", `{"name": "Mara"}`, "X-Request-Id", requestID).is(201)
	b.createAgent(t, tenant)
	b.exec(t, `INSERT INTO audit_events (id, tenant_id, action) VALUES ($1, $2, 'by-operator')`, uuid.New(), idText(tenant))

	me := b.admin.get(t, "/v1/me").json()["user"].(object)
	items := owner.get(t, list).items()
	require.Len(t, items, 4)
	require.Subset(t, items[0], object{"action": "by-operator", "object": object{"type": "", "id": nil}, "details": object{}})
	require.NotContains(t, items[0], "actor")
	require.Subset(t, items[1], object{"action": "create-agent", "address": "", "actor": object{"id": me["id"], "name": "Platform admin", "email": ""}})
	require.Subset(t, items[3], object{"action": "enter-tenant", "address": "", "actor": object{"id": me["id"], "name": "Platform admin", "email": ""}})
	require.Subset(t, items[2], object{
		"action": "create-agent", "request_id": requestID, "address": "192.0.2.1", "details": object{"fields": []any{"name"}},
		"actor":  object{"id": editor.get(t, "/v1/me").at("user", "id"), "name": "editor", "email": editor.email(t)},
		"object": object{"type": "agent", "id": made.at("id")},
	})
	require.NotContains(t, owner.get(t, list).body, adminEmail)

	seen := b.admin.get(t, list).items()
	require.Subset(t, seen[1], object{"address": "192.0.2.1", "actor": object{"id": me["id"], "name": "Ada", "email": adminEmail}})
	require.Equal(t, items[2], seen[2])

	// Not another tenant's.
	elsewhere := b.login(t, b.createMember(t, other, "owner"))
	require.Len(t, elsewhere.get(t, other+"/audit-events").items(), 1, "the admin's entry")
	elsewhere.get(t, list).is(404)

	// As the people are now.
	b.exec(t, `UPDATE portal_users SET name = 'Erased', email = 'erased@example.invalid', erased_at = now() WHERE name = 'editor'`)
	require.Equal(t, "Erased", owner.get(t, list).items()[2]["actor"].(object)["name"])
	b.exec(t, `INSERT INTO memberships (id, tenant_id, user_id, role) VALUES (gen_random_uuid(), $1, $2, 'viewer')`, idText(tenant), me["id"])
	require.Subset(t, owner.get(t, list).items()[1], object{"address": "", "actor": object{"id": me["id"], "name": "Ada", "email": adminEmail}})
	b.exec(t, `DELETE FROM memberships WHERE user_id = $1`, me["id"])
	b.exec(t, `UPDATE portal_users SET is_admin = false`)
	for _, one := range []int{1, 3} {
		require.Equal(t, object{"id": me["id"], "name": "Platform admin", "email": ""}, owner.get(t, list).items()[one]["actor"], "as a platform admin")
		require.Empty(t, owner.get(t, list).items()[one]["address"])
	}
}

func TestPlatformAuditEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	items := b.admin.get(t, "/v1/audit-events").items()
	require.Len(t, items, 3, "with the logins of both users")
	require.Equal(t, "login", items[1]["action"])
	require.Subset(t, items[0], object{"action": "create-tenant", "address": "192.0.2.1", "object": object{"type": "tenant", "id": idText(tenant)}})
	require.Equal(t, adminEmail, items[0]["actor"].(object)["email"])
	require.Empty(t, b.admin.get(t, "/v1/audit-events?action=create-user").items())
	b.login(t, b.createMember(t, tenant, "owner")).get(t, "/v1/audit-events").is(403)
}

func TestAuditFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	list := tenant + "/audit-events"
	owner := b.login(t, b.createMember(t, tenant, "owner"))
	actors, objects := []string{uuid.NewString(), uuid.NewString()}, []string{uuid.NewString(), uuid.NewString()}
	b.exec(t, `INSERT INTO audit_events (id, tenant_id, created_at, actor_id, action, object_type, object_id)
		SELECT gen_random_uuid(), $1, timestamptz '2026-01-01' + make_interval(hours => n), ($2::uuid[])[1 + n % 2],
			CASE n % 3 WHEN 0 THEN 'create-agent' ELSE 'update_agent' END, CASE n % 5 WHEN 0 THEN 'agent' ELSE 'tenant' END, ($3::uuid[])[1 + n / 2 % 2]
		FROM generate_series(0, 59) n`, idText(tenant), actors, objects)
	for text, condition := range map[string]string{
		"":                                 "true",
		"actor_id=" + actors[0]:            "actor_id = '" + actors[0] + "'",
		"action=create-agent":              "action = 'create-agent'",
		"object_type=agent":                "object_type = 'agent'",
		"object_id=" + objects[1]:          "object_id = '" + objects[1] + "'",
		"from=2026-01-01T10:00:00Z":        "created_at >= '2026-01-01 10:00Z'",
		"to=2026-01-01T10:00:00%2B01:00":   "created_at < '2026-01-01 9:00Z'",
		"from=2026-01-01T10:00:00.000001Z": "created_at > '2026-01-01 10:00Z'",
		"action=delete-agent":              "false",
		"actor_id=" + uuid.NewString():     "false",
		"action=update_agent&object_type=agent&actor_id=" + actors[1] + "&from=2026-01-01T01:00:00Z&to=2026-01-03T01:00:00Z": "action = 'update_agent' AND object_type = 'agent' AND actor_id = '" +
			actors[1] + "' AND created_at >= '2026-01-01 01:00Z' AND created_at < '2026-01-03 01:00Z'",
	} {
		want := b.queryTexts(t, `SELECT id FROM audit_events WHERE `+condition+` ORDER BY id DESC`)
		for _, limit := range []string{"7", "200"} {
			query, err := url.ParseQuery(text)
			require.NoError(t, err)
			query.Set("limit", limit)
			require.Equal(t, slices.Concat([]string{}, want), slices.Concat([]string{}, owner.walk(t, list, query, func() {})), "%s", text)
		}
	}
	cursor := owner.get(t, list+"?limit=1&object_type=agent").at("next_cursor").(string)
	owner.get(t, list+"?limit=1&object_type=agent&cursor="+cursor).is(200)
	owner.get(t, list+"?limit=1&object_type=tenant&cursor="+cursor).invalid("query.cursor")
	owner.get(t, list+"?limit=1&object_type=agent&to=2027-01-01T00:00:00Z&cursor="+cursor).invalid("query.cursor")
	for _, name := range []string{"actor_id", "object_id", "action", "object_type", "from", "to"} {
		owner.get(t, list+"?"+name+"=not%20valid").invalid("query." + name)
	}
	owner.get(t, list+"?sort=created_at").invalid("query.sort")

	for range 8 { // prepare the statements on every connection
		owner.get(t, list)
	}
	require.EqualValues(t, 2, b.roundTrips(func() { owner.get(t, list).is(200) }))
}

// insertEvents adds n events of a tenant.
func (b *testBundle) insertEvents(t *testing.T, tenant string, n int) {
	t.Helper()
	b.exec(t, `INSERT INTO audit_events (id, tenant_id, action, details) SELECT gen_random_uuid(), $1, 'test', '{"text": "<"}' FROM generate_series(1, $2)`,
		idText(tenant), n)
}
