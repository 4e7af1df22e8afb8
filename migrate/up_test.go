package migrate_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

// bootstrapped returns a bootstrapped database without migrations.
func bootstrapped(t *testing.T) *testdb.Database {
	t.Helper()
	db := testdb.Empty(t)
	_, err := migrate.Bootstrap(t.Context(), db.SuperURL, migrate.Passwords{})
	require.NoError(t, err)
	return db
}

const tables = `SELECT tablename || ' ' || tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`

func TestUp(t *testing.T) {
	t.Parallel()
	ways := map[string]func(*testing.T) (url string, db *testdb.Database){
		"as a superuser on an empty database": func(t *testing.T) (string, *testdb.Database) {
			t.Helper()
			db := testdb.Empty(t)
			return db.SuperURL, db
		},
		"as the owner role on a bootstrapped database": func(t *testing.T) (string, *testdb.Database) {
			t.Helper()
			db := bootstrapped(t)
			return db.OwnerURL, db
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, db := way(t)
			all := sqlFiles(t, migrate.Konstruct().Files)

			first, err := migrate.Up(t.Context(), migrate.Options{URL: url, Operator: "a test"})
			require.NoError(t, err)
			require.Equal(t, all, first.Applied)
			require.Zero(t, first.Current)

			super := open(t, db.SuperURL)
			require.Equal(t, []string{
				"agents konstruct_owner", "channel_connections konstruct_owner", "login_attempts konstruct_owner",
				"portal_sessions konstruct_owner", "portal_users konstruct_owner", "tenants konstruct_owner",
			}, column(t, super, tables))
			require.Equal(t, "konstruct_owner", one[string](t, super,
				"SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'atlas_schema_revisions'"))

			const rows = `SELECT r::text FROM atlas_schema_revisions.atlas_schema_revisions AS r ORDER BY version`
			before := column(t, super, rows)
			require.Len(t, before, len(all))

			second, err := migrate.Up(t.Context(), migrate.Options{URL: url})
			require.NoError(t, err)
			require.Empty(t, second.Applied)
			require.Equal(t, len(all), second.Current)
			require.Equal(t, before, column(t, super, rows), "a second up changes nothing")
		})
	}
}

func TestUpPrintsTheBootstrapCommands(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)

	_, err := migrate.Up(t.Context(), migrate.Options{URL: db.OwnerURL})
	require.ErrorIs(t, err, migrate.ErrNotBootstrapped)
	var missing *migrate.NotBootstrappedError
	require.ErrorAs(t, err, &missing)
	require.Contains(t, missing.Missing, "schema public is owned by pg_database_owner")
	require.ErrorContains(t, err, " -d "+db.Name+" -v ON_ERROR_STOP=1 -f migrate/bootstrap.sql\n")
	require.ErrorContains(t, err, `\password konstruct_app`)
	require.NotContains(t, err.Error(), "@", "no URL, since it may contain a password")
	require.Empty(t, column(t, open(t, db.SuperURL), tables))

	_, err = migrate.Bootstrap(t.Context(), db.SuperURL, migrate.Passwords{})
	require.NoError(t, err)
	_, err = migrate.Up(t.Context(), migrate.Options{URL: db.OwnerURL})
	require.NoError(t, err, "nothing else is missing")
}

func TestUpWithoutAnOwner(t *testing.T) {
	t.Parallel()
	db := testdb.OwnCluster(t).Empty(t)
	_, err := migrate.Up(t.Context(), migrate.Options{URL: as(t, db.SuperURL, migrate.OwnerRole, "a secret")})
	require.ErrorIs(t, err, migrate.ErrNotBootstrapped)
	require.ErrorContains(t, err, "konstruct_owner cannot log in")
	require.NotContains(t, err.Error(), "a secret")
	requireCode(t, err, "28P01")
}

func TestUpRefusesAnotherRole(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	_, err := migrate.Up(t.Context(), migrate.Options{URL: db.AppURL})
	require.ErrorIs(t, err, migrate.ErrRole)
	require.ErrorContains(t, err, "konstruct_app: log in as konstruct_owner")
}

