package bench

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		of   []float64
		p    float64
		want float64
	}{
		"one value":               {[]float64{7}, 0.99, 7},
		"median":                  {[]float64{9, 1, 5}, 0.5, 5},
		"median with one outlier": {[]float64{1, 2, 3, 4, 1e6}, 0.5, 3},
		"p99 of ten":              {[]float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 0.99, 10},
		"p90 of ten":              {[]float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 0.9, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.InDelta(t, tc.want, quantile(tc.of, tc.p), 0)
		})
	}
	require.True(t, math.IsNaN(quantile(nil, 0.5)))
}

func TestSeriesOver(t *testing.T) {
	t.Parallel()
	base := series{10, 10, 100} // a slower machine in the third round
	require.InDelta(t, 2, series{20, 20, 200}.over(base), 1e-9)
	require.InDelta(t, 2, series{20, 9000, 200}.over(base), 1e-9, "one outlier")
	require.True(t, math.IsNaN(series{}.over(series{})))
}

func TestTakeTurnsDiscardsFirstRound(t *testing.T) {
	t.Parallel()
	turns := 0
	slowAtFirst := contestant{name: "slow at first", do: func(context.Context, int) error {
		turns++
		if turns <= 2 {
			time.Sleep(20 * time.Millisecond)
		}
		return nil
	}}
	results := takeTurns(t, plan{rounds: 3, turns: 2}, []contestant{slowAtFirst})
	require.Equal(t, 8, turns)
	require.Len(t, results[0].median, 3)
	require.Less(t, results[0].p99[0], micros(20*time.Millisecond))
}

func TestSaturate(t *testing.T) {
	t.Parallel()
	sleeper := contestant{name: "sleeper", do: func(context.Context, int) error {
		time.Sleep(10 * time.Millisecond)
		return nil
	}}
	results := saturate(t, plan{rounds: 1, slice: 200 * time.Millisecond}, 16, []contestant{sleeper})
	require.Less(t, results[0].rate[0], 1600.1, "16 goroutines, 100 calls a second each")
	require.Greater(t, results[0].rate[0], 200.0, "concurrent calls")
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for want, tc := range map[string][]gate{
		"PASS":        {{sign: "≤", limit: 1.2, measured: 1.1}, {sign: "≥", limit: 2, measured: 2.1}},
		"PASS, close": {{sign: "≤", limit: 1.2, measured: 1.2}, {sign: "≥", limit: 2, measured: 2.01}},
		"FAIL, close": {{sign: "≤", limit: 1.2, measured: 1.2001}, {sign: "≥", limit: 2, measured: 1.99}},
		"FAIL":        {{sign: "≤", limit: 2, measured: 2.1}, {sign: "≤", limit: 2, measured: math.NaN()}},
	} {
		for _, g := range tc {
			require.Equal(t, want, g.verdict(), g)
		}
	}
}

func TestTableWrite(t *testing.T) {
	t.Parallel()
	table := table{{"way", "÷ raw"}, {"a long name", "1.000"}}
	var out strings.Builder
	table.write(&out, "Title")
	require.Equal(t, `
#### Title

| way         | ÷ raw |
| ---         | ---:  |
| a long name | 1.000 |
`, out.String())
}
