package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
)

const (
	// seedsPerTenant is the number of each tenant's agents that no worker changes.
	seedsPerTenant = 60
	// overtime is how much longer a run may take to try everything.
	overtime     = 2 * time.Minute
	pollInterval = 50 * time.Millisecond
)

// Options configures the load.
type Options struct {
	Tenants    int
	Goroutines int
	// For is the minimum duration. The run continues, within limits, until each operation and fault occurred and
	// AtLeast rows were checked.
	For     time.Duration
	AtLeast int64
	// Disconnects is the interval at which the server terminates a connection. Zero means never.
	Disconnects time.Duration
	// Report is for drivers that are expected to fail: the run continues until it finds a wrong row, and fails no test.
	Report bool
}

// Result is the result of a run.
type Result struct {
	// Checked rows were read and compared with their tenant. Wrong rows were another tenant's.
	Checked, Wrong int64
	// Done counts successful operations by name, Faults expected errors by kind.
	Done, Faults map[string]int
	// Terminated counts the connections that the server terminated.
	Terminated int
	// Present, Absent and Unknown count writes: acknowledged, rolled back, interrupted.
	Present, Absent, Unknown int
}

type harness struct {
	options Options
	driver  dialect.Driver
	client  *ent.Client
	super   *pgxpool.Pool
	tenants []tenancy.ID
	results *recorder
	ledger  *ledger
}

// Run seeds the database as superuser and loads the driver, which connects as konstruct_app.
func Run(t *testing.T, db *testdb.Database, driver dialect.Driver, options Options) Result {
	t.Helper()
	super, err := pgxpool.New(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer super.Close()
	h := &harness{
		options: options, driver: driver, client: ent.NewClient(ent.Driver(driver)), super: super,
		results: newRecorder(), ledger: newLedger(),
	}
	h.seed(t)
	seed := rand.Uint64() //nolint:gosec // not a secret
	t.Logf("load: seed %d, %d tenants, %d goroutines, %s", seed, options.Tenants, options.Goroutines, options.For)
	h.run(t.Context(), seed)
	h.verify(t)
	if !options.Report {
		h.results.check(t, options)
	}
	return h.results.sum(h.ledger)
}

func (h *harness) seed(t *testing.T) {
	t.Helper()
	rows, err := h.super.Query(t.Context(), `INSERT INTO tenants (id, name, slug)
		SELECT gen_random_uuid(), 'tenant ' || n, 't' || n FROM generate_series(1, $1::int) AS n RETURNING id::text`,
		h.options.Tenants)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, text := range ids {
		id, err := tenancy.Parse(text)
		require.NoError(t, err)
		h.tenants = append(h.tenants, id)
	}
	for _, statement := range []string{
		`INSERT INTO agents (id, tenant_id, name, persona)
			SELECT gen_random_uuid(), id, 'seed ' || n, 'canary ' || id FROM tenants, generate_series(1, $1::int) AS n`,
		`INSERT INTO channel_connections (id, tenant_id, channel_type, workspace_id)
			SELECT gen_random_uuid(), id, 'slack', 'canary ' || id || ' ' || n
			FROM tenants, generate_series(1, $1::int / 5) AS n`,
	} {
		_, err = h.super.Exec(t.Context(), statement, seedsPerTenant)
		require.NoError(t, err)
	}
}

func canary(id tenancy.ID) string { return "canary " + id.String() }

func (h *harness) run(ctx context.Context, seed uint64) {
	ctx, cancel := context.WithTimeout(ctx, h.options.For+overtime)
	defer cancel()
	var wg sync.WaitGroup
	for i := range h.options.Goroutines {
		wg.Go(func() {
			w := &worker{harness: h, random: rand.New(rand.NewPCG(seed, uint64(i)))} //nolint:gosec // not a secret
			for ctx.Err() == nil {
				w.step(context.WithoutCancel(ctx))
			}
		})
	}
	if h.options.Disconnects > 0 {
		wg.Go(func() { h.disconnect(ctx) })
	}
	started := time.Now()
	for ctx.Err() == nil && (time.Since(started) < h.options.For || !h.results.enough(h.options)) {
		time.Sleep(pollInterval)
	}
	cancel()
	wg.Wait()
}

// disconnect periodically terminates a random connection of the application.
func (h *harness) disconnect(ctx context.Context) {
	tick := time.NewTicker(h.options.Disconnects)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		terminated, err := h.super.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND usename = 'konstruct_app' ORDER BY random() LIMIT 1) AS victim`)
		switch {
		case err == nil:
			h.results.add(func(c *Result) { c.Terminated += int(terminated.RowsAffected()) })
		case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
			h.results.unexpected("disconnect", err)
		}
	}
}

func (h *harness) verify(t *testing.T) {
	t.Helper()
	var wrong int64
	require.NoError(t, h.super.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM agents WHERE persona <> 'canary ' || tenant_id) +
		(SELECT count(*) FROM channel_connections
			WHERE NOT starts_with(workspace_id, 'canary ' || tenant_id))`).Scan(&wrong))
	h.results.add(func(c *Result) { c.Wrong += wrong })
	var seeds int
	require.NoError(t, h.super.QueryRow(t.Context(),
		"SELECT count(*) FROM agents WHERE starts_with(name, 'seed ')").Scan(&seeds))
	if seeds != seedsPerTenant*len(h.tenants) {
		h.results.unexpected("seeds", fmt.Errorf("%d seeded rows instead of %d", seeds, seedsPerTenant*len(h.tenants)))
	}
	rows, err := h.super.Query(t.Context(), "SELECT name, persona FROM agents WHERE NOT starts_with(name, 'seed ')")
	require.NoError(t, err)
	stored := map[string]string{}
	var name, persona string
	_, err = pgx.ForEachRow(rows, []any{&name, &persona}, func() error {
		stored[name] = persona
		return nil
	})
	require.NoError(t, err)
	for _, fault := range h.ledger.audit(stored) {
		h.results.unexpected("ledger", fault)
	}
}
