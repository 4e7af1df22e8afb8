package load_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/faultproxy"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	clients  = 16
	poolSize = 8
	granted  = 3 // the role's CONNECTION LIMIT, below the pool's size
	// agentsEach is how many agents each tenant has: what a served request reads.
	agentsEach = 5
	// slowest is how long a request may take that is served, on a machine that does other things, too.
	slowest = 4 * time.Second
)

// TestFaults takes a pool through the faults of a server and of a network, one after the other, under a bounded load.
// Each phase says which requests may fail, and how many.
//
//nolint:paralleltest // It is timed: the other load comes after it.
func TestFaults(t *testing.T) {
	phase := max(time.Second/2, time.Duration(loadSeconds(t))*time.Second/10)
	f := newFaults(t)

	o := f.load(t, phase)
	require.Empty(t, o.failed, "without a fault")

	// The server grants fewer connections than the pool would open.
	f.allow(t, granted)
	f.proxy.Drop()
	f.load(t, shortest) // those that were dropped are noticed
	before := f.proxy.Accepted()
	o = f.load(t, phase)
	require.Empty(t, o.failed, "%d connections serve everybody", granted)
	require.LessOrEqual(t, f.proxy.Accepted()-before, 8+3*int(phase/time.Second), "dialing backs off")

	// It ends connections meanwhile. Each takes at most the one request with it that it was serving.
	ended := 0
	o = f.during(t, phase, func() {
		for range int(phase / (200 * time.Millisecond)) {
			ended += f.terminateOne(t)
			time.Sleep(200 * time.Millisecond)
		}
	})
	require.Positive(t, ended)
	require.LessOrEqual(t, len(o.failed), ended, "%v", o.failed)

	// It can't be reached for a moment. What fails says so, and soon.
	f.allow(t, -1)
	o = f.during(t, phase, func() {
		f.proxy.Refuse()
		f.proxy.Drop()
		time.Sleep(phase / 2)
		f.proxy.Accept()
	})
	require.NotEmpty(t, o.failed)
	for _, err := range o.failed {
		require.ErrorIs(t, err, pgtenant.ErrConnection)
	}
	o = f.load(t, phase)
	require.Empty(t, o.failed, "it is back")

	// A proxy forgets the connections that were idle.
	time.Sleep(1100 * time.Millisecond)
	f.proxy.Freeze()
	o = f.load(t, phase)
	require.Empty(t, o.failed, "frozen connections are found")
}

// shortest is a phase that only has to touch every connection.
const shortest = 200 * time.Millisecond

// faults is a cluster of its own, since a role's limit is the cluster's, with a driver behind a proxy.
type faults struct {
	super   *pgx.Conn
	proxy   *faultproxy.Proxy
	client  *ent.Client
	tenants []tenancy.ID
}

func newFaults(t *testing.T) *faults {
	t.Helper()
	db := testdb.OwnCluster(t).New(t)
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = super.Close(context.WithoutCancel(t.Context())) })
	proxy := faultproxy.Start(t, db.AppURL)
	drv, err := pgtenant.Open(t.Context(), proxy.URL(), pgtenant.WithMaxConns(poolSize))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	f := &faults{super: super, proxy: proxy, client: ent.NewClient(ent.Driver(drv))}
	for i := range clients / 2 {
		row, err := f.client.Tenant.Create().SetName(strconv.Itoa(i)).SetSlug(strconv.Itoa(i)).Save(t.Context())
		require.NoError(t, err)
		id, err := tenancy.FromUUID(row.ID)
		require.NoError(t, err)
		f.tenants = append(f.tenants, id)
		for n := range agentsEach {
			require.NoError(t, f.client.Agent.Create().SetName(strconv.Itoa(n)).Exec(tenancy.With(t.Context(), id)))
		}
	}
	return f
}

func (f *faults) allow(t *testing.T, connections int) {
	t.Helper()
	_, err := f.super.Exec(t.Context(), fmt.Sprintf("alter role konstruct_app connection limit %d", connections))
	require.NoError(t, err)
}

func (f *faults) terminateOne(t *testing.T) (ended int) {
	t.Helper()
	require.NoError(t, f.super.QueryRow(t.Context(), `select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity
		where usename = 'konstruct_app' order by random() limit 1) as victim`).Scan(&ended))
	return ended
}

// outcomes are those of a phase's requests.
type outcomes struct {
	served int
	failed []error
}

// load runs the clients for as long as it takes.
func (f *faults) load(t *testing.T, lasting time.Duration) outcomes {
	t.Helper()
	return f.during(t, lasting, func() {})
}

// during runs the clients while the fault happens. All that is served is whole, the tenant's own, and served in time.
func (f *faults) during(t *testing.T, lasting time.Duration, fault func()) outcomes {
	t.Helper()
	var (
		mu  sync.Mutex
		all outcomes
		wg  sync.WaitGroup
	)
	until := time.Now().Add(lasting)
	for i := range clients {
		wg.Go(func() {
			for time.Now().Before(until) {
				served, err := f.request(t.Context(), f.tenants[i%len(f.tenants)])
				mu.Lock()
				if served {
					all.served++
				}
				if err != nil {
					all.failed = append(all.failed, err)
				}
				mu.Unlock()
			}
		})
	}
	fault()
	wg.Wait()
	require.Positive(t, all.served)
	t.Logf("%d served, %d failed", all.served, len(all.failed))
	return all
}

// request is one of a client: it reads its tenant's agents, and thinks for a moment where that failed.
func (f *faults) request(ctx context.Context, id tenancy.ID) (served bool, err error) {
	start := time.Now()
	agents, err := f.client.Agent.Query().All(tenancy.With(ctx, id))
	took := time.Since(start)
	switch {
	case err != nil:
		time.Sleep(10 * time.Millisecond)
		return false, err
	case took > slowest:
		return true, fmt.Errorf("served after %s", took)
	case len(agents) != agentsEach:
		return true, fmt.Errorf("%d agents", len(agents))
	}
	for _, a := range agents {
		if a.TenantID != id.UUID() {
			return true, fmt.Errorf("another tenant's agent %s", a.ID)
		}
	}
	return true, nil
}
