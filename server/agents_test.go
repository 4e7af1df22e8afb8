package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

//nolint:paralleltest,tparallel // the steps follow each other
func TestAgents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	path, etag := b.create(t, acme+"/agents", map[string]any{
		"name": "Mara", "role": "Support", "tool_assignments": []any{map[string]any{"name": "search", "limits": map[string]any{"a": []any{1.5}}}},
	})
	elsewhere := strings.Replace(path, acme, other, 1)

	got := b.get(t, b.admin, path)
	require.Equal(t, http.StatusOK, got.status)
	body := got.json(t)
	require.Equal(t, "quality", body["model_preference"])
	require.Equal(t, true, body["is_active"])
	require.Equal(t, []any{}, body["escalation_rules"])
	require.Equal(t, []any{map[string]any{"name": "search", "limits": map[string]any{"a": []any{1.5}}}}, body["tool_assignments"])
	require.Equal(t, idOf(t, acme).String(), body["tenant_id"])

	t.Run("not from another tenant", func(t *testing.T) {
		missing := acme + "/agents/" + uuid.NewString()
		for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
			var change any
			if method == http.MethodPatch {
				change = map[string]any{"name": "Eve"}
			}
			want := b.do(t, method, b.admin, missing, change, "If-Match", etag)
			got := b.do(t, method, b.admin, elsewhere, change, "If-Match", etag)
			require.Equal(t, http.StatusNotFound, got.status, method)
			require.Equal(t, want.stableBody(), got.stableBody())
		}
		require.Equal(t, "Mara", b.get(t, b.admin, path).at(t, "name"))
	})
	t.Run("versions", func(t *testing.T) {
		patch := func(etag string) response {
			header := []string{"If-Match", etag}
			if etag == "" {
				header = nil
			}
			return b.do(t, http.MethodPatch, b.admin, path, map[string]any{"persona": "calm"}, header...)
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
		require.Equal(t, http.StatusOK, second.status, "one of several tags")
		require.NotEqual(t, first.header.Get("ETag"), second.header.Get("ETag"), "a new version at the same time")
		require.Equal(t, http.StatusPreconditionFailed, patch(first.header.Get("ETag")).status)
		require.Equal(t, http.StatusOK, patch("*").status)
		require.Equal(t, http.StatusPreconditionFailed, b.do(t, http.MethodDelete, b.admin, path, nil, "If-Match", etag).status)
	})
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodDelete, b.admin, path, nil).status)
	require.Equal(t, http.StatusNotFound, b.do(t, http.MethodDelete, b.admin, path, nil).status)
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	var want []string
	for i := range 5 {
		name := fmt.Sprintf("agent %d", i)
		b.create(t, acme+"/agents", map[string]any{"name": name})
		want = append(want, name)
	}
	b.create(t, other+"/agents", map[string]any{"name": "another tenant's"})

	var got, cursors []string
	for next := ""; ; {
		page := b.get(t, b.admin, acme+"/agents?limit=2&cursor="+url.QueryEscape(next)).json(t)
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
	require.JSONEq(t, `{"items": []}`, b.get(t, b.admin, b.createTenant(t, "empty")+"/agents").body)

	flipped := []byte(cursors[0])
	flipped[3] ^= 1
	for name, path := range map[string]string{
		"another tenant":  other + "/agents?cursor=" + cursors[0],
		"another list":    acme + "/channel-connections?cursor=" + cursors[0],
		"list of tenants": "/v1/tenants?cursor=" + cursors[0],
		"altered":         acme + "/agents?cursor=" + url.QueryEscape(string(flipped)),
		"truncated":       acme + "/agents?cursor=" + cursors[0][:20],
		"non-canonical":   acme + "/agents?cursor=" + cursors[0] + "%0a",
		"invalid":         acme + "/agents?cursor=" + uuid.NewString(),
	} {
		got := b.get(t, b.admin, path)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, name)
		require.Equal(t, []string{"query.cursor"}, got.fields(t), name)
	}
	tenants := b.get(t, b.admin, "/v1/tenants?limit=1").json(t)
	require.NotEmpty(t, tenants["next_cursor"])
	require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/tenants?cursor="+tenants["next_cursor"].(string)).status)
}
