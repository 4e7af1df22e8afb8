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
	// connectionLimit is the role's CONNECTION LIMIT, below the pool's size.
	connectionLimit = 3
	agentsPerTenant = 5
	// maxDuration of a successful request, on a busy machine.
	maxDuration = 4 * time.Second
	// shortest is a phase that only touches every connection.
	shortest = 200 * time.Millisecond
)

// TestFaults injects faults of server and network, and checks which requests fail in each phase.
//
//nolint:paralleltest // it is timed
func TestFaults(t *testing.T) {
	phase := max(time.Second/2, time.Duration(loadSeconds(t))*time.Second/10)
	f := setupFaults(t)

	o := f.load(t, phase)
	require.Empty(t, o.failed, "without a fault")

	// The server allows fewer connections than the pool would open.
	f.allow(t, connectionLimit)
	f.proxy.Drop()
	f.load(t, shortest) // the pool notices the dropped connections
	before := f.proxy.Accepted()
	o = f.load(t, phase)
	require.Empty(t, o.failed, "%d connections serve all clients", connectionLimit)
	require.LessOrEqual(t, f.proxy.Accepted()-before, 8+3*int(phase/time.Second), "dialing backs off")

	// The server terminates connections. Each fails at most the request it was serving.
	terminated := 0
	o = f.during(t, phase, func() {
		for range int(phase / (200 * time.Millisecond)) {
			terminated += f.terminateOne(t)
			time.Sleep(200 * time.Millisecond)
		}
	})
	require.Positive(t, terminated)
	require.LessOrEqual(t, len(o.failed), terminated, "%v", o.failed)

	// The server is unreachable for a moment.
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
	require.Empty(t, o.failed, "after the outage")

	// Idle connections are lost without notice.
	time.Sleep(1100 * time.Millisecond)
	f.proxy.Freeze()
	o = f.load(t, phase)
	require.Empty(t, o.failed, "frozen connections are replaced")
}

// faultBundle is a driver behind a proxy, and a cluster, because a role's limit is per cluster.
type faultBundle struct {
	super   *pgx.Conn
	proxy   *faultproxy.Proxy
	client  *ent.Client
	tenants []tenancy.ID
}

func setupFaults(t *testing.T) *faultBundle {
	t.Helper()
	db := testdb.OwnCluster(t).New(t)
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = super.Close(context.WithoutCancel(t.Context())) })
	proxy := faultproxy.Start(t, db.AppURL)
	drv, err := pgtenant.Open(t.Context(), proxy.URL(), pgtenant.WithMaxConns(poolSize))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	f := &faultBundle{super: super, proxy: proxy, client: ent.NewClient(ent.Driver(drv))}
	for i := range clients / 2 {
		row, err := f.client.Tenant.Create().SetName(strconv.Itoa(i)).SetSlug(strconv.Itoa(i)).Save(t.Context())
		require.NoError(t, err)
		id, err := tenancy.FromUUID(row.ID)
		require.NoError(t, err)
		f.tenants = append(f.tenants, id)
		for n := range agentsPerTenant {
			require.NoError(t, f.client.Agent.Create().SetName(strconv.Itoa(n)).Exec(tenancy.With(t.Context(), id)))
		}
	}
	return f
}

func (f *faultBundle) allow(t *testing.T, connections int) {
	t.Helper()
	_, err := f.super.Exec(t.Context(), fmt.Sprintf("alter role konstruct_app connection limit %d", connections))
	require.NoError(t, err)
}

func (f *faultBundle) terminateOne(t *testing.T) (terminated int) {
	t.Helper()
	require.NoError(t, f.super.QueryRow(t.Context(), `select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity
		where usename = 'konstruct_app' order by random() limit 1) as victim`).Scan(&terminated))
	return terminated
}

type outcomes struct {
	served int
	failed []error
}

func (f *faultBundle) load(t *testing.T, d time.Duration) outcomes {
	t.Helper()
	return f.during(t, d, func() {})
}

// during runs the clients for d, with fault beside them.
func (f *faultBundle) during(t *testing.T, d time.Duration, fault func()) outcomes {
	t.Helper()
	var (
		mu  sync.Mutex
		all outcomes
		wg  sync.WaitGroup
	)
	until := time.Now().Add(d)
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

// request requires a tenant's agents to be complete, the tenant's own, and served in time. It pauses after an error.
func (f *faultBundle) request(ctx context.Context, id tenancy.ID) (served bool, err error) {
	start := time.Now()
	agents, err := f.client.Agent.Query().All(tenancy.With(ctx, id))
	took := time.Since(start)
	switch {
	case err != nil:
		time.Sleep(10 * time.Millisecond)
		return false, err
	case took > maxDuration:
		return true, fmt.Errorf("served after %s", took)
	case len(agents) != agentsPerTenant:
		return true, fmt.Errorf("%d agents", len(agents))
	}
	for _, a := range agents {
		if a.TenantID != id.UUID() {
			return true, fmt.Errorf("another tenant's agent %s", a.ID)
		}
	}
	return true, nil
}
