package testdb_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// ask reads one value as text.
func ask(t testing.TB, url, sql string, args ...any) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	var value string
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&value))
	return value
}

func execute(t *testing.T, url, statement string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, conn.Close(t.Context()))
	return err
}

func TestNew(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)

	for role, url := range map[string]string{
		"konstruct_app":   db.AppURL,
		"konstruct_owner": db.OwnerURL,
		"postgres":        db.SuperURL,
	} {
		require.Equal(t, role, ask(t, url, "SELECT current_user::text"))
		require.Equal(t, db.Name, ask(t, url, "SELECT current_database()::text"))
	}
	require.Equal(t, "0", ask(t, db.SuperURL, "SELECT count(*)::text FROM agents"), "migrated, and without rows")
	require.Equal(t, "true",
		ask(t, db.SuperURL, "SELECT relforcerowsecurity::text FROM pg_class WHERE relname = 'agents'"))
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	one, other := testdb.New(t), testdb.New(t)
	require.NotEqual(t, one.Name, other.Name)
	require.NoError(t, execute(t, one.OwnerURL, "CREATE TABLE mine (word text)"))
	require.Equal(t, "true", ask(t, one.SuperURL, "SELECT (to_regclass('mine') IS NOT NULL)::text"))
	require.Equal(t, "false", ask(t, other.SuperURL, "SELECT (to_regclass('mine') IS NOT NULL)::text"))
}

// A clone must have the owner, grants and settings of a bootstrap, which CREATE DATABASE … TEMPLATE omits.
func TestACloneHasTheDatabaseLevelOfABootstrap(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	for privilege, want := range map[string]string{"CONNECT": "true", "TEMPORARY": "false", "CREATE": "false"} {
		require.Equal(t, want, ask(t, db.SuperURL,
			"SELECT has_database_privilege('konstruct_app', current_database(), $1)::text", privilege), privilege)
	}
	require.Equal(t, "konstruct_owner", ask(t, db.SuperURL,
		"SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"))
	require.Equal(t, "0", ask(t, db.SuperURL, `SELECT count(*)::text FROM pg_database AS d, aclexplode(d.datacl) AS a
		WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type IN ('TEMPORARY', 'CREATE')`))
	require.ErrorContains(t, execute(t, db.AppURL, "CREATE TEMPORARY TABLE t ()"), "42501")
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	require.Equal(t, "postgres", ask(t, db.SuperURL,
		"SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"))
	require.Equal(t, "false", ask(t, db.SuperURL, "SELECT (to_regclass('agents') IS NOT NULL)::text"))
	require.Equal(t, "konstruct_owner", ask(t, db.OwnerURL, "SELECT current_user::text"))
}

func TestOwnCluster(t *testing.T) {
	t.Parallel()
	cluster := testdb.OwnCluster(t)
	require.Equal(t, "0",
		ask(t, cluster.SuperURL, "SELECT count(*)::text FROM pg_roles WHERE rolname LIKE 'konstruct%'"))

	db := cluster.New(t)
	require.Equal(t, "konstruct_app", ask(t, db.AppURL, "SELECT current_user::text"))
	require.NotEqual(t,
		ask(t, cluster.SuperURL, "SELECT system_identifier::text FROM pg_control_system()"),
		ask(t, testdb.New(t).SuperURL, "SELECT system_identifier::text FROM pg_control_system()"))
	require.NotContains(t, cluster.String(), "@")
}

func TestDurableClusterSyncs(t *testing.T) {
	t.Parallel()
	url := testdb.DurableCluster(t).SuperURL
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		require.Equal(t, "on", ask(t, url, "SELECT current_setting('"+setting+"')"), setting)
	}
}

func TestRedis(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^redis://default:\w+@127\.0\.0\.1:\d+/0$`, testdb.Redis(t))
}
