package operation

import (
	"slices"
	"time"
)

// Match says which versions of a row a change may replace. The zero Match is any.
type Match struct{ versions []time.Time }

// MatchVersions is exactly these versions; without any, no version at all.
func MatchVersions(versions ...time.Time) Match {
	if versions == nil {
		versions = []time.Time{}
	}
	return Match{versions: versions}
}

func (m Match) isAny() bool { return m.versions == nil }

func (m Match) has(version time.Time) bool {
	return m.isAny() || slices.ContainsFunc(m.versions, version.Equal)
}

// next is the version that follows those of m: now, or later where a clock lags behind the one that wrote the row. Two
// changes that replace the same version can't both succeed, because the first makes another of it.
func (m Match) next(now time.Time) time.Time {
	next := now.UTC().Truncate(time.Microsecond)
	for _, version := range m.versions {
		if least := version.Add(time.Microsecond); next.Before(least) {
			next = least
		}
	}
	return next
}
