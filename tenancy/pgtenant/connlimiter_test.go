package pgtenant_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/faultproxy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const nap = "select pg_sleep(0.002)"

func proxied(t *testing.T, opts ...pgtenant.Option) (*testBundle, *faultproxy.Proxy) {
	t.Helper()
	h := setup(t)
	proxy := h.proxied(t, opts...)
	return h, proxy
}

// proxied reconnects through a proxy.
func (h *testBundle) proxied(t *testing.T, opts ...pgtenant.Option) *faultproxy.Proxy {
	t.Helper()
	require.NoError(t, h.Close())
	proxy := faultproxy.Start(t, h.url)
	h.url = proxy.URL() + "&connect_timeout=1"
	h.use(h.open(t, opts...))
	return proxy
}

// allow sets how many connections the server accepts for this database besides the superuser's; negative is no limit.
func (h *testBundle) allow(t *testing.T, connections int) {
	t.Helper()
	if connections >= 0 {
		connections++
	}
	h.alter(t, fmt.Sprintf("connection limit %d", connections))
}

// hold keeps a connection in a transaction until the returned function ends it.
func (h *testBundle) hold(ctx context.Context, t *testing.T) (end func()) {
	t.Helper()
	tx := h.begin(ctx, t)
	require.NoError(t, exec(ctx, tx, "select 1"))
	return func() { _ = tx.Rollback() }
}