func TestFailingFileIsRolledBack(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	owner := open(t, db.OwnerURL)
	good := files{
		"20260101000000_one.sql": "CREATE TABLE one ();",
		"20260101000001_two.sql": "CREATE TABLE two ();\n\nCREATE TABLE three ();",
	}
	bad := good.with(files{"20260101000001_two.sql": "CREATE TABLE two ();\n\nCREATE TABLE two ();"})

	result, err := upChains(t.Context(), db.OwnerURL, bad.chain(t))
	var failed *migrate.StatementError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "20260101000001_two.sql", failed.File)
	require.Equal(t, 3, failed.Line)
	requireCode(t, err, "42P07")
	require.Equal(t, []string{"20260101000000_one.sql"}, result.Applied)
	require.Equal(t, []string{"one konstruct_owner"}, column(t, owner, tables))
	require.Equal(t, []string{"20260101000000"}, column(t, owner, "SELECT version FROM test_revisions.atlas_schema_revisions"))

	result, err = upChains(t.Context(), db.OwnerURL, good.chain(t))
	require.NoError(t, err, "the next run continues")
	require.Equal(t, []string{"20260101000001_two.sql"}, result.Applied)
	require.Len(t, column(t, owner, tables), 3)
}

type running struct {
	logs   *logs
	done   chan error
	result migrate.Result
}

func start(ctx context.Context, o migrate.Options) *running {
	log, logs := newLogger()
	o.Logger = log
	r := &running{logs: logs, done: make(chan error, 1)}
	go func() {
		var err error
		r.result, err = migrate.Up(ctx, o)
		r.done <- err
	}()
	return r
}

func TestConcurrentUp(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	super := open(t, db.SuperURL)
	exec(t, super, "CREATE TABLE gate (); ALTER TABLE gate OWNER TO konstruct_owner")
	blocker := open(t, db.SuperURL)
	exec(t, blocker, "BEGIN")
	exec(t, blocker, "LOCK TABLE gate")

	options := migrate.Options{URL: db.OwnerURL, LockTimeout: time.Minute, Chains: []migrate.Chain{files{
		"20260101000000_slow.sql": "CREATE TABLE slow ();\nSELECT FROM gate;",
		"20260101000001_fast.sql": "CREATE TABLE fast ();",
	}.chain(t)}}
	first := start(t.Context(), options)
	require.Eventually(t, func() bool {
		return one[bool](t, super, "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'gate'::regclass AND NOT granted)")
	}, time.Minute, 5*time.Millisecond, "the first waits")
	second := start(t.Context(), options)
	second.logs.waitFor(t, "waiting for another migration to finish")
	exec(t, blocker, "COMMIT")

	require.NoError(t, <-first.done)
	require.NoError(t, <-second.done)
	require.Len(t, first.result.Applied, 2)
	require.Empty(t, second.result.Applied)
	require.Equal(t, 2, second.result.Current)
	require.NotContains(t, first.logs.String(), "waiting for another migration")
}

// Another run may start once the lock is lost, so the current file is not committed.
func TestALostLockEndsTheRun(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	super := open(t, db.SuperURL)
	exec(t, super, "CREATE TABLE gate ()")
	exec(t, super, "ALTER TABLE gate OWNER TO konstruct_owner")
	blocker := open(t, db.SuperURL)
	exec(t, blocker, "BEGIN")
	exec(t, blocker, "LOCK TABLE gate")

	run := start(t.Context(), migrate.Options{URL: db.OwnerURL, LockTimeout: time.Minute, Chains: []migrate.Chain{files{
		"20260101000000_first.sql":  "CREATE TABLE first ();",
		"20260101000001_slow.sql":   "CREATE TABLE slow ();\nSELECT FROM gate;",
		"20260101000002_second.sql": "CREATE TABLE second ();",
	}.chain(t)}})
	require.Eventually(t, func() bool {
		return one[bool](t, super, "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'gate'::regclass AND NOT granted)")
	}, time.Minute, 5*time.Millisecond, "the second file waits")
	exec(t, super, `SELECT pg_terminate_backend(pid) FROM pg_locks
		WHERE relation = 'atlas_schema_revisions.migration_lock'::regclass AND mode = 'ExclusiveLock'`)
	exec(t, blocker, "COMMIT")

	require.ErrorContains(t, <-run.done, "migration lock lost")
	require.Equal(t, []string{"20260101000000_first.sql"}, run.result.Applied)
	require.Equal(t, []string{"first konstruct_owner", "gate konstruct_owner"}, column(t, super, tables))
}

