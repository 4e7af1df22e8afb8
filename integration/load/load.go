package load

import (
	"context"
	"errors"
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
	// seedsPerTenant is how many agents each tenant has from the beginning. Nobody changes them.
	seedsPerTenant = 60
	// overtime is how much longer a run may take, on a slow machine, to have tried everything.
	overtime = 2 * time.Minute
	// lookEvery is how often a run asks itself whether it has.
	lookEvery = 50 * time.Millisecond
)

// Options says how heavy the load is.
type Options struct {
	Tenants    int
	Goroutines int
	// For is how long the load lasts at least. It goes on until each operation and each fault has come up and AtLeast
	// rows were checked, within reason.
	For     time.Duration
	AtLeast int64
	// Disconnects is how often the server ends one of the connections; zero is never.
	Disconnects time.Duration
	// Report only counts wrong rows, where they are expected: the load goes on until there is one, and the test does not
	// fail for anything.
	Report bool
}

// Tally is what came out.
type Tally struct {
	// Checked rows were read and held against their tenant; Wrong ones were another's.
	Checked, Wrong int64
	// Done counts the visits that went through, by what they did; Faults the errors, by kind.
	Done, Faults map[string]int
	// Ended connections were ended by the server.
	Ended int
	// Present, Absent and Unknown are the ledger's writes: acknowledged, rolled back, cut off.
	Present, Absent, Unknown int
}

// storm is one run.
type storm struct {
	options Options
	driver  dialect.Driver
	client  *ent.Client
	super   *pgxpool.Pool
	tenants []tenancy.ID
	tally   *tally
	ledger  *ledger
}

// Run seeds the database through its superuser, then loads the driver, which is logged in as konstruct_app.
func Run(t *testing.T, db *testdb.Database, driver dialect.Driver, options Options) Tally {
	t.Helper()
	super, err := pgxpool.New(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer super.Close()
	s := &storm{
		options: options, driver: driver, client: ent.NewClient(ent.Driver(driver)), super: super,
		tally: newTally(), ledger: newLedger(),
	}
	s.seed(t)
	seed := rand.Uint64() //nolint:gosec // it only has to be printed and repeated
	t.Logf("load: seed %d, %d tenants, %d goroutines, %s", seed, options.Tenants, options.Goroutines, options.For)
	s.blow(t.Context(), seed)
	s.settle(t)
	if !options.Report {
		s.tally.judge(t, options)
	}
	return s.tally.sum(s.ledger)
}

// seed gives every tenant its agents and a connection, each with the tenant's canary.
func (s *storm) seed(t *testing.T) {
	t.Helper()
	rows, err := s.super.Query(t.Context(), `INSERT INTO tenants (id, name, slug)
		SELECT gen_random_uuid(), 'tenant ' || n, 't' || n FROM generate_series(1, $1::int) AS n RETURNING id::text`, s.options.Tenants)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, text := range ids {
		id, err := tenancy.Parse(text)
		require.NoError(t, err)
		s.tenants = append(s.tenants, id)
	}
	for _, statement := range []string{
		`INSERT INTO agents (id, tenant_id, name, persona)
			SELECT gen_random_uuid(), id, 'seed ' || n, 'canary ' || id FROM tenants, generate_series(1, $1::int) AS n`,
		`INSERT INTO channel_connections (id, tenant_id, channel_type, workspace_id)
			SELECT gen_random_uuid(), id, 'slack', 'canary ' || id || ' ' || n FROM tenants, generate_series(1, $1::int / 5) AS n`,
	} {
		_, err = s.super.Exec(t.Context(), statement, seedsPerTenant)
		require.NoError(t, err)
	}
}

// canary is what a tenant's rows carry.
func canary(id tenancy.ID) string { return "canary " + id.String() }

// blow runs the visitors, and the one who ends connections, until it is enough.
func (s *storm) blow(ctx context.Context, seed uint64) {
	ctx, cancel := context.WithTimeout(ctx, s.options.For+overtime)
	defer cancel()
	var wg sync.WaitGroup
	for i := range s.options.Goroutines {
		wg.Go(func() {
			v := &visitor{storm: s, random: rand.New(rand.NewPCG(seed, uint64(i)))} //nolint:gosec // as above
			for ctx.Err() == nil {
				v.visit(context.WithoutCancel(ctx))
			}
		})
	}
	if s.options.Disconnects > 0 {
		wg.Go(func() { s.disconnect(ctx) })
	}
	started := time.Now()
	for ctx.Err() == nil && (time.Since(started) < s.options.For || !s.tally.enough(s.options)) {
		time.Sleep(lookEvery)
	}
	cancel()
	wg.Wait()
}

// disconnect has the server end one connection of the application's after the other, at random.
func (s *storm) disconnect(ctx context.Context) {
	tick := time.NewTicker(s.options.Disconnects)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ended, err := s.super.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND usename = 'konstruct_app' ORDER BY random() LIMIT 1) AS victim`)
		switch {
		case err == nil:
			s.tally.ended(int(ended.RowsAffected()))
		case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
			s.tally.unexpected("disconnect", err)
		}
	}
}

// settle reads, as the superuser, what the storm has left behind.
func (s *storm) settle(t *testing.T) {
	t.Helper()
	var strays int64
	require.NoError(t, s.super.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM agents WHERE persona <> 'canary ' || tenant_id) +
		(SELECT count(*) FROM channel_connections WHERE NOT starts_with(workspace_id, 'canary ' || tenant_id))`).Scan(&strays))
	s.tally.wrong(strays)
	var seeds int
	require.NoError(t, s.super.QueryRow(t.Context(), "SELECT count(*) FROM agents WHERE starts_with(name, 'seed ')").Scan(&seeds))
	if seeds != seedsPerTenant*len(s.tenants) {
		s.tally.unexpected("seeds", errors.New("rows that nobody was to touch are gone, or more"))
	}
	rows, err := s.super.Query(t.Context(), "SELECT name, persona FROM agents WHERE NOT starts_with(name, 'seed ')")
	require.NoError(t, err)
	written := map[string]string{}
	var name, persona string
	_, err = pgx.ForEachRow(rows, []any{&name, &persona}, func() error {
		written[name] = persona
		return nil
	})
	require.NoError(t, err)
	for _, fault := range s.ledger.audit(written) {
		s.tally.unexpected("ledger", fault)
	}
}
