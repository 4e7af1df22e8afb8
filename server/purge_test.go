package server_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	purges       = 30
	purgeWriters = 4
)

// TestPurgeDuringWrites purges tenants while agents are created in them.
func TestPurgeDuringWrites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	outcomes := map[int]int{}
	for n := range purges {
		tenant := b.createTenant(t, "purged-"+strconv.Itoa(n))
		stop, counted := b.createAgentsConcurrently(t, tenant)
		b.admin.delete(t, tenant+"?purge=true").is(200)
		stop()
		for status, count := range counted {
			outcomes[status] += count
		}
		require.Zero(t, b.countAgents(t, tenant))
	}
	t.Log("outcomes of the writes:", outcomes)
	require.GreaterOrEqual(t, outcomes[201], purges, "rows to purge")
	require.GreaterOrEqual(t, outcomes[404], purges, "writes after the purge")
	require.Len(t, outcomes, 2, "no other outcome")
}

func (b *testBundle) countAgents(t *testing.T, tenant string) int {
	t.Helper()
	return b.queryInt(t, `SELECT count(*) FROM agents WHERE tenant_id::text = $1`, idText(tenant))
}

// createAgentsConcurrently starts writers and returns when each has created an agent. They end after the purge.
func (b *testBundle) createAgentsConcurrently(t *testing.T, tenant string) (stop func(), outcomes map[int]int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	outcomes = map[int]int{}
	var mu sync.Mutex
	var writing, started sync.WaitGroup
	started.Add(purgeWriters)
	for range purgeWriters {
		writing.Go(func() {
			first := sync.OnceFunc(started.Done)
			for ctx.Err() == nil {
				status := b.admin.post(t, tenant+"/agents", `{"name": "Mara"}`).status
				mu.Lock()
				outcomes[status]++
				mu.Unlock()
				first()
				if status == 404 {
					return
				}
			}
		})
	}
	started.Wait()
	return func() { // each writer gets a 404
		time.AfterFunc(10*time.Second, cancel)
		writing.Wait()
		cancel()
	}, outcomes
}

func TestPurgeLockTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.createAgent(t, tenant)
	b.setRoleParameter(t, "lock_timeout", "200")

	holder := b.beginTx(t, `SELECT FROM tenants WHERE id = $1 FOR UPDATE`, idText(tenant))
	b.admin.delete(t, tenant+"?purge=true").is(503)
	b.admin.delete(t, tenant).is(503)
	b.admin.post(t, tenant+"/agents", `{"name": "Nora"}`).is(503)
	require.NoError(t, holder.Rollback(t.Context()))
	require.Len(t, b.admin.get(t, tenant+"/agents").items(), 1, "nothing was done")
	b.admin.delete(t, tenant+"?purge=true").is(200)
}

// TestPurgeRetriesDeadlocks: a transaction that updates an agent before it inserts another takes the purge's locks in
// the opposite order.
func TestPurgeRetriesDeadlocks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.createAgent(t, tenant)
	id := idText(tenant)
	b.setRoleParameter(t, "lock_timeout", "12000")

	other := b.beginTx(t, `UPDATE agents SET role = 'x' WHERE tenant_id = $1`, id)
	purged := make(chan map[int]int, 1)
	purge := func() response { return b.admin.delete(t, tenant+"?purge=true") }
	go func() { purged <- concurrently(purge) }()
	b.waitForLocks(t, 1, `DELETE FROM "agents"%`)
	// The purge has waited longer, so it usually detects the deadlock.
	_, err := other.Exec(t.Context(), `INSERT INTO agents (id, tenant_id, name) VALUES (gen_random_uuid(), $1, 'Nora')`, id)
	if err == nil {
		err = other.Commit(t.Context())
	}
	t.Log("the other transaction:", err)
	require.Equal(t, map[int]int{200: 1}, <-purged)
	require.Zero(t, b.countAgents(t, tenant))
}