// Migrations ignore the owner role's default search_path.
func TestMigrationsIgnoreTheRolesSearchPath(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	super := open(t, db.SuperURL)
	exec(t, super, "CREATE SCHEMA elsewhere AUTHORIZATION konstruct_owner")
	exec(t, super, "ALTER ROLE konstruct_owner IN DATABASE "+db.Name+" SET search_path = elsewhere, public")
	_, err := upChains(t.Context(), db.OwnerURL, files{"20260101000000_one.sql": "CREATE TABLE one ();"}.chain(t))
	require.NoError(t, err)
	require.Equal(t, "public", one[string](t, super, "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'one'"))
}

func TestApplicationCannotBlockMigrations(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	base := files{"20260101000000_one.sql": "CREATE TABLE one ();"}
	_, err := upChains(t.Context(), db.OwnerURL, base.chain(t))
	require.NoError(t, err)

	app := open(t, db.AppURL)
	exec(t, app, "BEGIN")
	denied(t, app, "LOCK TABLE atlas_schema_revisions.migration_lock IN ROW EXCLUSIVE MODE")
	exec(t, app, "ROLLBACK")
	exec(t, app, "BEGIN")
	exec(t, app, "LOCK TABLE atlas_schema_revisions.migration_lock IN ACCESS SHARE MODE")
	defer exec(t, app, "ROLLBACK")

	more := base.with(files{"20260101000001_two.sql": "CREATE TABLE two ();"})
	result, err := upChains(t.Context(), db.OwnerURL, more.chain(t))
	require.NoError(t, err)
	require.Len(t, result.Applied, 1)
}

func TestUpWaitsForATableInUse(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	base := files{"20260101000000_one.sql": "CREATE TABLE one ();"}
	_, err := upChains(t.Context(), db.OwnerURL, base.chain(t))
	require.NoError(t, err)

	user := open(t, db.SuperURL)
	exec(t, user, "BEGIN")
	exec(t, user, "LOCK TABLE one IN ACCESS SHARE MODE")
	waiting := start(t.Context(), migrate.Options{
		URL: db.OwnerURL, LockTimeout: 50 * time.Millisecond, Chains: []migrate.Chain{
			base.with(files{"20260101000001_two.sql": "CREATE TABLE two ();\nALTER TABLE one ADD COLUMN c int;"}).chain(t),
		},
	})
	waiting.logs.waitFor(t, "migration is retried: a table is in use")
	exec(t, user, "COMMIT")
	require.NoError(t, <-waiting.done)
	require.Equal(t, []string{"20260101000001_two.sql"}, waiting.result.Applied)
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	_, err := upChains(t.Context(), db.OwnerURL, files{"add_notes.sql": "SELECT 1;"}.chain(t))
	require.ErrorContains(t, err, "add_notes.sql: a migration must be named <YYYYMMDDhhmmss>_")
	_, err = upChains(t.Context(), db.OwnerURL, files{
		"20260101000000_a.sql": "SELECT 1;", "20260101000000_b.sql": "SELECT 1;",
	}.chain(t))
	require.ErrorContains(t, err, "20260101000000_a.sql and 20260101000000_b.sql have the same version")
}

func TestSettingsOfAFileDoNotPersist(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	chain := files{
		"20260101000000_sets.sql":  "SET search_path = nowhere;\nSET row_security = on;",
		"20260101000001_finds.sql": "CREATE TABLE here AS SELECT current_setting('row_security') AS value;",
	}.chain(t)
	for _, url := range []string{db.OwnerURL, db.SuperURL} {
		_, err := upChains(t.Context(), url, chain)
		require.NoError(t, err)
	}
	require.Equal(t, "off", one[string](t, open(t, db.OwnerURL), "SELECT value FROM public.here"))
}

func TestUpStopsWithItsContext(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	holder := open(t, db.OwnerURL)
	chain := files{"20260101000000_one.sql": "CREATE TABLE one ();"}.chain(t)
	_, err := upChains(t.Context(), db.OwnerURL, chain)
	require.NoError(t, err)
	exec(t, holder, "BEGIN")
	exec(t, holder, "LOCK TABLE atlas_schema_revisions.migration_lock IN EXCLUSIVE MODE")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waiting := start(ctx, migrate.Options{URL: db.OwnerURL, LockTimeout: time.Minute, Chains: []migrate.Chain{chain}})
	waiting.logs.waitFor(t, "waiting for another migration to finish")
	cancel()
	require.ErrorIs(t, <-waiting.done, context.Canceled)
}
