package main

import (
	"math"
	"slices"
	"time"
)

// samples are the durations of one kind of work, done one way.
type samples []time.Duration

// median is the middle one, and the mean of the two middle ones where there are two. It is 0 without samples.
func (s samples) median() time.Duration { return median(s) }

// percentile is the smallest sample that a share p of all samples (0 < p <= 1) does not exceed: the nearest rank.
func (s samples) percentile(p float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// rounds are the samples of each round.
type rounds []samples

// all are the samples of all rounds.
func (r rounds) all() samples { return slices.Concat(r...) }

// median is the median of the rounds' medians: one disturbed round does not move it.
func (r rounds) median() time.Duration {
	medians := make([]time.Duration, len(r))
	for i, s := range r {
		medians[i] = s.median()
	}
	return median(medians)
}

// ratio is how many times as long r took as base. Rounds are compared with their own like, and the median of these
// ratios is taken, so that a machine which slows down midway slows down both sides. It is NaN without rounds.
func (r rounds) ratio(base rounds) float64 {
	n := min(len(r), len(base))
	if n == 0 {
		return math.NaN()
	}
	ratios := make([]float64, n)
	for i := range n {
		ratios[i] = float64(r[i].median()) / float64(base[i].median()) //nolint:gosec // n is the shorter length
	}
	return median(ratios)
}

func median[T time.Duration | float64](values []T) T {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
