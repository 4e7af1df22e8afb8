package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/tenancy"
)

func idOf(t *testing.T, path string) tenancy.ID {
	t.Helper()
	id, err := tenancy.Parse(path[strings.LastIndex(path, "/")+1:])
	require.NoError(t, err)
	return id
}

func TestTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, etag := w.create(t, "/v1/tenants", map[string]any{"name": "Acme", "slug": "acme", "settings": map[string]any{"locale": "de"}})

	got := w.get(t, w.admin, path)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, etag, got.header.Get("ETag"))
	body := got.json(t)
	require.Equal(t, "active", body["status"])
	require.Equal(t, map[string]any{"locale": "de"}, body["settings"])
	require.ElementsMatch(t, []string{"id", "name", "slug", "status", "settings", "created_at", "updated_at"}, keys(body))

	changed := w.do(t, http.MethodPatch, w.admin, path, map[string]any{"status": "suspended"}, "If-Match", etag)
	require.Equal(t, http.StatusOK, changed.status, changed.body)
	require.Equal(t, "suspended", changed.at(t, "status"))
	require.Equal(t, "Acme", changed.at(t, "name"), "what is absent stays")
	require.NotEqual(t, etag, changed.header.Get("ETag"))
	require.Equal(t, http.StatusOK, w.get(t, w.admin, path+"/agents").status, "an admin still manages a suspended tenant")

	missing := "/v1/tenants/" + uuid.NewString()
	require.Equal(t, http.StatusNotFound, w.get(t, w.admin, missing).status)
	require.Equal(t, http.StatusNotFound, w.do(t, http.MethodPatch, w.admin, missing, map[string]any{}, "If-Match", "*").status)
	require.Equal(t, http.StatusNotFound, w.do(t, http.MethodDelete, w.admin, missing, nil).status)
	require.Equal(t, http.StatusNotFound, w.do(t, http.MethodDelete, w.admin, missing+"?purge=true", nil).status)
}

func TestTakenValuesAreOneConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.tenant(t, "a"), w.tenant(t, "b")
	w.create(t, a+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})

	name := w.post(t, w.admin, "/v1/tenants", map[string]any{"name": "a", "slug": "c"})
	slug := w.post(t, w.admin, "/v1/tenants", map[string]any{"name": "c", "slug": "a"})
	own := w.post(t, w.admin, a+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})
	others := w.post(t, w.admin, b+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})
	renamed := w.do(t, http.MethodPatch, w.admin, b, map[string]any{"slug": "a"}, "If-Match", "*")
	for _, tt := range []struct {
		answer

		field string
	}{{name, "body.name"}, {slug, "body.slug"}, {own, "body.workspace_id"}, {others, "body.workspace_id"}, {renamed, "body.slug"}} {
		require.Equal(t, http.StatusConflict, tt.status)
		require.Equal(t, "already_taken", tt.code(t))
		require.Equal(t, []string{tt.field}, tt.fields(t), "a platform admin may know which")
	}
	require.Equal(t, own.alike(), others.alike(), "nobody is told whose it is")
	w.create(t, b+"/channel-connections", map[string]any{"channel_type": "mattermost", "workspace_id": "T0A"})
}

func TestValidationNamesFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant(t, "acme")
	for _, tt := range []struct {
		path, body string
		fields     []string
	}{
		{"/v1/tenants", `{}`, []string{"body.name", "body.slug"}},
		{"/v1/tenants", `{"name": " ", "slug": "A"}`, []string{"body.name", "body.slug"}},
		{"/v1/tenants", `{"name": "x", "slug": "-x"}`, []string{"body.slug"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "status": "gone"}`, []string{"body.status"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "settings": []}`, []string{"body.settings"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "settings": null}`, []string{"body.settings"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "id": "y"}`, []string{"body.id"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "SLUG": "Y!"}`, []string{"body.SLUG"}},
		{"/v1/tenants", `[]`, []string{"body"}},
		{tenant + "/agents", `{}`, []string{"body.name"}},
		{tenant + "/agents", `{"name": "x", "tenant_id": "y"}`, []string{"body.tenant_id"}},
		{tenant + "/agents", `{"name": "x", "tool_assignments": ["y"]}`, []string{"body.tool_assignments[0]"}},
		{tenant + "/agents", `{"name": "x", "is_active": "yes"}`, []string{"body.is_active"}},
		{tenant + "/agents", `{"name": "x", "role": null}`, []string{"body.role"}},
		{tenant + "/channel-connections", `{"channel_type": "irc", "workspace_id": "a b"}`, []string{"body.channel_type", "body.workspace_id"}},
		{tenant + "/channel-connections", `{"channel_type": "slack", "workspace_id": "T1", "secrets": {"Bot Token": "x"}}`, []string{"body.secrets"}},
		{tenant + "/channel-connections", `{"channel_type": "slack", "workspace_id": "T1", "secrets": {"a": "", "b": "x", "c": "[redacted]"}}`, []string{"body.secrets.a", "body.secrets.c"}},
		{tenant + "/channel-connections", `{"channel_type": "slack", "workspace_id": "T1", "secrets": {"a": 1}}`, []string{"body.secrets.a"}},
	} {
		got := w.do(t, http.MethodPost, w.admin, tt.path, tt.body)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s: %s", tt.body, got.body)
		require.Equal(t, "validation_failed", got.code(t))
		require.ElementsMatch(t, tt.fields, got.fields(t), tt.body)
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x"} {
		got := w.get(t, w.admin, tenant+"/agents?"+query)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, query)
		require.Equal(t, []string{"query.limit"}, got.fields(t))
	}
	for _, body := range []string{``, `{`, `{"name": "a\u0000b", "slug": "x"}`, strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
		got := w.do(t, http.MethodPost, w.admin, "/v1/tenants", body)
		require.Equal(t, http.StatusBadRequest, got.status, body)
		require.Equal(t, "malformed_request", got.code(t))
	}
}

//nolint:paralleltest,tparallel // the steps follow each other
func TestAgents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, other := w.tenant(t, "acme"), w.tenant(t, "other")
	path, etag := w.create(t, acme+"/agents", map[string]any{
		"name": "Mara", "role": "Support", "tool_assignments": []any{map[string]any{"name": "search", "limits": map[string]any{"a": []any{1.5}}}},
	})
	elsewhere := strings.Replace(path, acme, other, 1)

	got := w.get(t, w.admin, path)
	require.Equal(t, http.StatusOK, got.status)
	body := got.json(t)
	require.Equal(t, "quality", body["model_preference"])
	require.Equal(t, true, body["is_active"])
	require.Equal(t, []any{}, body["escalation_rules"])
	require.Equal(t, []any{map[string]any{"name": "search", "limits": map[string]any{"a": []any{1.5}}}}, body["tool_assignments"])
	require.Equal(t, idOf(t, acme).String(), body["tenant_id"])

	t.Run("another tenant's is as missing as a missing one", func(t *testing.T) {
		missing := acme + "/agents/" + uuid.NewString()
		for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
			var change any
			if method == http.MethodPatch {
				change = map[string]any{"name": "Eve"}
			}
			a := w.do(t, method, w.admin, elsewhere, change, "If-Match", etag)
			b := w.do(t, method, w.admin, missing, change, "If-Match", etag)
			require.Equal(t, http.StatusNotFound, a.status, method)
			require.Equal(t, b.alike(), a.alike())
		}
		require.Equal(t, "Mara", w.get(t, w.admin, path).at(t, "name"))
	})
	t.Run("versions", func(t *testing.T) {
		patch := func(etag string) answer {
			header := []string{"If-Match", etag}
			if etag == "" {
				header = nil
			}
			return w.do(t, http.MethodPatch, w.admin, path, map[string]any{"persona": "calm"}, header...)
		}
		required := patch("")
		require.Equal(t, http.StatusPreconditionRequired, required.status)
		require.Equal(t, "precondition_required", required.code(t))
		first := patch(etag)
		require.Equal(t, http.StatusOK, first.status, first.body)
		for _, stale := range []string{etag, "W/" + etag, `"garbage!"`, strings.Trim(first.header.Get("ETag"), `"`), `""`, ","} {
			got := patch(stale)
			require.Equal(t, http.StatusPreconditionFailed, got.status, stale)
			require.Equal(t, "precondition_failed", got.code(t))
		}
		second := patch(etag + ", " + first.header.Get("ETag"))
		require.Equal(t, http.StatusOK, second.status, "one of several")
		require.NotEqual(t, first.header.Get("ETag"), second.header.Get("ETag"), "the clock stood still, the version didn't")
		require.Equal(t, http.StatusPreconditionFailed, patch(first.header.Get("ETag")).status)
		require.Equal(t, http.StatusOK, patch("*").status)
		require.Equal(t, http.StatusPreconditionFailed, w.do(t, http.MethodDelete, w.admin, path, nil, "If-Match", etag).status)
	})
	require.Equal(t, http.StatusNoContent, w.do(t, http.MethodDelete, w.admin, path, nil).status)
	require.Equal(t, http.StatusNotFound, w.do(t, http.MethodDelete, w.admin, path, nil).status)
}

