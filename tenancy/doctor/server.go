package doctor

import (
	"fmt"
	"strings"
)

// The tested major versions.
const (
	oldestMajor = 15
	newestMajor = 18
)

// rlsHole is a published vulnerability that bypasses row-level security, with the first fixed minor version of each
// affected major version.
type rlsHole struct {
	cve    string
	closed map[int]int
}

// rlsHoles are from postgresql.org/support/security, since 15. CVE-2019-10130 and CVE-2016-2193 were fixed before.
func rlsHoles() []rlsHole {
	return []rlsHole{
		{"CVE-2023-2455 (policies disregard a change of user after inlining)", map[int]int{15: 3}},
		{"CVE-2024-10976 (policies of sub-queries disregard a change of user)", map[int]int{15: 9, 16: 5, 17: 1}},
		{"CVE-2025-8713 (statistics show values that policies hide)", map[int]int{15: 14, 16: 10, 17: 6}},
	}
}

func (e *examination) checkServer() {
	s := e.Server
	name := "server " + s.Version
	if s.major() < oldestMajor {
		e.report("server.too-old", name, fmt.Sprintf("-- upgrade to PostgreSQL %d or later", oldestMajor))
	}
	if s.major() > newestMajor {
		e.report("server.untried", name, "-- run the isolation suite on this version, or upgrade Konstruct")
	}
	if s.Encoding != "UTF8" {
		e.report("server.encoding", fmt.Sprintf("database %s: %s", s.Database, s.Encoding),
			"-- dump the database and restore it into one created with ENCODING 'UTF8' TEMPLATE template0")
	}
	var open []string
	floor := 0
	for _, hole := range rlsHoles() {
		if closed := hole.closed[s.major()]; s.minor() < closed {
			open = append(open, hole.cve)
			floor = max(floor, closed)
		}
	}
	if len(open) > 0 {
		e.report("server.rls-holes", name+": "+strings.Join(open, ", "),
			fmt.Sprintf("-- install PostgreSQL %d.%d or later", s.major(), floor))
	}
}

func (s server) major() int { return s.VersionNum / 10000 }

func (s server) minor() int { return s.VersionNum % 10000 }
