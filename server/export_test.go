package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// streamed is a response of an export, whose writes call on.
type streamed struct {
	*httptest.ResponseRecorder

	on func(writes int)
	n  int
}

func (s *streamed) Write(p []byte) (int, error) {
	s.n++
	s.on(s.n)
	return s.ResponseRecorder.Write(p)
}

// export returns the events of an export and its trailer.
func (c client) export(t *testing.T, path string, on func(writes int)) (events []object, trailer object) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+c.token)
	w := &streamed{ResponseRecorder: httptest.NewRecorder(), on: on}
	c.bundle.Handler().ServeHTTP(w, r)
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, "application/x-ndjson", w.Header().Get("Content-Type"))
	require.Empty(t, w.Header().Get("Content-Length"))
	for line := range bytes.Lines(w.Body.Bytes()) {
		var event object
		require.NoError(t, json.Unmarshal(line, &event))
		events = append(events, event)
	}
	last := len(events) - 1
	require.Equal(t, "trailer", events[last]["type"])
	return events[:last], events[last]
}

func quietly(int) {}

func TestExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	owner := b.login(t, b.createMember(t, tenant, "owner"))
	b.createAgent(t, tenant)
	b.insertEvents(t, tenant, 2100)
	path := tenant + "/audit-events/export"

	events, trailer := owner.export(t, path+"?from=2020-01-01T00:00:00Z", quietly)
	require.Len(t, events, 2103)
	require.Equal(t, object{"type": "trailer", "count": 2103.0, "complete": true}, trailer)
	var ids []string
	for _, event := range events {
		ids = append(ids, event["id"].(string))
	}
	require.Equal(t, b.queryTexts(t, `SELECT id FROM audit_events ORDER BY id DESC`), ids)
	exported := b.events(t, "audit_events")
	found := 0
	for i, event := range exported {
		if event["action"] == "export-audit-events" {
			found++
			require.Subset(t, event, object{"object_type": "tenant", "object_id": idText(tenant), "details": object{"filters": []any{"from"}}})
			require.Contains(t, ids, exported[i]["id"], "recorded before the first event is read")
		}
	}
	require.Equal(t, 1, found)

	events, trailer = owner.export(t, path+"?action=create-agent", quietly)
	require.Equal(t, object{"type": "trailer", "count": 1.0, "complete": true}, trailer)
	require.Equal(t, owner.get(t, tenant+"/audit-events?action=create-agent").items(), events, "as the list shows them")
	require.Equal(t, "Platform admin", events[0]["actor"].(object)["name"])
	events, trailer = owner.export(t, path+"?action=nothing", quietly)
	require.Empty(t, events)
	require.Equal(t, object{"type": "trailer", "count": 0.0, "complete": true}, trailer)

	before := b.count(t, "audit_events")
	head := owner.do(t, http.MethodHead, path, nil).is(200)
	require.Equal(t, "application/x-ndjson", head.header.Get("Content-Type"))
	require.Equal(t, before, b.count(t, "audit_events"), "nothing was exported")
	owner.get(t, path+"?cursor=x").invalid("query.cursor")
	owner.get(t, path+"?action=A").invalid("query.action")
	b.login(t, b.createMember(t, tenant, "editor")).get(t, path).is(403)

	events, _ = b.admin.export(t, "/v1/audit-events/export", quietly)
	require.Equal(t, "export-audit-events", events[0]["action"])
	require.Equal(t, "login", events[1]["action"])
}

// TestExportTakesTime: an export that would take too long says how to go on.
func TestExportTakesTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.insertEvents(t, tenant, 2500)
	path := tenant + "/audit-events/export?action=test"
	var all []object
	query := ""
	for _, want := range []object{{"count": 1000.0, "complete": false}, {"count": 1000.0, "complete": false}, {"count": 500.0, "complete": true}} {
		events, trailer := b.admin.export(t, path+query, func(writes int) {
			if writes == 1 {
				b.advance(15 * time.Second)
			}
		})
		require.Subset(t, trailer, want)
		all = append(all, events...)
		cursor, _ := trailer["next_cursor"].(string)
		query = "&cursor=" + cursor
	}
	seen := map[any]bool{}
	for _, event := range all {
		seen[event["id"]] = true
	}
	require.Len(t, all, 2500)
	require.Len(t, seen, 2500)
}

// TestOneExport: one export of a log runs at a time.
func TestOneExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	path := tenant + "/audit-events/export"
	during := 0
	b.admin.export(t, path, func(writes int) {
		if writes == 1 {
			during++
			b.admin.get(t, path).is(409, "limit_reached")
			b.admin.export(t, other+"/audit-events/export", quietly)
			b.admin.export(t, "/v1/audit-events/export", quietly)
			b.admin.get(t, tenant+"/audit-events").is(200)
		}
	})
	require.Equal(t, 1, during)
	b.admin.get(t, path+"?cursor=x").is(422)
	b.admin.export(t, path, quietly)
}

// TestExportFails: a response that was cut off has no trailer, and its connection is aborted.
func TestExportFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.insertEvents(t, tenant, 1500)
	path := tenant + "/audit-events/export"
	recorder := httptest.NewRecorder()
	w := &streamed{ResponseRecorder: recorder, on: func(int) { b.exec(t, `REVOKE SELECT ON audit_events FROM konstruct_app`) }}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+b.admin.token)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { b.Handler().ServeHTTP(w, r) })
	require.Contains(t, recorder.Body.String(), `"action":"test"`)
	require.NotContains(t, recorder.Body.String(), "trailer")
	require.Contains(t, b.logs.String(), "an export of the audit log was aborted")

	b.admin.get(t, path).is(500) // a problem, because no event was written
	b.exec(t, `GRANT SELECT ON audit_events TO konstruct_app`)
	b.admin.export(t, path, quietly)
	b.exec(t, `REVOKE INSERT ON audit_events FROM konstruct_app`)
	b.admin.get(t, path).is(500)
}
