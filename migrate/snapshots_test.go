package migrate_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	entschema "entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	entmigrate "github.com/konstruct/konstruct/ent/migrate"
	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func diagnosed(t *testing.T, db *testdb.Database, spec doctor.Spec) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.AppURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	report, err := doctor.Check(t.Context(), conn, spec)
	require.NoError(t, err)
	out := []string{}
	for _, f := range report.Findings {
		out = append(out, f.Code+" "+f.Object)
	}
	return out
}

// newer returns the product's chain with another tenant-scoped table, as in a later release.
func newer(t *testing.T, db *testdb.Database) migrate.Chain {
	t.Helper()
	dir := product(t)
	_, err := migrate.Diff(t.Context(), migrate.DiffOptions{
		Name: "add_notes", Dir: dir, Spec: migrate.Spec(), ScratchURL: db.SuperURL, Now: planned,
		Tables: append([]*entschema.Table{scoped("notes", col("body", field.TypeString))}, entmigrate.Tables...),
	})
	require.NoError(t, err)
	chain := migrate.Konstruct()
	chain.Files = os.DirFS(dir)
	return chain
}

// `migrate up` runs before the new servers start. The old ones must accept the newer database and still report faults.
func TestBinaryOlderThanDatabase(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	old := migrate.Spec()
	require.Empty(t, diagnosed(t, db, old))

	chain := newer(t, db)
	_, err := upChains(t.Context(), db.OwnerURL, chain)
	require.NoError(t, err)
	other := "snapshot.other-version database " + db.Name
	require.Equal(t, []string{other}, diagnosed(t, db, old), "the old binary")
	shipped, err := chain.Snapshot()
	require.NoError(t, err)
	require.Empty(t, diagnosed(t, db, old.With(doctor.Spec{Snapshot: shipped})), "the new binary")

	super := open(t, db.SuperURL)
	exec(t, super, `UPDATE atlas_schema_revisions.snapshots SET snapshot = jsonb_set(snapshot, '{objects}', '[{"kind":"later","name":"x"}]' ||
		(SELECT jsonb_agg(jsonb_set(o, '{props,later}', '"x"')) FROM jsonb_array_elements(snapshot->'objects') AS o))`)
	require.Equal(t, []string{other}, diagnosed(t, db, old), "the later release records more of each object")
	exec(t, super, "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY")
	require.Equal(t, []string{"rls.not-forced table public.notes", other}, diagnosed(t, db, old), "of an unknown table")
	exec(t, super, "ALTER TABLE notes FORCE ROW LEVEL SECURITY")
	exec(t, super, "DROP INDEX channelconnection_channel_type_workspace_id")
	require.Equal(t, []string{
		"schema.missing unique key channelconnection_channel_type_workspace_id on public.channel_connections", other,
	}, diagnosed(t, db, old))
}

func TestLatestSnapshotAfterClockWasSetBack(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	super := open(t, db.SuperURL)
	exec(t, super, "UPDATE atlas_schema_revisions.snapshots SET recorded_at = recorded_at + interval '1 hour'")
	result, err := upChains(t.Context(), db.OwnerURL, newer(t, db))
	require.NoError(t, err)
	require.Len(t, result.Applied, 1)
	var latest string
	require.NoError(t, super.QueryRow(t.Context(),
		"SELECT version FROM atlas_schema_revisions.snapshots ORDER BY recorded_at DESC LIMIT 1").Scan(&latest))
	require.True(t, strings.HasPrefix(result.Applied[0], latest), "%v", result.Applied)
}

// The application role can read but not write snapshots, and a forged snapshot hides no missing protection.
func TestSnapshotsAreReadOnly(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	_, err := upChains(t.Context(), db.OwnerURL, newer(t, db))
	require.NoError(t, err)
	app, super := open(t, db.AppURL), open(t, db.SuperURL)
	require.Equal(t, 3, one[int](t, app, "SELECT count(*) FROM atlas_schema_revisions.snapshots"))
	for _, statement := range []string{
		"INSERT INTO atlas_schema_revisions.snapshots (version, snapshot) VALUES ('9', '{}')",
		"UPDATE atlas_schema_revisions.snapshots SET snapshot = '{}'", "DELETE FROM atlas_schema_revisions.snapshots",
	} {
		denied(t, app, statement)
	}

	exec(t, super, "ALTER TABLE agents DISABLE ROW LEVEL SECURITY")
	exec(t, super, "UPDATE atlas_schema_revisions.snapshots SET snapshot = replace(snapshot::text, '\"rls\": \"true\"', '\"x\": \"\"')::jsonb")
	require.Contains(t, diagnosed(t, db, migrate.Spec()), "rls.disabled table public.agents")
}

