package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestAgents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	tools := []any{object{"name": "search", "limits": object{"a": []any{1.5}}}}
	path, etag := b.create(t, acme+"/agents", object{"name": "Mara", "role": "Support", "tool_assignments": tools})
	require.Subset(t, b.admin.get(t, path).is(200).json(), object{
		"model_preference": "quality", "is_active": true, "escalation_rules": []any{}, "tool_assignments": tools, "tenant_id": idText(acme),
	})

	// Not from another tenant.
	missing, elsewhere := acme+"/agents/"+uuid.NewString(), strings.Replace(path, acme, other, 1)
	b.admin.get(t, elsewhere).sameAs(b.admin.get(t, missing).is(404))
	b.admin.patch(t, elsewhere, etag, `{"name": "Eve"}`).sameAs(b.admin.patch(t, missing, etag, `{"name": "Eve"}`).is(404))
	b.admin.delete(t, elsewhere, "If-Match", etag).sameAs(b.admin.delete(t, missing, "If-Match", etag).is(404))
	require.Equal(t, "Mara", b.admin.get(t, path).at("name"))

	b.admin.delete(t, path).is(204)
	b.admin.delete(t, path).is(404)
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	var want []any
	for i := range 5 {
		name := fmt.Sprintf("agent %d", i)
		b.create(t, acme+"/agents", object{"name": name})
		want = append(want, name)
	}
	b.createAgent(t, other)

	pages, names := b.admin.pages(t, acme+"/agents?limit=2")
	require.Equal(t, want, names)
	require.Len(t, pages, 3)
	require.JSONEq(t, `{"items": []}`, b.admin.get(t, b.createTenant(t, "empty")+"/agents").body)

	cursor := pages[0].at("next_cursor").(string)
	flipped := []byte(cursor)
	flipped[3] ^= 1
	for _, path := range []string{
		other + "/agents?cursor=" + cursor, // another tenant
		acme + "/channel-connections?cursor=" + cursor,
		"/v1/tenants?cursor=" + cursor,
		acme + "/agents?cursor=" + string(flipped),
		acme + "/agents?cursor=" + cursor[:20],
		acme + "/agents?cursor=" + cursor + "%0a", // not canonical
		acme + "/agents?cursor=" + uuid.NewString(),
	} {
		b.admin.get(t, path).invalid("query.cursor")
	}
	next := b.admin.get(t, "/v1/tenants?limit=1").is(200).at("next_cursor").(string)
	b.admin.get(t, "/v1/tenants?cursor="+next).is(200)
}

func TestDuplicateAgent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	editor, viewer := b.login(t, b.createMember(t, tenant, "editor")), b.login(t, b.createMember(t, tenant, "viewer"))
	path, etag := b.create(t, tenant+"/agents", `{"name": "Mara", "role": "Support", "persona": "calm", "system_prompt": "<Answer>",
		"model_preference": "fast", "tool_assignments": [{"name": "search", "limit": 1.50}],
		"escalation_rules": [{"when": "failed_turns", "count": 2}]}`)
	original := b.admin.get(t, path)

	made := editor.post(t, path+"/duplicate", nil).is(201)
	copied := editor.get(t, made.header.Get("Location"))
	require.Equal(t, made.etag(), copied.etag())
	copied.sameAs(response{t: t, status: 200, body: made.body})
	want := original.json()
	for _, name := range []string{"id", "created_at", "updated_at"} {
		require.NotEqual(t, want[name], copied.at(name))
		want[name] = copied.at(name)
	}
	want["name"], want["is_active"] = "Mara (copy)", false
	require.Equal(t, want, copied.json())
	require.Contains(t, copied.body, "1.50", "value for value")
	require.Equal(t, etag, editor.get(t, path).etag(), "the original stays as it is")

	require.Equal(t, "Noor", editor.post(t, path+"/duplicate", `{"name": "Noor"}`).is(201).at("name"))
	require.Equal(t, "Mara (copy)", editor.post(t, path+"/duplicate", `{}`).is(201).at("name"))
	long, _ := b.create(t, tenant+"/agents", object{"name": strings.Repeat("🜁", 200)})
	require.Equal(t, strings.Repeat("🜁", 193)+" (copy)", editor.post(t, long+"/duplicate", nil).is(201).at("name"))

	editor.post(t, path+"/duplicate", `{"name": " "}`).invalid("body.name")
	editor.post(t, path+"/duplicate", `{"role": "x"}`).invalid("body.role")
	viewer.post(t, path+"/duplicate", nil).is(403)
	missing := b.admin.post(t, tenant+"/agents/"+uuid.NewString()+"/duplicate", nil).is(404)
	b.admin.post(t, strings.Replace(path, tenant, other, 1)+"/duplicate", nil).sameAs(missing)
	var copies []any
	for _, event := range b.events(t, "audit_events") {
		if event["action"] == "duplicate-agent" {
			copies = append(copies, event["details"].(object)["duplicate_of"])
		}
	}
	require.Equal(t, []any{idText(path), idText(path), idText(path), idText(long)}, copies)
}
