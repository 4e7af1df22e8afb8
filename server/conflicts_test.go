package server_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConflicts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.createTenant(t, "a"), b.createTenant(t, "b")
	b.connect(t, first, "T0A")
	workspace := `{"channel_type": "slack", "workspace_id": "T0A"}`
	own := b.admin.post(t, first+"/channel-connections", workspace)
	b.admin.post(t, second+"/channel-connections", workspace).sameAs(own)
	for field, got := range map[string]response{
		"body.name":         b.admin.post(t, "/v1/tenants", `{"name": "a", "slug": "c"}`),
		"body.slug":         b.admin.post(t, "/v1/tenants", `{"name": "c", "slug": "a"}`),
		"body.workspace_id": own,
	} {
		require.Equal(t, []string{field}, got.is(409).fields(), "a platform admin learns which")
	}
	require.Equal(t, []string{"body.slug"}, b.admin.patch(t, second, "*", `{"slug": "a"}`).is(409).fields())
	b.create(t, second+"/channel-connections", `{"channel_type": "mattermost", "workspace_id": "T0A"}`)
}

func concurrently(requests ...func() response) (statuses map[int]int) {
	var racing sync.WaitGroup
	all := make(chan int, len(requests))
	for _, request := range requests {
		racing.Go(func() { all <- request().status })
	}
	racing.Wait()
	close(all)
	statuses = map[int]int{}
	for status := range all {
		statuses[status]++
	}
	return statuses
}

// TestConcurrentUpdatesOfOneVersion: exactly one update succeeds.
func TestConcurrentUpdatesOfOneVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, r := range b.createAll(t) {
		var updates []func() response
		for range 8 {
			updates = append(updates, func() response { return b.admin.patch(t, r.path, r.etag, r.update) })
		}
		require.Equal(t, map[int]int{200: 1, 412: 7}, concurrently(updates...), r.path)
	}
}

// TestConcurrentUpdatesOfAnyVersion: both updates succeed and neither is lost.
func TestConcurrentUpdatesOfAnyVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path, _ := b.connect(t, b.createTenant(t, "acme"), "T0A")
	b.setRoleParameter(t, "lock_timeout", "12000")
	holder := b.beginTx(t, `SELECT FROM channel_connections FOR UPDATE`)
	update := func(secret string) func() response {
		return func() response { return b.admin.patch(t, path, "*", object{"secrets": object{secret: "xoxb-1"}}) }
	}
	statuses := make(chan map[int]int)
	go func() { statuses <- concurrently(update("app_token"), update("bot_token")) }()
	b.waitForLocks(t, 2, `%channel_connections%`)
	require.NoError(t, holder.Rollback(t.Context()))
	require.Equal(t, map[int]int{200: 2}, <-statuses)
	require.Equal(t, []any{"app_token", "bot_token"}, b.admin.get(t, path).at("secret_names"))
}