// A change made by hand before a migration remains a finding.
func TestMigrationRecordsItsOwnChangesOnly(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	super := open(t, db.SuperURL)
	exec(t, super, "CREATE TRIGGER odd BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()")
	chain := newer(t, db)
	_, err := upChains(t.Context(), db.OwnerURL, chain)
	require.NoError(t, err)
	require.Equal(t, []string{"trigger.unlisted trigger odd on public.tenants", "snapshot.other-version database " + db.Name},
		diagnosed(t, db, migrate.Spec()))
}

// Up adds a missing snapshots table with the chain's shipped snapshot.
func TestUpAddsTheSnapshotsTable(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	super := open(t, db.SuperURL)
	exec(t, super, "DROP TABLE atlas_schema_revisions.snapshots")
	require.Contains(t, diagnosed(t, db, migrate.Spec()), "schema.missing table atlas_schema_revisions.snapshots")
	exec(t, super, "DROP INDEX tenants_slug_key") // an existing fault is not recorded as expected

	result, err := upChains(t.Context(), db.OwnerURL, migrate.Konstruct())
	require.NoError(t, err)
	require.Empty(t, result.Applied)
	require.Equal(t, []string{"schema.missing unique key tenants_slug_key on public.tenants"}, diagnosed(t, db, migrate.Spec()))
	recorded := one[doctor.Snapshot](t, super, "SELECT snapshot FROM atlas_schema_revisions.snapshots")
	require.Empty(t, recorded.Differing(migrate.Spec().Snapshot))
}

// A project's snapshot covers both chains.
func TestProjectSnapshot(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
	require.Empty(t, diagnosed(t, db, fixture.Spec()))
	require.NotEmpty(t, fixture.Spec().Snapshot.Versions["fixture_schema_revisions"])
	exec(t, open(t, db.SuperURL), "ALTER TABLE fixture_notes DROP CONSTRAINT fixture_notes_tenant_id_fkey")
	require.Equal(t, []string{"schema.missing foreign key fixture_notes_tenant_id_fkey on public.fixture_notes"},
		diagnosed(t, db, fixture.Spec()))
}

// An empty database is reported as not migrated, neither safe nor unsafe.
func TestEmptyDatabase(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	require.Equal(t, []string{"database.not-migrated database " + db.Name}, diagnosed(t, db, migrate.Spec()))
	conn := open(t, db.AppURL)
	report, err := doctor.Check(t.Context(), conn, migrate.Spec())
	require.NoError(t, err)
	require.ErrorIs(t, report.Err(), doctor.ErrNotMigrated)
	require.ErrorIs(t, report.Err(), doctor.ErrUnsafe)
	require.EqualError(t, report.Err(), "the database is not migrated: run konstruct migrate up")
	require.Equal(t, doctor.ExitErrors, report.ExitCode())
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.Contains(t, text.String(), "konstruct migrate up")
	require.NotContains(t, text.String(), "Isolation holds")
	require.NotContains(t, text.String(), "Rows may cross")
}

// A check that can't get a lock within a second returns an error, not a finding.
func TestLockTimeoutIsAnError(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	super := open(t, db.SuperURL)
	exec(t, super, "CREATE VIEW people WITH (security_invoker = true) AS SELECT name FROM tenants")
	exec(t, super, "BEGIN; LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE", pgx.QueryExecModeSimpleProtocol)
	began := time.Now()
	_, err := doctor.Check(t.Context(), open(t, db.AppURL), migrate.Spec())
	requireCode(t, err, "55P03")
	require.NotErrorIs(t, err, doctor.ErrUnsafe)
	require.Less(t, time.Since(began), 30*time.Second)
	exec(t, super, "ROLLBACK")
	require.Equal(t, []string{"schema.outside view public.people"}, diagnosed(t, db, migrate.Spec()))
}

func latin1(t *testing.T) *testdb.Database {
	t.Helper()
	db := testdb.Empty(t)
	super := open(t, db.SuperURL)
	exec(t, super, "CREATE DATABASE "+db.Name+"_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.WithoutCancel(t.Context()), db.SuperURL)
		require.NoError(t, err)
		_, err = conn.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+db.Name+"_latin1 WITH (FORCE)")
		require.NoError(t, err)
		require.NoError(t, conn.Close(context.WithoutCancel(t.Context())))
	})
	of := func(url string) string { return strings.Replace(url, db.Name, db.Name+"_latin1", 1) }
	return &testdb.Database{Name: db.Name + "_latin1", AppURL: of(db.AppURL), OwnerURL: of(db.OwnerURL), SuperURL: of(db.SuperURL)}
}

func TestOnlyUTF8(t *testing.T) {
	t.Parallel()
	db := latin1(t)
	for _, url := range []string{db.SuperURL, db.OwnerURL} {
		_, err := upChains(t.Context(), url, migrate.Konstruct())
		require.ErrorIs(t, err, migrate.ErrEncoding)
		require.ErrorContains(t, err, "is LATIN1")
	}
	require.Equal(t, []string{"database.not-migrated database " + db.Name, "server.encoding database " + db.Name + ": LATIN1"},
		diagnosed(t, db, migrate.Spec()))
}
