package server_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConflicts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.createTenant(t, "a"), b.createTenant(t, "b")
	b.create(t, first+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})

	name := b.post(t, b.admin, "/v1/tenants", map[string]any{"name": "a", "slug": "c"})
	slug := b.post(t, b.admin, "/v1/tenants", map[string]any{"name": "c", "slug": "a"})
	own := b.post(t, b.admin, first+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})
	others := b.post(t, b.admin, second+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})
	renamed := b.do(t, http.MethodPatch, b.admin, second, map[string]any{"slug": "a"}, "If-Match", "*")
	for _, tt := range []struct {
		response

		field string
	}{{name, "body.name"}, {slug, "body.slug"}, {own, "body.workspace_id"}, {others, "body.workspace_id"}, {renamed, "body.slug"}} {
		require.Equal(t, http.StatusConflict, tt.status)
		require.Equal(t, "already_taken", tt.code(t))
		require.Equal(t, []string{tt.field}, tt.fields(t), "a platform admin learns which")
	}
	require.Equal(t, own.stableBody(), others.stableBody(), "the same for the own and another tenant")
	b.create(t, second+"/channel-connections", map[string]any{"channel_type": "mattermost", "workspace_id": "T0A"})
}

// TestConcurrentUpdatesOfOneVersion: exactly one update succeeds.
func TestConcurrentUpdatesOfOneVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	agent, agentTag := b.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	connection, connectionTag := b.create(t, tenant+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})
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
				statuses <- b.do(t, http.MethodPatch, b.admin, target.path, target.body, "If-Match", target.etag).status
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

// TestConcurrentUpdatesOfAnyVersion: both updates succeed and neither is lost.
func TestConcurrentUpdatesOfAnyVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	connection, _ := b.create(t, b.createTenant(t, "acme")+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0A"})
	b.setRoleParameter(t, "lock_timeout", "12000")
	holder := b.beginTx(t, `SELECT FROM channel_connections FOR UPDATE`)
	var racing sync.WaitGroup
	statuses := make(chan int, 2)
	for _, secret := range []string{"app_token", "bot_token"} {
		racing.Go(func() {
			body := map[string]any{"secrets": map[string]any{secret: "xoxb-1"}}
			statuses <- b.do(t, http.MethodPatch, b.admin, connection, body, "If-Match", "*").status
		})
	}
	b.waitForLocks(t, 2, `%channel_connections%`)
	require.NoError(t, holder.Rollback(t.Context()))
	racing.Wait()
	require.Equal(t, []int{http.StatusOK, http.StatusOK}, []int{<-statuses, <-statuses})
	require.Equal(t, []any{"app_token", "bot_token"}, b.get(t, b.admin, connection).at(t, "secret_names"))
}
