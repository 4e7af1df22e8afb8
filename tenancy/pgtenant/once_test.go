package pgtenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// A statement that failed on the server is not resent. (In other modes, dropping a failed statement costs further round
// trips.)
func TestFailedStatementsAreSentOnce(t *testing.T) {
	t.Parallel()
	const failing = "select 1 / (select 0)"
	trips := &pgtenant.RoundTrips{}
	drv, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL,
		pgtenant.WithMaxConns(1), pgtenant.WithQueryMode("exec"), pgtenant.WithRoundTrips(trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	read[int](t.Context(), t, drv, "select 1")

	before := trips.Count()
	require.Error(t, exec(t.Context(), drv, failing))
	require.EqualValues(t, 1, trips.Count()-before, "Exec")
	require.Error(t, pgtenant.QueryRow(t.Context(), drv, failing).Scan(new(int)))
	require.EqualValues(t, 2, trips.Count()-before, "Query")
	// 0A000 without a stale plan.
	requireCode(t, "0A000",
		exec(t.Context(), drv, "select count(distinct x) over () from (values (1)) v (x)"))
	require.EqualValues(t, 3, trips.Count()-before, "0A000")
}
