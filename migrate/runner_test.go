package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

// The runner refuses these statements even if the lints miss them.
func TestAStatementThatEndsTheTransaction(t *testing.T) {
	t.Parallel()
	url := testdb.Empty(t).OwnerURL
	for _, statement := range []string{"COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			conn := open(t, url)
			exec(t, conn, "BEGIN")
			require.NoError(t, migrate.ExecuteUnlinted(t.Context(), conn.PgConn(), "SELECT 1", "SELECT 2"))
			err := migrate.ExecuteUnlinted(t.Context(), conn.PgConn(), "SELECT 1", statement)
			var failed *migrate.StatementError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, migrate.ErrTransactionControl)
			require.Equal(t, 2, failed.Line)
		})
	}
}
