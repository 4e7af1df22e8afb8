package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/faultproxy"
	"github.com/konstruct/konstruct/integration/testdb"
)

// networkDelay is added to each round trip for what the tables call "at 1 ms".
const networkDelay = time.Millisecond

// crowds are the numbers of goroutines that share a pool.
func crowds() []int { return []int{1, 16, 64} }

// size is how much is measured.
type size struct {
	loopback, network, http plan
	small, main, skewed     population
	big                     *population // a further table that is read
}

// report is all that was measured.
type report struct {
	machine string
	works   [workCount]workResult
	crowds  [][]result // by crowd and way
	http    []result
	scale   []result
	skew    []result
}

// workResult is one kind of work, by way.
type workResult struct {
	trips, allocs     [wayCount]float64 // per operation
	loopback, network []result
}

// bench is one run.
type bench struct {
	testing.TB

	size     size
	fresh    func() *testdb.Database // makes an empty database
	progress io.Writer
}

// run measures everything.
func (b bench) run() (r report) {
	b.Helper()
	before := loadAverage()
	db := b.populate(b.size.main)
	r.http = b.http(b.servers(db)...)
	r.scale = b.scale(db)
	r.skew = b.skew()
	b.works(db, &r) // last: it makes the table grow
	r.machine = fmt.Sprintf("%s; load average %s at the start, %s at the end.", b.describe(db), before, loadAverage())
	return r
}

func (b bench) say(what string) { fmt.Fprintln(b.progress, "  "+what) }

func (b bench) populate(p population) *testdb.Database {
	b.Helper()
	b.say(fmt.Sprintf("a table of %d rows", p.rows()))
	db := b.fresh()
	seed(b, db, p)
	return db
}

// works measures all kinds of work: directly, and through proxies that count and delay round trips.
func (b bench) works(db *testdb.Database, r *report) {
	b.Helper()
	super, app := faultproxy.Start(b, db.SuperURL), faultproxy.Start(b, db.AppURL)
	trips := func() uint64 { return super.RoundTrips() + app.RoundTrips() }
	near, far, all := openWays(b, db.SuperURL, db.AppURL), openWays(b, super.URL(), app.URL()), b.size.main.jobs(b)
	for _, goroutines := range crowds() {
		b.say(fmt.Sprintf("reads by %d goroutines", goroutines))
		r.crowds = append(r.crowds, saturate(b, b.size.loopback, goroutines, works()[workRead].by(near, all)))
	}
	super.Delay(networkDelay)
	app.Delay(networkDelay)
	for i, w := range works() {
		b.say(w.name)
		result, near, far := &r.works[i], w.by(near, all), w.by(far, all)
		result.loopback = takeTurns(b, b.size.loopback.over(w.weight), near)
		network := b.size.network.over(w.weight)
		result.network = takeTurns(b, network, far)
		for way := range wayCount {
			result.allocs[way] = perTurn(b, network.turns, near[way], allocated)
			result.trips[way] = perTurn(b, network.turns, far[way], trips)
		}
	}
}

// perTurn is by how much a counter grows with each turn of a contestant whose connection was in use a moment ago.
func perTurn(tb testing.TB, turns int, c contestant, counter func() uint64) float64 {
	tb.Helper()
	var before uint64
	for turn := range turns + 1 {
		if turn == 1 {
			before = counter()
		}
		if err := c.do(tb.Context(), turn); err != nil {
			tb.Fatalf("%s: %v", c.name, err)
		}
	}
	return float64(counter()-before) / float64(turns)
}

// allocated is how many objects this process has allocated.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

// describe says what was measured on: numbers mean nothing without it.
func (b bench) describe(db *testdb.Database) string {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), db.SuperURL)
	require.NoError(b, err)
	defer func() { _ = conn.Close(context.WithoutCancel(b.Context())) }()
	var server string
	err = conn.QueryRow(b.Context(), `
		SELECT format('PostgreSQL %s (fsync %s, shared_buffers %s)', split_part(current_setting('server_version'), ' ', 1),
			current_setting('fsync'), current_setting('shared_buffers'))`).Scan(&server)
	require.NoError(b, err)
	s := b.size
	return fmt.Sprintf("%s, %s, %d cores for all; %d tenants of %d agents; medians of %d rounds of %d turns (%d at 1 ms)",
		server, runtime.Version(), runtime.NumCPU(), s.main.tenants, s.main.agentsEach,
		s.loopback.rounds, s.loopback.turns, s.network.turns)
}

// loadAverage is the system's over the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}
