package migrate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

const tables = `SELECT tablename || ' ' || tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`

func TestUp(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) *testdb.Database{
		"as a superuser on an empty database":          testdb.Empty,
		"as the owner role on a bootstrapped database": bootstrapped,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, database)
			url := b.OwnerURL
			if strings.HasPrefix(name, "as a superuser") {
				url = b.SuperURL
			}
			all := sqlFiles(t, migrate.Konstruct().Files)

			first, err := migrate.Up(t.Context(), migrate.Options{URL: url, Operator: "a test"})
			require.NoError(t, err)
			require.Equal(t, all, first.Applied)
			require.Zero(t, first.Current)

			owned := column(t, b.super, tables)
			require.Contains(t, owned, "agents konstruct_owner")
			for _, table := range owned {
				require.True(t, strings.HasSuffix(table, " konstruct_owner"), table)
			}
			require.Equal(t, "konstruct_owner", one[string](t, b.super,
				"SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'atlas_schema_revisions'"))

			const rows = `SELECT r::text FROM atlas_schema_revisions.atlas_schema_revisions AS r ORDER BY version`
			before := column(t, b.super, rows)
			require.Len(t, before, len(all))

			second, err := upAs(t, url)
			require.NoError(t, err)
			require.Empty(t, second.Applied)
			require.Equal(t, len(all), second.Current)
			require.Equal(t, before, column(t, b.super, rows), "a second up changes nothing")
		})
	}
}

func TestUpPrintsTheBootstrapCommands(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.Empty)
	_, err := b.up(t)
	require.ErrorIs(t, err, migrate.ErrNotBootstrapped)
	var missing *migrate.NotBootstrappedError
	require.ErrorAs(t, err, &missing)
	require.Contains(t, missing.Missing, "schema public is owned by pg_database_owner")
	require.ErrorContains(t, err, " -d "+b.Name+" -v ON_ERROR_STOP=1 -f migrate/bootstrap.sql\n")
	require.ErrorContains(t, err, `\password konstruct_app`)
	require.NotContains(t, err.Error(), "@", "no URL, since it may contain a password")
	require.Empty(t, column(t, b.super, tables))

	_, err = migrate.Bootstrap(t.Context(), b.SuperURL, migrate.Passwords{})
	require.NoError(t, err)
	require.NotEmpty(t, b.mustUp(t), "nothing else is missing")
}

func TestUpWithoutAnOwner(t *testing.T) {
	t.Parallel()
	db := testdb.OwnCluster(t).Empty(t)
	_, err := upAs(t, as(t, db.SuperURL, migrate.OwnerRole, "a secret"))
	require.ErrorIs(t, err, migrate.ErrNotBootstrapped)
	require.ErrorContains(t, err, "konstruct_owner cannot log in")
	require.NotContains(t, err.Error(), "a secret")
	requireCode(t, err, "28P01")
}

func TestUpRefusesAnotherRole(t *testing.T) {
	t.Parallel()
	_, err := upAs(t, testdb.New(t).AppURL)
	require.ErrorIs(t, err, migrate.ErrRole)
	require.ErrorContains(t, err, "konstruct_app: log in as konstruct_owner")
}

func TestFailingFileIsRolledBack(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	good := files{
		"20260101000000_one.sql": "CREATE TABLE one ();",
		"20260101000001_two.sql": "CREATE TABLE two ();\n\nCREATE TABLE three ();",
	}
	bad := good.with(files{"20260101000001_two.sql": "CREATE TABLE two ();\n\nCREATE TABLE two ();"})

	result, err := b.up(t, bad.chain(t))
	var failed *migrate.StatementError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "20260101000001_two.sql", failed.File)
	require.Equal(t, 3, failed.Line)
	requireCode(t, err, "42P07")
	require.Equal(t, []string{"20260101000000_one.sql"}, result.Applied)
	require.Equal(t, []string{"one konstruct_owner"}, column(t, b.owner, tables))
	require.Equal(t, []string{"20260101000000"}, column(t, b.owner, "SELECT version FROM test_revisions.atlas_schema_revisions"))

	require.Equal(t, []string{"20260101000001_two.sql"}, b.mustUp(t, good.chain(t)), "the next run continues")
	require.Len(t, column(t, b.owner, tables), 3)
}

type running struct {
	logs   *logs
	done   chan error
	result migrate.Result
}

// start migrates as the owner role until ctx is done.
func (b *testBundle) start(ctx context.Context, lockTimeout time.Duration, chain migrate.Chain) *running {
	log, logs := newLogger()
	r := &running{logs: logs, done: make(chan error, 1)}
	go func() {
		var err error
		r.result, err = migrate.Up(ctx, migrate.Options{
			URL: b.OwnerURL, LockTimeout: lockTimeout, Chains: []migrate.Chain{chain}, Logger: log,
		})
		r.done <- err
	}()
	return r
}

