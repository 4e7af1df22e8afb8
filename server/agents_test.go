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
		"a second spelling": acme + "/agents?cursor=" + cursors[0] + "%0a",
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
