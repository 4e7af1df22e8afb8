package bench

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// plan is the amount of repetition. An additional first round is discarded.
type plan struct {
	rounds int
	turns  int           // per round of single operations
	slice  time.Duration // per contestant and round with concurrency
}

// over returns the plan for a workload of weight n.
func (p plan) over(n int) plan {
	p.turns = max(p.turns/n, 1)
	return p
}

type contestant struct {
	name string
	do   func(ctx context.Context, turn int) error
	pid  int // the process whose CPU time is measured; 0 is this one
}

// result holds a contestant's measurements: medians and p99s by [takeTurns], rates by [saturate].
type result struct {
	name                  string
	median, p99, far, cpu series  // µs per operation; far is the median with the network's delay
	rate                  series  // operations per second
	trips, allocs         float64 // per operation
}

// series has one number per round.
type series []float64

// middle returns the median of the rounds, NaN if there are none.
func (s series) middle() float64 { return quantile(s, 0.5) }

// over returns the median of each round's ratio to base, since the machine's speed may differ between rounds.
func (s series) over(base series) float64 {
	var ratios series
	for i, b := range base {
		ratios = append(ratios, s[i]/b)
	}
	return ratios.middle()
}

// quantile returns the p-quantile by the nearest-rank method, NaN without values.
func quantile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(p*float64(len(sorted)))), 1)-1]
}

// takeTurns measures single operations. In each turn every contestant runs one, in random order, since an expensive
// operation leaves cold caches to its successor.
func takeTurns(tb testing.TB, p plan, contestants []contestant) []result {
	tb.Helper()
	results := make([]result, len(contestants))
	for round := range p.rounds + 1 {
		runtime.GC() // collects the previous round's garbage
		wall, cpu := make([][]float64, len(contestants)), make([]float64, len(contestants))
		for turn := range p.turns {
			for _, i := range rand.Perm(len(contestants)) { //nolint:gosec // not a secret
				used, start := cpuTime(0), time.Now()
				err := contestants[i].do(tb.Context(), round*p.turns+turn)
				wall[i] = append(wall[i], micros(time.Since(start)))
				cpu[i] += micros(cpuTime(0) - used)
				require.NoError(tb, err, contestants[i].name)
			}
		}
		for i, c := range contestants {
			if r := &results[i]; round > 0 {
				r.name = c.name
				r.median = append(r.median, quantile(wall[i], 0.5))
				r.p99 = append(r.p99, quantile(wall[i], 0.99))
				r.cpu = append(r.cpu, cpu[i]/float64(p.turns))
			}
		}
	}
	return results
}

// saturate measures concurrent goroutines. Contestants run parts of their time slices in turns, in random order, since
// the machine's speed may change from second to second.
func saturate(tb testing.TB, p plan, goroutines int, contestants []contestant) []result {
	tb.Helper()
	const parts = 10
	results := make([]result, len(contestants))
	for round := range p.rounds + 1 {
		n := len(contestants)
		done, took, cpu := make(series, n), make(series, n), make(series, n)
		for range parts {
			for _, i := range rand.Perm(n) { //nolint:gosec // not a secret
				runtime.GC()
				c := contestants[i]
				used, start := cpuTime(c.pid), time.Now()
				calls, err := repeat(tb.Context(), goroutines, start.Add(p.slice/parts), c.do)
				took[i] += time.Since(start).Seconds()
				done[i], cpu[i] = done[i]+calls, cpu[i]+micros(cpuTime(c.pid)-used)
				require.NoError(tb, err, c.name)
			}
		}
		for i, c := range contestants {
			if r := &results[i]; round > 0 {
				r.name = c.name
				r.rate = append(r.rate, done[i]/took[i])
				r.cpu = append(r.cpu, cpu[i]/done[i])
			}
		}
	}
	return results
}

// repeat calls do from several goroutines until end.
func repeat(
	ctx context.Context, goroutines int, end time.Time, do func(ctx context.Context, turn int) error,
) (done float64, err error) {
	var calls atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for g := range goroutines {
		group.Go(func() error {
			for turn := g; time.Now().Before(end); turn += goroutines {
				if err := do(ctx, turn); err != nil {
					return err
				}
				calls.Add(1)
			}
			return nil
		})
	}
	err = group.Wait()
	return float64(calls.Load()), err
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
