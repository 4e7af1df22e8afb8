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

// plan says how much is measured. One more round comes first, and does not count.
type plan struct {
	rounds int
	turns  int           // in a round of single operations
	slice  time.Duration // of a round with many goroutines, for each contestant
}

// over is the plan for work of which one turn weighs as much as n.
func (p plan) over(n int) plan {
	p.turns = max(p.turns/n, 1)
	return p
}

// contestant is one of those that are compared.
type contestant struct {
	name string
	do   func(ctx context.Context, turn int) error
	pid  int // the process whose CPU time counts; 0 is this one
}

// result is what was measured of a contestant: a median and a p99 by [takeTurns], a rate by [saturate].
type result struct {
	name                  string
	median, p99, far, cpu series  // µs per operation; far is the median with the network's delay
	rate                  series  // operations per second
	trips, allocs         float64 // per operation
}

// series has one number per round.
type series []float64

// middle is the median of the rounds, NaN without any.
func (s series) middle() float64 { return quantile(s, 0.5) }

// over is the median of the ratios to base, round by round: a machine that slows down midway slows down both sides.
func (s series) over(base series) float64 {
	var ratios series
	for i, b := range base {
		ratios = append(ratios, s[i]/b)
	}
	return ratios.middle()
}

// quantile is the smallest value that a share p of all values does not exceed (the nearest rank), NaN without values.
func quantile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(p*float64(len(sorted)))), 1)-1]
}

// takeTurns measures single operations. In each turn every contestant does one, in random order: the one that follows a
// heavy one finds colder caches.
func takeTurns(tb testing.TB, p plan, contestants []contestant) []result {
	tb.Helper()
	results := make([]result, len(contestants))
	for round := range p.rounds + 1 {
		runtime.GC() // no round pays for the garbage of another
		wall, cpu := make([][]float64, len(contestants)), make([]float64, len(contestants))
		for turn := range p.turns {
			for _, i := range rand.Perm(len(contestants)) { //nolint:gosec // an order, no secret
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

// saturate measures goroutines that never pause. In each round every contestant has its slice of time in parts, which it
// takes in turns with the others, in random order: the machine's speed may change from one second to the next.
func saturate(tb testing.TB, p plan, goroutines int, contestants []contestant) []result {
	tb.Helper()
	const parts = 10
	results := make([]result, len(contestants))
	for round := range p.rounds + 1 {
		done, took, cpu := make(series, len(contestants)), make(series, len(contestants)), make(series, len(contestants))
		for range parts {
			for _, i := range rand.Perm(len(contestants)) { //nolint:gosec // an order, no secret
				runtime.GC()
				c := contestants[i]
				used, start := cpuTime(c.pid), time.Now()
				calls, err := repeat(tb.Context(), goroutines, start.Add(p.slice/parts), c.do)
				done[i], took[i], cpu[i] = done[i]+calls, took[i]+time.Since(start).Seconds(), cpu[i]+micros(cpuTime(c.pid)-used)
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

// repeat calls do from many goroutines until the end, and counts the calls.
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
