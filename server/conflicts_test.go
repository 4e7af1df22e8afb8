package server_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

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
	require.Equal(t, own.alike(), others.alike(), "the answer does not tell who has it")
	w.create(t, b+"/channel-connections", map[string]any{"channel_type": "mattermost", "workspace_id": "T0A"})
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

// TestConcurrentChangesOfAnyVersion: neither is refused or lost.
func TestConcurrentChangesOfAnyVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	connection, _ := w.create(t, w.tenant(t, "acme")+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})
	w.setting(t, "lock_timeout", "12000")
	holder := w.begin(t, `SELECT FROM channel_connections FOR UPDATE`)
	var racing sync.WaitGroup
	statuses := make(chan int, 2)
	for _, secret := range []string{"app_token", "bot_token"} {
		racing.Go(func() {
			body := map[string]any{"secrets": map[string]any{secret: "xoxb-1"}}
			statuses <- w.do(t, http.MethodPatch, w.admin, connection, body, "If-Match", "*").status
		})
	}
	w.waiting(t, 2, `%channel_connections%`)
	require.NoError(t, holder.Rollback(t.Context()))
	racing.Wait()
	require.Equal(t, []int{http.StatusOK, http.StatusOK}, []int{<-statuses, <-statuses})
	require.Equal(t, []any{"app_token", "bot_token"}, w.get(t, w.admin, connection).at(t, "secret_names"))
}