// TestOneOfManyChangesWins: all of them saw the same version.
func TestOneOfManyChangesWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant(t, "acme")
	agent, agentTag := w.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	connection, connectionTag := w.create(t, tenant+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})
	for _, target := range []struct {
		path, etag string
		body       map[string]any
	}{
		{agent, agentTag, map[string]any{"persona": "calm"}},
		{connection, connectionTag, map[string]any{"secrets": map[string]any{"bot_token": "xoxb-1"}}},
	} {
		var racing sync.WaitGroup
		statuses := make(chan int, 8)
		for range cap(statuses) {
			racing.Go(func() {
				statuses <- w.do(t, http.MethodPatch, w.admin, target.path, target.body, "If-Match", target.etag).status
			})
		}
		racing.Wait()
		close(statuses)
		won := 0
		for status := range statuses {
			if status == http.StatusOK {
				won++
				continue
			}
			require.Equal(t, http.StatusPreconditionFailed, status)
		}
		require.Equal(t, 1, won, target.path)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, other := w.tenant(t, "acme"), w.tenant(t, "other")
	var want []string
	for i := range 5 {
		name := fmt.Sprintf("agent %d", i)
		w.create(t, acme+"/agents", map[string]any{"name": name})
		want = append(want, name)
	}
	w.create(t, other+"/agents", map[string]any{"name": "not this one"})

	var got, cursors []string
	for next := ""; ; {
		page := w.get(t, w.admin, acme+"/agents?limit=2&cursor="+url.QueryEscape(next)).json(t)
		for _, item := range page["items"].([]any) {
			got = append(got, item.(map[string]any)["name"].(string))
		}
		var more bool
		if next, more = page["next_cursor"].(string); !more {
			break
		}
		cursors = append(cursors, next)
	}
	require.Equal(t, want, got)
	require.Len(t, cursors, 2)
	require.JSONEq(t, `{"items": []}`, w.get(t, w.admin, w.tenant(t, "empty")+"/agents").body)

	flipped := []byte(cursors[0])
	flipped[3] ^= 1
	for name, path := range map[string]string{
		"another tenant":    other + "/agents?cursor=" + cursors[0],
		"another list":      acme + "/channel-connections?cursor=" + cursors[0],
		"the list above":    "/v1/tenants?cursor=" + cursors[0],
		"a changed cursor":  acme + "/agents?cursor=" + url.QueryEscape(string(flipped)),
		"a shortened one":   acme + "/agents?cursor=" + cursors[0][:20],
		"something made up": acme + "/agents?cursor=" + uuid.NewString(),
	} {
		got := w.get(t, w.admin, path)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, name)
		require.Equal(t, []string{"query.cursor"}, got.fields(t), name)
	}
	tenants := w.get(t, w.admin, "/v1/tenants?limit=1").json(t)
	require.NotEmpty(t, tenants["next_cursor"])
	require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/tenants?cursor="+tenants["next_cursor"].(string)).status)
}

func TestConnectionsKeepTheirSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.tenant(t, "acme")
	path, etag := w.create(t, acme+"/channel-connections", map[string]any{
		"channel_type": "slack", "workspace_id": "T0ACME", "config": map[string]any{"channels": []any{"C1"}},
		"secrets": map[string]any{"bot_token": "xoxb-first", "app_token": "xapp-first"},
	})
	stored := func() map[string]string {
		row, err := w.client.ChannelConnection.Get(tenancy.With(t.Context(), idOf(t, acme)), idOf(t, path).UUID())
		require.NoError(t, err)
		opened := map[string]string{}
		for name, sealed := range row.Secrets {
			require.NotContains(t, sealed, "first")
			secret, err := w.box.Open(secrets.Ref{Tenant: idOf(t, acme), Connection: row.ID, Channel: "slack"}, name, sealed)
			require.NoError(t, err)
			opened[name] = secret.Reveal()
		}
		return opened
	}
	patch := func(body map[string]any) answer {
		got := w.do(t, http.MethodPatch, w.admin, path, body, "If-Match", etag)
		if got.status == http.StatusOK {
			etag = got.header.Get("ETag")
		}
		require.NotContains(t, got.body, "xoxb")
		return got
	}
	require.Equal(t, map[string]string{"bot_token": "xoxb-first", "app_token": "xapp-first"}, stored())
	got := w.get(t, w.admin, path)
	require.Equal(t, []any{"app_token", "bot_token"}, got.at(t, "secret_names"))
	require.ElementsMatch(t, []string{"id", "tenant_id", "channel_type", "workspace_id", "status", "config", "secret_names", "created_at", "updated_at"}, keys(got.json(t)))

	require.Equal(t, http.StatusOK, patch(map[string]any{"status": "active"}).status)
	require.Equal(t, map[string]string{"bot_token": "xoxb-first", "app_token": "xapp-first"}, stored(), "absent is kept")
	require.Equal(t, http.StatusOK, patch(map[string]any{"secrets": map[string]any{"bot_token": "xoxb-second", "app_token": nil}}).status)
	require.Equal(t, map[string]string{"bot_token": "xoxb-second"}, stored(), "null is removed")
	for _, mark := range []string{"[redacted]", "••••••", "xoxb-***", ""} {
		refused := patch(map[string]any{"secrets": map[string]any{"bot_token": mark}})
		require.Equal(t, http.StatusUnprocessableEntity, refused.status, mark)
		require.Equal(t, []string{"body.secrets.bot_token"}, refused.fields(t))
	}
	require.Equal(t, map[string]string{"bot_token": "xoxb-second"}, stored())
	require.Equal(t, http.StatusUnprocessableEntity, patch(map[string]any{"workspace_id": "T0OTHER"}).status, "a connection doesn't move")

	stale := w.do(t, http.MethodPatch, w.admin, path, map[string]any{"status": "revoked"}, "If-Match", `"abc"`)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Equal(t, http.StatusOK, w.do(t, http.MethodPatch, w.admin, path, map[string]any{"status": "revoked"}, "If-Match", "*").status)
	require.Equal(t, http.StatusPreconditionFailed, w.do(t, http.MethodDelete, w.admin, path, nil, "If-Match", etag).status)
	require.Equal(t, http.StatusNoContent, w.do(t, http.MethodDelete, w.admin, path, nil).status)
	require.Equal(t, http.StatusNotFound, w.get(t, w.admin, path).status)
}

