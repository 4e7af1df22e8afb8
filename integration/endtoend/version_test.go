package endtoend_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// version, the server's log and the migration revisions contain the version set at link time.
func TestVersionIsRecorded(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	out, code := run(t, environment{}, "", "version")
	require.Zero(t, code, out)
	require.Equal(t, []string{"konstruct", buildVersion}, strings.Fields(out)[:2])

	out, code = run(t, environment{"MIGRATION_DATABASE_URL": db.SuperURL}, "", "migrate", "up")
	require.Zero(t, code, out)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), `select distinct operator_version
		from atlas_schema_revisions.atlas_schema_revisions where version not like '.%'`)
	require.NoError(t, err)
	operators, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"konstruct " + buildVersion}, operators)

	server := start(t, serveEnvironment(t, db), "serve")
	require.Equal(t, buildVersion, server.wait(t, `msg=starting version=(\S+)`))
	server.wait(t, `msg=listening`)
	server.stop(t)
}
