package bench

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

var (
	full   = flag.Bool("full", false, "measure for minutes (default: run everything once on little data)")
	gates  = flag.Bool("gates", false, "with -full: fail if a gate is missed (on an idle machine only)")
	big    = flag.Bool("big", false, "with -full: also read from a table of 5 million rows")
	peers  = flag.Bool("peers", false, "measure only servers, including other languages' (installs packages)")
	rounds = flag.Int("rounds", 5, "with -full: number of rounds")
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(serveGOGC)
	if rls := os.Getenv(netHTTP); rls != "" {
		fmt.Fprintln(os.Stderr, serveNetHTTP(context.Background(), rls == "true"))
		return
	}
	testdb.Main(m)
}

func fullSize() size {
	s := size{
		loopback: plan{rounds: *rounds, turns: 400, slice: 500 * time.Millisecond},
		network:  plan{rounds: *rounds, turns: 60},
		http:     plan{rounds: *rounds, slice: 2 * time.Second},
		main:     population{tenants: 10_000, agentsEach: 50},
		skewed:   population{tenants: 1_000, agentsEach: 50, bigTenant: 300_000},
	}
	s.tables = []population{{tenants: 200, agentsEach: 50}, s.main}
	if *big {
		s.tables = append(s.tables, population{tenants: 100_000, agentsEach: 50})
	}
	return s
}

func smallSize() size {
	few := plan{rounds: 1, turns: 3, slice: 50 * time.Millisecond}
	tenants, more, skewed := population{subjects, 25, 0}, population{2 * subjects, 25, 0}, population{subjects, 25, 200}
	return size{loopback: few, network: few, http: few, main: tenants, skewed: skewed, tables: []population{tenants, more}}
}

// durable creates databases on a server that syncs to disk, or on KONSTRUCT_TEST_DATABASE_URL.
func durable(tb testing.TB) func() *testdb.Database {
	tb.Helper()
	if os.Getenv("KONSTRUCT_TEST_DATABASE_URL") != "" {
		return func() *testdb.Database { return testdb.New(tb) }
	}
	cluster := testdb.DurableCluster(tb)
	return func() *testdb.Database { return cluster.New(tb) }
}

// TestBench measures with -full (`task bench`) and -peers (`task bench:peers`). Without flags it asserts the numbers of
// round trips and allocations.
func TestBench(t *testing.T) { //nolint:paralleltest // counts allocations
	b := bench{TB: t, size: smallSize(), fresh: func() *testdb.Database { return testdb.New(t) }}
	if *full {
		b = bench{TB: t, size: fullSize(), fresh: durable(t)}
	}
	if *peers {
		db := b.populate(b.size.main)
		report{http: b.http(append(b.servers(db), b.peers(db)...)...)}.httpTable(os.Stdout)
		return
	}
	r := b.run()
	if *full {
		fmt.Println(r.markdown())
		for _, g := range r.gates() {
			require.True(t, g.passed() || !*gates, "missed: %s", g.name)
		}
		return
	}
	if runtime.GOOS == "linux" { // cpuTime of other processes is Linux only
		require.NotContains(t, r.markdown(), "NaN")
	}
	trips := [workCount][wayCount]float64{
		workRead:   {wayRaw: 1, wayPlain: 1, wayNaive: 4, wayOurs: 1},
		workInsert: {wayRaw: 1, wayPlain: 1, wayNaive: 4, wayOurs: 1},
		workUpdate: {wayRaw: 1, wayPlain: 4, wayNaive: 5, wayOurs: 1},
		workUnit:   {wayRaw: 5, wayPlain: 6, wayNaive: 7, wayOurs: 4}, // n + 1 for n statements
		workBulk:   {wayPlain: 1, wayNaive: 4, wayOurs: 1},
	}
	var got [workCount][wayCount]float64
	for i, ways := range r.workloads {
		for way, result := range ways {
			got[i][way] = result.trips
		}
	}
	got[workBulk][wayRaw] = 0 // varies: the server may respond while it receives a COPY
	require.Equal(t, trips, got, "round trips")
	var http []float64
	for _, result := range r.http {
		http = append(http, result.trips)
	}
	require.Equal(t, []float64{serverRaw: 2, serverByHand: 5, serverOurs: 2, serverWithoutMetrics: 2}, http, "round trips")
	require.LessOrEqual(t, r.workloads[workRead][wayOurs].allocs, 240.0, "allocations of a list")
}

// BenchmarkWorkloads runs each workload in each way. To compare reads with benchstat:
//
//	go test -run '^$' -bench Workloads/Read -count 10 ./integration/bench | tee read.txt
//	go tool -modfile=tools/go.mod benchstat -col /way read.txt
func BenchmarkWorkloads(b *testing.B) {
	db, p := testdb.New(b), smallSize().main
	p.seed(b, db.SuperURL)
	ways := openWays(b, db.SuperURL, db.AppURL)
	for _, w := range workloads() {
		b.Run(strings.Split(w.name, ":")[0], func(b *testing.B) {
			for _, c := range w.by(ways, p.jobs(b)) {
				b.Run("way="+c.name, func(b *testing.B) {
					b.ReportAllocs()
					for turn := 0; b.Loop(); turn++ {
						if err := c.do(b.Context(), turn); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