// crowd runs the statement in each client, at least once and for the given time, and counts the outcomes.
func (h *testBundle) crowd(t *testing.T, clients int, lasting time.Duration, query string) (served, failed int64) {
	t.Helper()
	var ok, bad atomic.Int64
	var wg sync.WaitGroup
	until := time.Now().Add(lasting)
	for range clients {
		wg.Go(func() {
			for again := true; again; again = time.Now().Before(until) {
				if err := exec(t.Context(), h, query); err != nil {
					bad.Add(1)
					t.Log(err)
				} else {
					ok.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return ok.Load(), bad.Load()
}

func TestServerAcceptsLessThanThePool(t *testing.T) {
	t.Parallel()
	h, proxy := proxied(t, pgtenant.WithMaxConns(8))
	h.allow(t, 3)
	before := proxy.Accepted()
	served, failed := h.crowd(t, 16, time.Second, nap)
	require.Zero(t, failed)
	require.Positive(t, served)
	// Eight at the beginning, then one per backoff, which doubles; jitter at most halves it.
	require.LessOrEqual(t, proxy.Accepted()-before, 8+6, "dialing backs off")

	h.allow(t, -1)
	_, failed = h.crowd(t, 16, 2*time.Second, nap)
	require.Zero(t, failed)
	require.EqualValues(t, 8, h.Pool().Stat().TotalConns(), "the pool grows again")
	h.healthy(t)
}

// After one refusal no further connection is tried for the same request.
func TestRefusedRequestMakesOneAttempt(t *testing.T) {
	t.Parallel()
	h, proxy := proxied(t, pgtenant.WithMaxConns(8))
	h.hold(t.Context(), t)
	h.allow(t, 1)
	before := proxy.Accepted()
	ctx, cancel := context.WithTimeout(t.Context(), 4*shortly)
	defer cancel()
	require.ErrorIs(t, exec(ctx, h, "select 1"), context.DeadlineExceeded)
	// Its attempt, and those after at least 25, 75 and 175 ms.
	require.LessOrEqual(t, proxy.Accepted()-before, 4)
	require.Positive(t, proxy.Accepted()-before)
}

// Connections that the server ends are replaced, even if it sometimes refuses new ones.
func TestConnectionsEndWhileTheServerRefuses(t *testing.T) {
	t.Parallel()
	h, _ := proxied(t, pgtenant.WithMaxConns(8))
	h.allow(t, 3)
	_, failed := h.crowd(t, 16, time.Second/2, nap)
	require.Zero(t, failed)
	h.terminate(t)
	_, failed = h.crowd(t, 16, time.Second, nap)
	// Each of the three ended connections fails one statement.
	require.LessOrEqual(t, failed, int64(3))
	h.healthy(t)
}

// If no connection can be opened, the next released one is used.
func TestWaitsForAnOpenConnection(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*testing.T, *testBundle, *faultproxy.Proxy){
		"limit":   func(t *testing.T, h *testBundle, _ *faultproxy.Proxy) { t.Helper(); h.allow(t, 1) },
		"refused": func(_ *testing.T, _ *testBundle, p *faultproxy.Proxy) { p.Refuse() },
		"hanging": func(_ *testing.T, _ *testBundle, p *faultproxy.Proxy) { p.Hang(true) },
		"password": func(t *testing.T, _ *testBundle, p *faultproxy.Proxy) {
			t.Helper()
			p.Redirect(refusing(t, "28P01"))
		},
		"starting": func(t *testing.T, _ *testBundle, p *faultproxy.Proxy) {
			t.Helper()
			p.Redirect(refusing(t, "57P03"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, proxy := proxied(t, pgtenant.WithMaxConns(4))
			end := h.hold(t.Context(), t)
			fault(t, h, proxy)
			time.AfterFunc(10*shortly, end)
			start := time.Now()
			require.NoError(t, exec(h.asA, h, "select 1"))
			require.Less(t, time.Since(start), 3*time.Second) // a hanging attempt has to time out first
			h.healthy(t)
		})
	}
}

// The error has the reason why the pool can't grow.
func TestBusyBelowTheLimitOfThePool(t *testing.T) {
	t.Parallel()
	h, _ := proxied(t, pgtenant.WithMaxConns(4), pgtenant.WithAcquireTimeout(20*shortly))
	h.hold(t.Context(), t)
	h.allow(t, 1)
	err := exec(t.Context(), h, "select 1")
	require.ErrorIs(t, err, pgtenant.ErrPoolBusy)
	require.ErrorContains(t, err, string(pgtenant.CauseLimit))
	require.NotErrorIs(t, err, pgtenant.ErrConnection)
}

func TestNoConnectionAtAll(t *testing.T) {
	t.Parallel()
	h, proxy := proxied(t, pgtenant.WithMaxConns(8))
	proxy.Refuse()
	const requests = 20
	start := time.Now()
	outcomes := make(chan error, requests)
	for range requests {
		go func() {
			outcomes <- exec(t.Context(), h, "select 1")
		}()
	}
	for range requests {
		requireCause(t, pgtenant.CauseRefused, <-outcomes)
	}
	require.Less(t, time.Since(start), 3*time.Second, "no request waits for its acquire timeout")

	proxy.Accept()
	h.healthy(t) // the next request is served
}

// A backend that is still exiting counts towards the limit for a moment.
func TestOnlyConnectionIsExiting(t *testing.T) {
	t.Parallel()
	h, _ := proxied(t, pgtenant.WithMaxConns(1))
	h.allow(t, 0)
	time.AfterFunc(4*shortly, func() { h.allow(t, -1) })
	h.healthy(t)

	h.terminate(t)
	h.allow(t, 0)
	require.Error(t, exec(t.Context(), h, "select 1")) // the server ended it while idle
	start := time.Now()
	requireCause(t, pgtenant.CauseLimit, exec(t.Context(), h, "select 1"))
	require.Less(t, time.Since(start), 4*time.Second)
	h.allow(t, -1)
	h.healthy(t)
}

func TestAcquireErrors(t *testing.T) {
	t.Parallel()
	h, proxy := proxied(t, pgtenant.WithMaxConns(2), pgtenant.WithAcquireTimeout(20*shortly))
	one := func(ctx context.Context) error { return exec(ctx, h, "select 1") }
	kinds := []error{context.DeadlineExceeded, pgtenant.ErrTenantBusy, pgtenant.ErrConnection}
	requireOnly := func(err, kind error) {
		t.Helper()
		require.ErrorIs(t, err, pgtenant.ErrNoEffect)
		for _, other := range kinds {
			require.Equal(t, errors.Is(other, kind), errors.Is(err, other), "%v: %v", other, err)
		}
	}

	endOfA := h.hold(h.asA, t)
	requireOnly(one(h.asA), pgtenant.ErrTenantBusy)
	require.NoError(t, one(h.asB))

	end := h.hold(t.Context(), t)
	err := one(h.asB)
	require.ErrorIs(t, err, pgtenant.ErrPoolBusy)
	requireOnly(err, nil)

	short, cancel := context.WithTimeout(h.asB, shortly)
	defer cancel()
	requireOnly(one(short), context.DeadlineExceeded)

	end()
	endOfA()
	proxy.Refuse()
	proxy.Drop()
	_ = errors.Join(one(h.asB), one(h.asB)) // the idle connections
	requireOnly(one(h.asB), pgtenant.ErrConnection)
	proxy.Accept()
	h.healthy(t)
}

func TestCloseWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	h, proxy := proxied(t, pgtenant.WithMaxConns(1))
	proxy.Hang(true)
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			ended <- exec(t.Context(), h, "select 1")
		}()
	}
	time.Sleep(shortly)
	require.NoError(t, h.Close())
	for range 2 {
		select {
		case err := <-ended:
			require.ErrorIs(t, err, pgtenant.ErrConnection)
		case <-time.After(4 * time.Second):
			t.Fatal("still waiting")
		}
	}
	requireCause(t, pgtenant.CauseClosed, exec(t.Context(), h, "select 1"))
}

func requireCause(t *testing.T, cause pgtenant.Cause, err error) {
	t.Helper()
	var refused *pgtenant.ConnectError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, cause, refused.Cause, err)
	require.ErrorIs(t, err, pgtenant.ErrConnection)
	require.ErrorIs(t, err, pgtenant.ErrNoEffect)
	require.NotErrorIs(t, err, pgtenant.ErrPoolBusy)
}

// Reading the catalog works if no further connection is accepted, and leaves nothing in the session.
func TestWithConnWaitsForAnOpenConnection(t *testing.T) {
	t.Parallel()
	h, _ := proxied(t, pgtenant.WithMaxConns(4))
	end := h.hold(t.Context(), t)
	h.allow(t, 1)
	require.Error(t, h.Pool().Ping(t.Context()), "the pool alone does not wait")
	time.AfterFunc(4*shortly, end)
	var pid uint32
	poison := func(conn *pgx.Conn) error {
		pid = conn.PgConn().PID()
		_, err := conn.Exec(t.Context(), "select set_config('app.current_tenant', $1, false)", h.b.String())
		return err
	}
	require.NoError(t, h.WithConn(t.Context(), poison))
	// The pool may have opened another connection while WithConn waited.
	require.Eventually(t, func() bool {
		return h.count(t, "select count(*) from pg_stat_activity where pid = $1", pid) == 0
	}, 10*time.Second, 10*time.Millisecond)
	h.healthy(t)

	require.PanicsWithValue(t, "thrown", func() {
		_ = h.WithConn(t.Context(), func(*pgx.Conn) error { panic("thrown") })
	})
	h.healthy(t)
	h.requireIdle(t)
}
