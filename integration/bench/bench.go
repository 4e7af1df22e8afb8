package bench

import (
	"bytes"
	"fmt"
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

// networkDelay is added to each round trip in the columns "at 1 ms".
const networkDelay = time.Millisecond

// concurrency lists the numbers of goroutines that share a pool.
func concurrency() []int { return []int{1, 16, 64} }

// size is the amount of data and repetition.
type size struct {
	loopback, network, http plan
	main, skewed            population
	tables                  []population // read in turns, smallest first
}

// report holds all measurements.
type report struct {
	machine    string
	workloads  [workCount][]result // by workload and way
	concurrent [][]result          // by concurrency and way
	server     []result            // PostgreSQL's CPU time of a read, by way
	http       []result
	scale      []result
	skew       []result
}

type bench struct {
	testing.TB

	size  size
	fresh func() *testdb.Database // creates an empty database
}

func (b bench) run() (r report) {
	before := loadAverage()
	db := b.populate(b.size.main)
	r.http = b.http(b.servers(db)...)
	r.scale = b.scale(db)
	r.skew = b.skew()
	b.workloads(db, &r) // last, since it inserts rows
	r.machine = fmt.Sprintf("%s; load average %s at the start, %s at the end.", b.describe(db), before, loadAverage())
	return r
}

func (b bench) populate(p population) *testdb.Database {
	b.Logf("a table of %d rows", p.rows())
	db := b.fresh()
	p.seed(b, db.SuperURL)
	return db
}

// workloads measures each workload directly and through proxies that count and delay round trips.
func (b bench) workloads(db *testdb.Database, r *report) {
	super, app := faultproxy.Start(b, db.SuperURL), faultproxy.Start(b, db.AppURL)
	trips := func() float64 { return float64(super.RoundTrips() + app.RoundTrips()) }
	near, far, jobs := openWays(b, db.SuperURL, db.AppURL), openWays(b, super.URL(), app.URL()), b.size.main.jobs(b)
	reads := workloads()[workRead].by(near, jobs)
	for _, goroutines := range concurrency() {
		b.Logf("reads by %d goroutines", goroutines)
		r.concurrent = append(r.concurrent, saturate(b, b.size.loopback, goroutines, reads))
	}
	backends := backendTime(b, db.SuperURL)
	r.server = make([]result, len(reads))
	for range b.size.loopback.rounds {
		for i, read := range reads {
			r.server[i].name = read.name
			r.server[i].cpu = append(r.server[i].cpu, perTurn(b, b.size.loopback.turns, read, backends))
		}
	}
	super.Delay(networkDelay)
	app.Delay(networkDelay)
	for i, w := range workloads() {
		b.Log(w.name)
		near, far, network := w.by(near, jobs), w.by(far, jobs), b.size.network.over(w.weight)
		r.workloads[i] = takeTurns(b, b.size.loopback.over(w.weight), near)
		for way, slow := range takeTurns(b, network, far) {
			result := &r.workloads[i][way]
			result.far = slow.median
			result.allocs = perTurn(b, network.turns, near[way], allocated)
			result.trips = perTurn(b, network.turns, far[way], trips)
		}
	}
}

// perTurn returns a counter's growth per turn, after one turn that warms up the connection.
func perTurn(tb testing.TB, turns int, c contestant, counter func() float64) float64 {
	tb.Helper()
	var before float64
	for turn := range turns + 1 {
		if turn == 1 {
			before = counter()
		}
		if err := c.do(tb.Context(), turn); err != nil {
			tb.Fatalf("%s: %v", c.name, err)
		}
	}
	return (counter() - before) / float64(turns)
}

// allocated returns the number of objects that this process has allocated.
func allocated() float64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.Mallocs)
}

// backendTime returns a counter of the CPU time, in µs, of a database's backends: 0 if they run on another machine.
func backendTime(tb testing.TB, url string) func() float64 {
	tb.Helper()
	conn := connect(tb, url)
	return func() (used float64) {
		rows, _ := conn.Query(tb.Context(), `
			SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`)
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
		require.NoError(tb, err)
		for _, pid := range pids {
			// The PID of a backend in a container may be that of an unrelated process here.
			if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); bytes.HasPrefix(name, []byte("postgres")) {
				used += micros(cpuTime(pid))
			}
		}
		return used
	}
}

// describe returns what was measured, and where.
func (b bench) describe(db *testdb.Database) string {
	var server string
	err := connect(b, db.SuperURL).QueryRow(b.Context(), `
		SELECT format('PostgreSQL %s (fsync %s, shared_buffers %s)', split_part(current_setting('server_version'), ' ', 1),
			current_setting('fsync'), current_setting('shared_buffers'))`).Scan(&server)
	require.NoError(b, err)
	s := b.size
	return fmt.Sprintf("%s, %s, %d cores for all; %d tenants of %d agents; medians of %d rounds of %d turns (%d at 1 ms)",
		server, runtime.Version(), runtime.NumCPU(), s.main.tenants, s.main.agentsEach,
		s.loopback.rounds, s.loopback.turns, s.network.turns)
}

// loadAverage returns the load average of the last minute, "" if unavailable.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return load
}