// TestTenantsAreChangedByVersion: a change that was based on another version than the current one is refused.
func TestTenantsAreChangedByVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, first := w.create(t, "/v1/tenants", map[string]any{"name": "Acme", "slug": "acme"})
	change := func(name string, header ...string) answer {
		return w.do(t, http.MethodPatch, w.admin, path, map[string]any{"name": name}, header...)
	}
	missing := change("none")
	require.Equal(t, http.StatusPreconditionRequired, missing.status)
	changed := change("one", "If-Match", first)
	require.Equal(t, http.StatusOK, changed.status)
	second := changed.header.Get("ETag")
	require.NotEqual(t, first, second)
	for _, stale := range []string{first, `"abc"`, first + `, "abc"`} {
		refused := change("two", "If-Match", stale)
		require.Equal(t, http.StatusPreconditionFailed, refused.status, stale)
		require.Equal(t, "precondition_failed", refused.code(t))
	}
	require.Equal(t, "one", w.get(t, w.admin, path).at(t, "name"), "nothing of it was done")
	require.Equal(t, http.StatusOK, change("three", "If-Match", first+", "+second).status)
	require.Equal(t, http.StatusOK, change("four", "If-Match", "*").status)
	require.Equal(t, http.StatusPreconditionFailed, w.do(t, http.MethodDelete, w.admin, path, nil, "If-Match", second).status)
	require.Equal(t, "four", w.get(t, w.admin, path).at(t, "name"))
}

// TestConnectionsOfAPlatformAdminAreActive: unless they say otherwise.
func TestConnectionsOfAPlatformAdminAreActive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := w.tenant(t, "acme") + "/channel-connections"
	for workspace, status := range map[string]string{"T1": "", "T2": "pending", "T3": "active", "T4": "revoked"} {
		body := map[string]any{"channel_type": "slack", "workspace_id": workspace}
		if status != "" {
			body["status"] = status
		}
		path, _ := w.create(t, list, body)
		want := status
		if want == "" {
			want = "active"
		}
		require.Equal(t, want, w.get(t, w.admin, path).at(t, "status"), workspace)
		require.Equal(t, http.StatusOK, w.slack(t, slackMessage(workspace, "hello "+workspace)).status)
	}
	require.Len(t, w.delivered, 2, "T1 and T3")
}

func TestDeletingATenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, other := w.tenant(t, "acme"), w.tenant(t, "other")
	for _, tenant := range []string{acme, other} {
		for i := range 3 {
			w.create(t, tenant+"/agents", map[string]any{"name": strconv.Itoa(i)})
		}
	}
	w.create(t, acme+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0ACME"})

	full := w.do(t, http.MethodDelete, w.admin, acme, nil)
	require.Equal(t, http.StatusConflict, full.status)
	require.Equal(t, "tenant_not_empty", full.code(t))

	stale := w.do(t, http.MethodDelete, w.admin, acme+"?purge=true", nil, "If-Match", `"abc"`)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Len(t, w.get(t, w.admin, acme+"/agents").at(t, "items"), 3, "nothing of it was done")

	purged := w.do(t, http.MethodDelete, w.admin, acme+"?purge=true", nil)
	require.Equal(t, http.StatusOK, purged.status, purged.body)
	require.JSONEq(t, `{"deleted": {"agents": 3, "channel_connections": 1}}`, purged.body)
	require.Equal(t, http.StatusNotFound, w.get(t, w.admin, acme).status)
	require.Len(t, w.get(t, w.admin, other+"/agents").at(t, "items"), 3)
	require.Contains(t, w.logs.String(), `"purge":true`)

	empty := w.tenant(t, "empty")
	gone := w.do(t, http.MethodDelete, w.admin, empty, nil)
	require.Equal(t, http.StatusNoContent, gone.status)
	require.Empty(t, gone.body)
}

func keys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	return names
}
