package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The versions are planted in the facts, not on a server.
func TestServerVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		num     int
		version string
		want    map[string][]fault
	}{
		{140023, "14.23", map[string][]fault{"server.too-old": {{object: "server 14.23", remedy: "-- upgrade to PostgreSQL 15 or later"}}}},
		{150014, "15.14", map[string][]fault{}},
		{150013, "15.13", holes("server 15.13: CVE-2025-8713 (statistics show values that policies hide)", "-- install PostgreSQL 15.14 or later")},
		{150002, "15.2", holes(
			"server 15.2: CVE-2023-2455 (policies disregard a change of user after inlining), "+
				"CVE-2024-10976 (policies of sub-queries disregard a change of user), "+
				"CVE-2025-8713 (statistics show values that policies hide)",
			"-- install PostgreSQL 15.14 or later",
		)},
		{160010, "16.10", map[string][]fault{}},
		{160009, "16.9", holes(
			"server 16.9: CVE-2025-8713 (statistics show values that policies hide)",
			"-- install PostgreSQL 16.10 or later",
		)},
		{170000, "17.0", holes(
			"server 17.0: CVE-2024-10976 (policies of sub-queries disregard a change of user), "+
				"CVE-2025-8713 (statistics show values that policies hide)",
			"-- install PostgreSQL 17.6 or later",
		)},
		{180000, "18.0", map[string][]fault{}},
		{190000, "19.0", map[string][]fault{"server.untried": {{
			object: "server 19.0", remedy: "-- run the isolation suite on this version, or upgrade Konstruct",
		}}}},
	} {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			e := newExamination(reading{facts: facts{Server: server{VersionNum: c.num, Version: c.version, Encoding: "UTF8"}}}, Spec{})
			e.checkServer()
			require.Equal(t, c.want, e.faults)
		})
	}
}

func holes(object, remedy string) map[string][]fault {
	return map[string][]fault{"server.rls-holes": {{object: object, remedy: remedy}}}
}

// Since 16, memberships have a grantor and an INHERIT option. Before, the role decides.
func TestMembershipRemediesByVersion(t *testing.T) {
	t.Parallel()
	spec := Spec{OwnerRole: "owner", AppRole: "app", Definers: map[string]Definer{"public.f()": {Owner: "resolver"}}}
	members := []membership{
		{Role: "resolver", Member: "owner", Grantor: "dba", CanSet: true, Inherits: true},
		{Role: "resolver", Member: "creator", Grantor: "dba"},
		{Role: "app", Member: "creator", Grantor: "dba"},
		{Role: "app", Member: "friend", Grantor: "dba", CanSet: true},
	}
	for num, want := range map[int][]string{
		150014: {`ALTER ROLE "owner" NOINHERIT;`, `REVOKE "app" FROM "friend";`},
		160010: {`GRANT "resolver" TO "owner" WITH INHERIT FALSE, SET TRUE;`, `REVOKE "app" FROM "friend" GRANTED BY "dba";`},
	} {
		e := newExamination(reading{facts: facts{Server: server{VersionNum: num}, Memberships: members}}, spec)
		e.checkMemberships()
		require.Equal(t, map[string][]fault{
			"definer.membership": {{object: "role owner: member of resolver", remedy: want[0]}},
			"role.granted":       {{object: "role app: granted to friend", remedy: want[1]}},
		}, e.faults, "a role that may only administer is left out")
	}
}
