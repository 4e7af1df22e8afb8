//go:build pooler

package pooler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// A connection that was idle for more than a second is pinged, without the simple protocol, and kept.
func TestIdleConnectionIsKept(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		drv := newBouncer(t, testdb.New(t), poolSize, "disable_pqexec = 1").open(t, mode)
		for range 2 {
			_, err := pgtenant.Exec(t.Context(), drv, "select 1")
			require.NoError(t, err)
			time.Sleep(1100 * time.Millisecond)
		}
		require.EqualValues(t, 1, drv.Pool().Stat().NewConnsCount())
	})
}
