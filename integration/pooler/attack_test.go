//go:build pooler

package pooler_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/isolation"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// The drivers are behind the pooler. The kit's raw connections go to the server, since the next client would inherit
// their session settings.
func TestAttacks(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		db := testdb.New(t)
		require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
		report := isolation.Run(t, isolation.DB{
			AppURL: db.AppURL, SuperURL: db.SuperURL, DriverURL: newBouncer(t, db, poolSize).url,
			Options: []pgtenant.Option{pgtenant.WithQueryMode(mode)},
		})
		require.True(t, report.Holds, report.Verdict)
	})
}
