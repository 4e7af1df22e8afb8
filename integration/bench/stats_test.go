package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		of   samples
		want time.Duration
	}{
		"none":                       {want: 0},
		"one":                        {of: samples{7}, want: 7},
		"the middle one":             {of: samples{9, 1, 5}, want: 5},
		"between the two middle":     {of: samples{10, 1, 4, 2}, want: 3},
		"one outlier doesn't matter": {of: samples{1, 2, 3, 4, 1_000_000}, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := append(samples(nil), tc.of...)
			require.Equal(t, tc.want, tc.of.median())
			require.Equal(t, before, tc.of, "the samples keep their order")
		})
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make(samples, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for name, tc := range map[string]struct {
		of   samples
		p    float64
		want time.Duration
	}{
		"none":              {p: 0.99, want: 0},
		"one":               {of: samples{7}, p: 0.99, want: 7},
		"p99 of a hundred":  {of: hundred, p: 0.99, want: 99},
		"p50 of a hundred":  {of: hundred, p: 0.50, want: 50},
		"p100 is the worst": {of: hundred, p: 1, want: 100},
		"p99 of ten":        {of: samples{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, p: 0.99, want: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, tc.of.percentile(tc.p))
		})
	}
}

func TestRatioComparesRoundsWithTheirOwnLike(t *testing.T) {
	t.Parallel()
	base := rounds{{10}, {10}, {100}} // the machine slowed down in the third round
	twice := rounds{{20}, {20}, {200}}
	require.InDelta(t, 2, twice.ratio(base), 1e-9)
	require.InDelta(t, 0.5, base.ratio(twice), 1e-9)
	require.InDelta(t, 1, base.ratio(base), 1e-9)

	disturbed := rounds{{20}, {9000}, {200}}
	require.InDelta(t, 2, disturbed.ratio(base), 1e-9, "one disturbed round doesn't matter")
	require.True(t, math.IsNaN(rounds{}.ratio(base)))
}

func TestRoundsMedianAndAll(t *testing.T) {
	t.Parallel()
	r := rounds{{1, 2, 3}, {10, 20, 30}, {5, 6, 7}}
	require.Equal(t, time.Duration(6), r.median())
	require.Len(t, r.all(), 9)
	require.Zero(t, rounds{}.median())
}

func TestGatePasses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		gate gate
		want bool
	}{
		"at most, below":    {gate{limit: 1.2, measured: 1.1}, true},
		"at most, equal":    {gate{limit: 1.2, measured: 1.2}, true},
		"at most, above":    {gate{limit: 1.2, measured: 1.21}, false},
		"at least, above":   {gate{limit: 2, atLeast: true, measured: 2.1}, true},
		"at least, below":   {gate{limit: 2, atLeast: true, measured: 1.9}, false},
		"nothing measured":  {gate{limit: 2, measured: math.NaN()}, false},
		"nothing, at least": {gate{limit: 2, atLeast: true, measured: math.NaN()}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, tc.gate.passed())
		})
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 50_000: "50,000", 5_000_000: "5,000,000"} {
		require.Equal(t, want, thousands(n))
	}
}
