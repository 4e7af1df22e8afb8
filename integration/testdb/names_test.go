package testdb

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDatabaseName(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for test, want := range map[string]string{
		"TestSimple":             "test_20260304t050607_simple_",
		"TestA/with a/Sub Test!": "test_20260304t050607_a_with_a_sub_test_",
		"Test/ÄÖÜ":               "test_20260304t050607__",
	} {
		name := databaseName(test, now)
		require.True(t, strings.HasPrefix(name, want), name)
		made, dated := madeAt(name)
		require.True(t, dated)
		require.Equal(t, now, made)
		require.NotEqual(t, name, databaseName(test, now), "two of one test at once")
	}
	for _, name := range []string{"", "postgres", "test_", "test_template_0123456789abcdef", "test_yesterday_at_noon_x"} {
		_, dated := madeAt(name)
		require.False(t, dated, name)
	}
	long := databaseName("Test"+strings.Repeat("x", 200), now)
	require.Len(t, long, longestName)
	require.NotEqual(t, long, databaseName("Test"+strings.Repeat("x", 200), now))
}

func TestSuperfluous(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	at := func(ago time.Duration) string { return databaseName("TestX", now.Add(-ago)) }
	fresh, old := found{Name: at(time.Minute)}, found{Name: at(3 * time.Hour)}
	kept := found{Name: at(23 * time.Hour), Comment: keptMark + "TestX"}
	keptLong := found{Name: at(25 * time.Hour), Comment: keptMark + "TestX"}
	current, former := found{Name: templatePrefix + "now"}, found{Name: templatePrefix + "then"}
	foreign := found{Name: "test_of_somebody"}
	all := []found{fresh, old, kept, keptLong, current, former, foreign}

	require.Equal(t, []string{old.Name, keptLong.Name}, superfluous(all, current.Name, false, now))
	alone := superfluous(all, current.Name, true, now)
	require.Equal(t, []string{fresh.Name, old.Name, keptLong.Name, former.Name}, alone)
}

func TestOnlySoManyAreKept(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	all := make([]found, 0, keepMost+2)
	for i := range keepMost + 2 {
		name := databaseName(fmt.Sprintf("Test%d", i), now.Add(-time.Duration(i)*time.Minute))
		all = append(all, found{Name: name, Comment: keptMark})
	}
	require.Equal(t, []string{all[keepMost].Name, all[keepMost+1].Name}, superfluous(all, "", false, now))
}

func TestChooseKind(t *testing.T) {
	t.Parallel()
	chosen, err := chooseKind(t.Context(), "local")
	require.NoError(t, err)
	require.Equal(t, "local", chosen.name)
	_, err = chooseKind(t.Context(), "podman")
	require.ErrorContains(t, err, `KONSTRUCT_TEST_SERVER is "podman"`)
}

func TestABadURLIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"postgres://u:unspeakable@[", "host=x password=unspeakable port=none"} {
		_, err := joinGiven(t.Context(), given)
		require.ErrorContains(t, err, urlVariable)
		require.NotContains(t, err.Error(), "unspeakable")
	}
}

func BenchmarkClone(b *testing.B) {
	c := sharedCluster(b)
	var names []string
	for b.Loop() {
		name := databaseName(b.Name(), time.Now())
		require.NoError(b, c.clone(b.Context(), name))
		names = append(names, name)
	}
	for _, name := range names {
		require.NoError(b, c.drop(b.Context(), name))
	}
}

func TestChosenBinariesHaveAServerOfTheirOwn(t *testing.T) {
	t.Parallel()
	require.Equal(t, "local", placeName(localKind, ""))
	require.NotEqual(t, "local", placeName(localKind, "/opt/17/bin"))
	require.NotEqual(t, placeName(localKind, "/opt/17/bin"), placeName(localKind, "/opt/18/bin"))
	require.Equal(t, placeName(localKind, "/opt/17/bin"), placeName(localKind, "/opt/17/bin/"))
	require.Equal(t, "docker", placeName(dockerKind, "/opt/17/bin"), "a container has its own")
}
