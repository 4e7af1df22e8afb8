package doctor

import (
	"fmt"
	"strings"
)

// The majors that the design was tried on.
const (
	oldestMajor = 15
	newestMajor = 18
)

// rlsHole is a published way past row-level security, with the first minor of each major that closes it. A major that
// is not listed never had it.
type rlsHole struct {
	cve    string
	closed map[int]int
}

// rlsHoles are PostgreSQL's own announcements (postgresql.org/support/security) that concern row-level security and the
// majors from 15 on. Older ones, CVE-2019-10130 and CVE-2016-2193, were closed before 15.
func rlsHoles() []rlsHole {
	return []rlsHole{
		{"CVE-2023-2455 (policies disregard a change of user after inlining)", map[int]int{15: 3}},
		{"CVE-2024-10976 (policies of sub-queries disregard a change of user)", map[int]int{15: 9, 16: 5, 17: 1}},
		{"CVE-2025-8713 (statistics show values that policies hide)", map[int]int{15: 14, 16: 10, 17: 6}},
	}
}

func serverLints() []Lint {
	return []Lint{
		{
			Code: "server.too-old", Level: LevelError,
			Risk: "Before PostgreSQL 15 views can't run with their caller's rights, and foreign keys can't keep tenant_id out of SET NULL.",
			find: func(e *examination) []fault {
				if e.server().major() >= oldestMajor {
					return nil
				}
				return []fault{{e.server().object(), fmt.Sprintf("-- move to PostgreSQL %d or later", oldestMajor)}}
			},
		},
		{
			Code: "server.rls-holes", Level: LevelWarning,
			Risk: "This minor version has published ways past row-level security.",
			find: findRLSHoles,
		},
		{
			Code: "server.encoding", Level: LevelError,
			Risk: "Only a UTF-8 database stores text as it was sent: any other refuses characters, or stores others without an error.",
			find: func(e *examination) []fault {
				if e.server().Encoding == "UTF8" {
					return nil
				}
				return []fault{{
					fmt.Sprintf("database %s: %s", e.server().Database, e.server().Encoding),
					"-- dump it, and restore it into a database made with ENCODING 'UTF8' TEMPLATE template0",
				}}
			},
		},
		{
			Code: "server.untried", Level: LevelInfo,
			Risk: "This major version is untested: what it added may open a way that no lint covers.",
			find: func(e *examination) []fault {
				if e.server().major() <= newestMajor {
					return nil
				}
				return []fault{{e.server().object(), "-- run the isolation suite on this version, or look for a newer Konstruct"}}
			},
		},
	}
}

func (s server) major() int { return s.VersionNum / 10000 }

func (s server) minor() int { return s.VersionNum % 10000 }

func (s server) object() string { return "server " + s.Version }

func findRLSHoles(e *examination) []fault {
	major, minor, floor := e.server().major(), e.server().minor(), 0
	var open []string
	for _, hole := range rlsHoles() {
		if closed := hole.closed[major]; minor < closed {
			open = append(open, hole.cve)
			floor = max(floor, closed)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return []fault{{
		e.server().object() + ": " + strings.Join(open, ", "),
		fmt.Sprintf("-- install PostgreSQL %d.%d or later", major, floor),
	}}
}
