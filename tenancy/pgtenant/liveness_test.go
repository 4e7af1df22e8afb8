package pgtenant_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/faultproxy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const untilStale = 1100 * time.Millisecond

func (h *testBundle) warm(t *testing.T, n int) {
	t.Helper()
	var ends []func()
	for range n {
		ends = append(ends, h.hold(t.Context(), t))
	}
	for _, end := range ends {
		end()
	}
	require.EqualValues(t, n, h.Pool().Stat().IdleConns())
}

// frozen returns stale connections of a proxy that accepts data on them but never answers.
func frozen(t *testing.T, conns int32) (*testBundle, *faultproxy.Proxy) {
	t.Helper()
	h, proxy := proxied(t, pgtenant.WithMaxConns(conns))
	h.warm(t, int(conns))
	require.EqualValues(t, conns, proxy.Freeze())
	time.Sleep(untilStale)
	return h, proxy
}

func TestOnlyAStaleConnectionIsPinged(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		trips := func() int64 {
			before := h.trips.Count()
			require.Equal(t, "a1", h.names(h.asA, t))
			return h.trips.Count() - before
		}
		trips()
		require.EqualValues(t, 1, trips())
		time.Sleep(untilStale)
		require.EqualValues(t, 2, trips())
		require.EqualValues(t, 1, trips())
	})
}

// New connections work.
func TestFrozenConnections(t *testing.T) {
	t.Parallel()
	h, _ := frozen(t, 8)
	for i := range 9 {
		start := time.Now()
		require.Equal(t, "a1", h.names(h.asA, t))
		require.Less(t, time.Since(start), 2*time.Second, "request %d", i)
	}
	// All were tested after the first one, and left the pool.
	require.Eventually(t, func() bool { return h.Pool().Stat().TotalConns() <= 2 }, 3*time.Second, shortly)
	h.healthy(t)
}

func TestFrozenConnectionsUnderConcurrentRequests(t *testing.T) {
	t.Parallel()
	h, _ := frozen(t, 8)
	start := time.Now()
	served, failed := h.crowd(t, 32, shortly, "select 1")
	require.Less(t, time.Since(start), 3*time.Second)
	require.GreaterOrEqual(t, served, int64(32))
	require.Zero(t, failed)
}

// After one dead connection the others are tested, not closed.
func TestLiveConnectionsSurviveADeadOne(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(4))
	h.warm(t, 4)
	time.Sleep(untilStale)
	require.Equal(t, 1, h.count(t, `select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid() order by state_change desc limit 1) as last`))
	created := h.Pool().Stat().NewConnsCount()
	h.healthy(t)
	require.Eventually(t, func() bool { return h.Pool().Stat().IdleConns() >= 3 }, time.Second, shortly/5)
	require.LessOrEqual(t, h.Pool().Stat().NewConnsCount()-created, int64(1))
}

func TestContextEndsDuringAPing(t *testing.T) {
	t.Parallel()
	h, _ := frozen(t, 2)
	ctx, cancel := context.WithTimeout(h.asA, 2*shortly)
	defer cancel()
	start := time.Now()
	require.ErrorIs(t, exec(ctx, h, "select 1"), context.DeadlineExceeded)
	require.Less(t, time.Since(start), 18*shortly, "a ping may take a second")
	h.healthy(t)
}

// A connection that freezes in use ends with its statement's context. The pool does not count it while pgx closes it.
func TestFrozenInUse(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		proxy := h.proxied(t, pgtenant.WithQueryMode(h.mode), pgtenant.WithMaxConns(1))
		h.warm(t, 1)
		proxy.Freeze()
		ctx, cancel := context.WithTimeout(h.asA, 4*shortly)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, exec(ctx, h, "select 1"), context.DeadlineExceeded)
		h.healthy(t)
		require.Less(t, time.Since(start), 4*time.Second)
	})
}

// If the network is silent, an attempt to connect ends before the acquire timeout, with its cause.
func TestSilentNetwork(t *testing.T) {
	t.Parallel()
	h, proxy := frozen(t, 2)
	proxy.Hang(true)
	start := time.Now()
	err := exec(h.asA, h, "select 1")
	requireCause(t, pgtenant.CauseTimeout, err)
	require.Less(t, time.Since(start), 4*time.Second)
	proxy.Hang(false)
	h.healthy(t)
}