// startBlocked starts a chain with a file that reads table gate, waits until it is blocked, and returns what unblocks
// it.
func (b *testBundle) startBlocked(t *testing.T, chain migrate.Chain) (blocked *running, unblock func()) {
	t.Helper()
	exec(t, b.super, "CREATE TABLE gate (); ALTER TABLE gate OWNER TO konstruct_owner")
	exec(t, b.owner, "BEGIN; LOCK TABLE gate")
	blocked = b.start(t.Context(), time.Minute, chain)
	require.Eventually(t, func() bool {
		return one[bool](t, b.super, "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'gate'::regclass AND NOT granted)")
	}, time.Minute, 5*time.Millisecond, "the file waits")
	return blocked, func() { exec(t, b.owner, "COMMIT") }
}

func TestConcurrentUp(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	chain := files{
		"20260101000000_slow.sql": "CREATE TABLE slow ();\nSELECT FROM gate;",
		"20260101000001_fast.sql": "CREATE TABLE fast ();",
	}.chain(t)
	first, unblock := b.startBlocked(t, chain)
	second := b.start(t.Context(), time.Minute, chain)
	second.logs.waitFor(t, "waiting for another migration to finish")
	unblock()

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
	b := setup(t, bootstrapped)
	run, unblock := b.startBlocked(t, files{
		"20260101000000_first.sql":  "CREATE TABLE first ();",
		"20260101000001_slow.sql":   "CREATE TABLE slow ();\nSELECT FROM gate;",
		"20260101000002_second.sql": "CREATE TABLE second ();",
	}.chain(t))
	exec(t, b.super, `SELECT pg_terminate_backend(pid) FROM pg_locks
		WHERE relation = 'atlas_schema_revisions.migration_lock'::regclass AND mode = 'ExclusiveLock'`)
	unblock()

	require.ErrorContains(t, <-run.done, "migration lock lost")
	require.Equal(t, []string{"20260101000000_first.sql"}, run.result.Applied)
	require.Equal(t, []string{"first konstruct_owner", "gate konstruct_owner"}, column(t, b.super, tables))
}

// Migrations ignore the owner role's default search_path.
func TestMigrationsIgnoreTheRolesSearchPath(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	exec(t, b.super, "CREATE SCHEMA elsewhere AUTHORIZATION konstruct_owner; "+
		"ALTER ROLE konstruct_owner IN DATABASE "+b.Name+" SET search_path = elsewhere, public")
	b.mustUp(t, files{"20260101000000_one.sql": "CREATE TABLE one ();"}.chain(t))
	require.Equal(t, "public", one[string](t, b.super, "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'one'"))
}

func TestApplicationCannotBlockMigrations(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	base := files{"20260101000000_one.sql": "CREATE TABLE one ();"}
	b.mustUp(t, base.chain(t))

	denied(t, b.app, "BEGIN; LOCK TABLE atlas_schema_revisions.migration_lock IN ROW EXCLUSIVE MODE")
	exec(t, b.app, "ROLLBACK; BEGIN; LOCK TABLE atlas_schema_revisions.migration_lock IN ACCESS SHARE MODE")
	defer exec(t, b.app, "ROLLBACK")
	require.Len(t, b.mustUp(t, base.with(files{"20260101000001_two.sql": "CREATE TABLE two ();"}).chain(t)), 1)
}

func TestUpWaitsForATableInUse(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	base := files{"20260101000000_one.sql": "CREATE TABLE one ();"}
	b.mustUp(t, base.chain(t))

	exec(t, b.super, "BEGIN; LOCK TABLE one IN ACCESS SHARE MODE")
	waiting := b.start(t.Context(), 50*time.Millisecond, base.with(files{
		"20260101000001_two.sql": "CREATE TABLE two ();\nALTER TABLE one ADD COLUMN c int;",
	}).chain(t))
	waiting.logs.waitFor(t, "migration is retried: a table is in use")
	exec(t, b.super, "COMMIT")
	require.NoError(t, <-waiting.done)
	require.Equal(t, []string{"20260101000001_two.sql"}, waiting.result.Applied)
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	for says, f := range map[string]files{
		"add_notes.sql: a migration must be named <YYYYMMDDhhmmss>_": {"add_notes.sql": "SELECT 1;"},
		"20260101000000_a.sql and 20260101000000_b.sql have the same version": {
			"20260101000000_a.sql": "SELECT 1;", "20260101000000_b.sql": "SELECT 1;",
		},
	} {
		_, err := b.up(t, f.chain(t))
		require.ErrorContains(t, err, says)
	}
}

func TestSettingsOfAFileDoNotPersist(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	chain := files{
		"20260101000000_sets.sql":  "SET search_path = nowhere;\nSET row_security = on;",
		"20260101000001_finds.sql": "CREATE TABLE here AS SELECT current_setting('row_security') AS value;",
	}.chain(t)
	for _, url := range []string{b.OwnerURL, b.SuperURL} {
		_, err := upAs(t, url, chain)
		require.NoError(t, err)
	}
	require.Equal(t, "off", one[string](t, b.owner, "SELECT value FROM public.here"))
}

func TestUpStopsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	chain := files{"20260101000000_one.sql": "CREATE TABLE one ();"}.chain(t)
	b.mustUp(t, chain)
	exec(t, b.owner, "BEGIN; LOCK TABLE atlas_schema_revisions.migration_lock IN EXCLUSIVE MODE")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waiting := b.start(ctx, time.Minute, chain)
	waiting.logs.waitFor(t, "waiting for another migration to finish")
	cancel()
	require.ErrorIs(t, <-waiting.done, context.Canceled)
}
