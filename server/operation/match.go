package operation

import (
	"slices"
	"time"

	entsql "entgo.io/ent/dialect/sql"
)

// Match is the set of versions of a row that a change may replace. The zero Match is any version.
type Match struct{ versions []time.Time }

// MatchVersions matches exactly these versions. Without arguments it matches no version.
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

// in is the predicate of a Match that is not any version.
func (m Match) in(s *entsql.Selector) { entsql.FieldIn("updated_at", m.versions...)(s) }

// next returns a version after those of m: now, or later if the clock is behind. So of two changes that replace the
// same version only one can succeed.
func (m Match) next(now time.Time) time.Time {
	next := now.UTC().Truncate(time.Microsecond)
	for _, version := range m.versions {
		if least := version.Add(time.Microsecond); next.Before(least) {
			next = least
		}
	}
	return next
}
