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
	full   = flag.Bool("full", false, "measure, for minutes; otherwise everything is done once, on little data")
	gates  = flag.Bool("gates", false, "with -full, fail if a gate is missed: only on a machine that does nothing else")
	big    = flag.Bool("big", false, "with -full, also read among 5 million rows")
	peers  = flag.Bool("peers", false, "measure only the servers, and those in other languages, which installs packages")
	rounds = flag.Int("rounds", 5, "with -full, the rounds of which medians are taken")
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
	tenants := population{tenants: subjects, agentsEach: pageSize + 5}
	more := population{tenants: 2 * subjects, agentsEach: pageSize + 5}
	skewed := tenants
	skewed.bigTenant = 200
	return size{loopback: few, network: few, http: few, main: tenants, skewed: skewed, tables: []population{tenants, more}}
}

// durable makes databases as durable as in production, on a server of their own or on that which the environment names.
func durable(tb testing.TB) func() *testdb.Database {
	tb.Helper()
	if os.Getenv("KONSTRUCT_TEST_DATABASE_URL") != "" {
		return func() *testdb.Database { return testdb.New(tb) }
	}
	cluster := testdb.DurableCluster(tb)
	return func() *testdb.Database { return cluster.New(tb) }
}

// TestBench is `task bench` with -full, and `task bench:peers` with -peers as well. Without it, answers, round trips and allocations are asserted.
func TestBench(t *testing.T) { //nolint:paralleltest // allocations are counted
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
			require.True(t, g.passed() || !*gates, "missed: %s", g.promise)
		}
		return
	}
	if runtime.GOOS == "linux" { // elsewhere nothing tells the CPU time of another process
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
	for i, ways := range r.works {
		for way, result := range ways {
			got[i][way] = result.trips
		}
	}
	got[workBulk][wayRaw] = 0 // the server may answer while it still receives a COPY
	require.Equal(t, trips, got, "round trips")
	require.LessOrEqual(t, r.works[workRead][wayOurs].allocs, 240.0, "allocations of a list")
}

// BenchmarkWorks has each work in each way, alone. To compare the ways of reading by benchstat:
//
//	go test -run '^$' -bench Works/Read -count 10 ./integration/bench | tee read.txt
//	go tool -modfile=tools/go.mod benchstat -col /way read.txt
func BenchmarkWorks(b *testing.B) {
	db, p := testdb.New(b), smallSize().main
	p.seed(b, db.SuperURL)
	ways := openWays(b, db.SuperURL, db.AppURL)
	for _, w := range works() {
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
