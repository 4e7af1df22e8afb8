package server_test

import (
	"context"
	"net/http"
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
		purged := b.do(t, http.MethodDelete, b.admin, tenant+"?purge=true", nil)
		require.Equal(t, http.StatusOK, purged.status, purged.body)
		stop()
		for status, count := range counted {
			outcomes[status] += count
		}
		require.Zero(t, b.queryInt(t, `SELECT count(*) FROM agents WHERE tenant_id::text = $1`, idOf(t, tenant).String()))
	}
	t.Log("outcomes of the writes:", outcomes)
	require.GreaterOrEqual(t, outcomes[http.StatusCreated], purges, "rows to purge")
	require.GreaterOrEqual(t, outcomes[http.StatusNotFound], purges, "writes after the purge")
	delete(outcomes, http.StatusCreated)
	delete(outcomes, http.StatusNotFound)
	require.Empty(t, outcomes, "no other outcome")
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
				status := b.post(t, b.admin, tenant+"/agents", map[string]any{"name": "Mara"}).status
				mu.Lock()
				outcomes[status]++
				mu.Unlock()
				first()
				if status == http.StatusNotFound {
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
	b.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	b.setRoleParameter(t, "lock_timeout", "200")

	holder := b.beginTx(t, `SELECT FROM tenants WHERE id = $1 FOR UPDATE`, idOf(t, tenant).String())
	for _, got := range []response{
		b.do(t, http.MethodDelete, b.admin, tenant+"?purge=true", nil),
		b.do(t, http.MethodDelete, b.admin, tenant, nil),
		b.post(t, b.admin, tenant+"/agents", map[string]any{"name": "Nora"}),
	} {
		require.Equal(t, http.StatusServiceUnavailable, got.status, got.body)
		require.Equal(t, "unavailable", got.code(t))
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
	require.NoError(t, holder.Rollback(t.Context()))
	require.Len(t, b.get(t, b.admin, tenant+"/agents").at(t, "items"), 1, "nothing was done")
	require.Equal(t, http.StatusOK, b.do(t, http.MethodDelete, b.admin, tenant+"?purge=true", nil).status)
}

// TestPurgeRetriesDeadlocks: a transaction that updates an agent before it inserts another takes the purge's locks in
// the opposite order.
func TestPurgeRetriesDeadlocks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	id := idOf(t, tenant).String()
	b.setRoleParameter(t, "lock_timeout", "12000")

	other := b.beginTx(t, `UPDATE agents SET role = 'x' WHERE tenant_id = $1`, id)
	purged := make(chan response, 1)
	go func() { purged <- b.do(t, http.MethodDelete, b.admin, tenant+"?purge=true", nil) }() //nolint:testifylint // do asserts only its encoding
	b.waitForLocks(t, 1, `DELETE FROM "agents"%`)
	// The purge has waited longer, so it usually detects the deadlock.
	_, err := other.Exec(t.Context(), `INSERT INTO agents (id, tenant_id, name) VALUES (gen_random_uuid(), $1, 'Nora')`, id)
	if err == nil {
		err = other.Commit(t.Context())
	}
	t.Log("the other transaction:", err)
	got := <-purged
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM agents WHERE tenant_id::text = $1`, id))
}
