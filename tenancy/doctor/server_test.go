package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// No server changes its version for a test: these faults are planted in what the server is said to have answered.
func TestServerVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		num     int
		version string
		want    []fault
	}{
		{140023, "14.23", []fault{{"server 14.23", "-- move to PostgreSQL 15 or later"}}},
		{150014, "15.14", nil},
		{150013, "15.13", []fault{{
			"server 15.13: CVE-2025-8713 (statistics show values that policies hide)", "-- install PostgreSQL 15.14 or later",
		}}},
		{150002, "15.2", []fault{{
			"server 15.2: CVE-2023-2455 (policies disregard a change of user after inlining), " +
				"CVE-2024-10976 (policies of sub-queries disregard a change of user), " +
				"CVE-2025-8713 (statistics show values that policies hide)",
			"-- install PostgreSQL 15.14 or later",
		}}},
		{160010, "16.10", nil},
		{160009, "16.9", []fault{{
			"server 16.9: CVE-2025-8713 (statistics show values that policies hide)", "-- install PostgreSQL 16.10 or later",
		}}},
		{170000, "17.0", []fault{{
			"server 17.0: CVE-2024-10976 (policies of sub-queries disregard a change of user), " +
				"CVE-2025-8713 (statistics show values that policies hide)",
			"-- install PostgreSQL 17.6 or later",
		}}},
		{180000, "18.0", nil},
		{190000, "19.0", []fault{{
			"server 19.0", "-- run the isolation suite on this version, or look for a newer Konstruct",
		}}},
	} {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			e := newExamination(reading{facts: facts{Server: []server{{VersionNum: c.num, Version: c.version, Encoding: "UTF8"}}}}, Catalogue{})
			var got []fault
			for _, l := range serverLints() {
				got = append(got, l.find(e)...)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// From 16 on a membership is its grantor's to revoke, and inheriting is the grant's; before, it is the role's.
func TestMembershipRemediesByVersion(t *testing.T) {
	t.Parallel()
	cat := Catalogue{OwnerRole: "owner", AppRole: "app", Definers: map[string]Definer{"public.f()": {Owner: "resolver"}}}
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
		e := newExamination(reading{facts: facts{Server: []server{{VersionNum: num}}, Memberships: members}}, cat)
		require.Equal(t, []fault{{"role owner: member of resolver", want[0]}}, findDefinerMemberships(e))
		require.Equal(t, []fault{{"role app: granted to friend", want[1]}}, findMembers(e), "who may only administer is left out")
	}
}
