package pgtenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Only what did not run is sent again. A statement that fails in the server costs the one round trip of any other.
func TestFailedStatementsAreSentOnce(t *testing.T) {
	t.Parallel()
	const failing = "select 1 / (select 0)"
	db := testdb.New(t)
	for _, mode := range []string{"cache_statement", "cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			trips := &pgtenant.Trips{}
			drv, err := pgtenant.Open(t.Context(), db.AppURL, pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(mode), pgtenant.WithTrips(trips))
			require.NoError(t, err)
			t.Cleanup(func() { _ = drv.Close() })
			_, err = pgtenant.Exec(t.Context(), drv, failing)
			require.Error(t, err)
			before := trips.Count()
			_, err = pgtenant.Exec(t.Context(), drv, failing)
			require.Error(t, err)
			require.EqualValues(t, 1, trips.Count()-before, "Exec")
			require.Error(t, pgtenant.QueryRow(t.Context(), drv, failing, nil))
			require.EqualValues(t, 2, trips.Count()-before, "Query")
		})
	}
}
