package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// A run in small: everything is done and every answer checked, round trips are asserted, and times are not.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	fresh := func() database {
		db := testdb.New(t)
		return database{appURL: db.AppURL, superURL: db.SuperURL}
	}
	few := plan{rounds: 2, turns: 3, warmUp: 2}
	tenants := population{tenants: 2 * subjectCount, agentsEach: pageSize + 5}
	skewed := tenants
	skewed.bigTenant = 200
	o := options{loopback: few, network: few, small: tenants, main: tenants, skewed: skewed, huge: &tenants}

	r, err := measure(t.Context(), o, fresh, io.Discard)
	require.NoError(t, err)

	want := map[string][wayCount]float64{
		"Read: a list of 20 agents":               {wayRaw: 1, wayPlain: 1, wayNaive: 4, wayOurs: 1},
		"Insert: one agent":                       {wayRaw: 1, wayPlain: 1, wayNaive: 4, wayOurs: 1},
		"Update one: rename an agent and read it": {wayRaw: 1, wayPlain: 4, wayNaive: 5, wayOurs: 3},
		"Transaction: list, insert, update":       {wayRaw: 5, wayPlain: 5, wayNaive: 6, wayOurs: 4},
	}
	got := map[string][wayCount]float64{}
	for _, work := range r.works {
		got[work.name] = work.trips
	}
	require.Equal(t, want, got)

	var out strings.Builder
	require.NoError(t, r.write(&out))
	for _, gate := range r.gates() {
		require.Contains(t, out.String(), gate.promise)
		require.Positive(t, gate.measured, gate.promise)
	}
	require.NotContains(t, out.String(), "NaN")
}

func TestTheWorksAreWhereTheGatesLookForThem(t *testing.T) {
	t.Parallel()
	names := works()
	require.Contains(t, names[workRead].name, "Read")
	require.Contains(t, names[workInsert].name, "Insert")
	require.Contains(t, names[workUpdate].name, "Update")
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, gates, err := parse(nil, io.Discard)
	require.NoError(t, err)
	require.False(t, gates)
	require.Nil(t, o.huge)
	require.Equal(t, 5, o.loopback.rounds)

	o, gates, err = parse([]string{"-gates", "-big", "-rounds", "3"}, io.Discard)
	require.NoError(t, err)
	require.True(t, gates)
	require.Equal(t, 5_000_000, o.huge.rows())
	require.Equal(t, 3, o.loopback.rounds)
	require.Equal(t, 3, o.network.rounds)

	for _, args := range [][]string{{"-rounds", "0"}, {"-turns", "0"}, {"-network-turns", "-1"}, {"-unknown"}} {
		_, _, err := parse(args, io.Discard)
		require.Error(t, err, args)
	}
}

func TestStage(t *testing.T) {
	t.Parallel()
	var order []string
	s := &stage{log: io.Discard}
	err := s.perform(func() error {
		s.Cleanup(func() { order = append(order, "first") })
		s.Cleanup(func() { order = append(order, "second") })
		s.Fatalf("no server: %v", io.ErrUnexpectedEOF)
		return nil
	})
	require.EqualError(t, err, "no server: unexpected EOF")
	require.Equal(t, []string{"second", "first"}, order, "the latest first, also after a failure")
	require.True(t, s.Failed())

	fault := errors.New("fault")
	require.ErrorIs(t, (&stage{log: io.Discard}).perform(func() error { return fault }), fault)
	require.Panics(t, func() { _ = (&stage{log: io.Discard}).perform(func() error { panic(fault) }) }, "a bug stays one")
}

func TestTablesStandInLine(t *testing.T) {
	t.Parallel()
	table := newTable("way", "÷ raw")
	table.add("a long name", "1.00")
	var out strings.Builder
	table.write(&out)
	require.Equal(t, strings.Join([]string{
		"| way         | ÷ raw |",
		"| ----------- | ----: |",
		"| a long name |  1.00 |",
		"",
	}, "\n"), out.String())
}
