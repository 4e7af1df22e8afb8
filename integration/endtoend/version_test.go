package endtoend_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// version, the server's log and the migration revisions contain the version set at link time.
func TestVersionIsRecorded(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	require.Equal(t, []string{"konstruct", buildVersion}, strings.Fields(run(t, nil, 0, "version"))[:2])

	run(t, environment{"MIGRATION_DATABASE_URL": db.SuperURL}, 0, "migrate up")
	require.Equal(t, []string{"konstruct " + buildVersion}, query[string](t, db.SuperURL, `select distinct operator_version
		from atlas_schema_revisions.atlas_schema_revisions where version not like '.%'`))

	server := start(t, serveEnvironment(t, db.AppURL), "serve")
	require.Equal(t, buildVersion, server.wait(t, `msg=starting version=(\S+)`))
	server.client(t)
	server.stop(t)
}
