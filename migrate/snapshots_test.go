package migrate_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// newer returns the product's chain with another tenant-scoped table, as in a later release. Its snapshot.json is not
// current.
func newer(t *testing.T) (dir string, chain migrate.Chain) {
	t.Helper()
	planned, err := os.ReadFile(filepath.Join("testdata", "new_table.sql"))
	require.NoError(t, err)
	return product(t, files{"20300102030405_next_step.sql": string(planned)})
}

// `migrate up` runs before the new servers start. The old ones must accept the newer database and still report faults.
func TestBinaryOlderThanDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	old := migrate.Spec()
	require.Empty(t, b.diagnose(t, old))

	dir, chain := newer(t)
	require.NoError(t, migrate.WriteSnapshot(t.Context(), migrate.SnapshotOptions{Dir: dir, ScratchURL: b.SuperURL}))
	b.mustUp(t, chain)
	other := "snapshot.other-version database " + b.Name
	require.Equal(t, []string{other}, b.diagnose(t, old), "the old binary")
	shipped, err := chain.Snapshot()
	require.NoError(t, err)
	require.Empty(t, b.diagnose(t, old.With(doctor.Spec{Snapshot: shipped})), "the new binary")

	exec(t, b.super, `UPDATE atlas_schema_revisions.snapshots SET snapshot = jsonb_set(snapshot, '{objects}', '[{"kind":"later","name":"x"}]' ||
		(SELECT jsonb_agg(jsonb_set(o, '{props,later}', '"x"')) FROM jsonb_array_elements(snapshot->'objects') AS o))`)
	require.Equal(t, []string{other}, b.diagnose(t, old), "the later release records more of each object")
	exec(t, b.super, "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY")
	require.Equal(t, []string{"rls.not-forced table public.notes", other}, b.diagnose(t, old), "of an unknown table")
	exec(t, b.super, "ALTER TABLE notes FORCE ROW LEVEL SECURITY; DROP INDEX channelconnection_channel_type_workspace_id")
	require.Equal(t, []string{
		"schema.missing unique key channelconnection_channel_type_workspace_id on public.channel_connections", other,
	}, b.diagnose(t, old))
}

func TestLatestSnapshotAfterClockWasSetBack(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	exec(t, b.super, "UPDATE atlas_schema_revisions.snapshots SET recorded_at = recorded_at + interval '1 hour'")
	_, chain := newer(t)
	applied := b.mustUp(t, chain)
	require.Len(t, applied, 1)
	latest := one[string](t, b.super, "SELECT version FROM atlas_schema_revisions.snapshots ORDER BY recorded_at DESC LIMIT 1")
	require.True(t, strings.HasPrefix(applied[0], latest), "%v", applied)
}

// The application role can read but not write snapshots, and a forged snapshot hides no missing protection.
func TestSnapshotsAreReadOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	_, chain := newer(t)
	b.mustUp(t, chain)
	require.Equal(t, len(sqlFiles(t, migrate.Konstruct().Files))+1, one[int](t, b.app, "SELECT count(*) FROM atlas_schema_revisions.snapshots"))
	for _, statement := range []string{
		"INSERT INTO atlas_schema_revisions.snapshots (version, snapshot) VALUES ('9', '{}')",
		"UPDATE atlas_schema_revisions.snapshots SET snapshot = '{}'", "DELETE FROM atlas_schema_revisions.snapshots",
	} {
		denied(t, b.app, statement)
	}

	exec(t, b.super, "ALTER TABLE agents DISABLE ROW LEVEL SECURITY; "+
		"UPDATE atlas_schema_revisions.snapshots SET snapshot = replace(snapshot::text, '\"rls\": \"true\"', '\"x\": \"\"')::jsonb")
	require.Contains(t, b.diagnose(t, migrate.Spec()), "rls.disabled table public.agents")
}

// A change made by hand before a migration remains a finding.
func TestMigrationRecordsItsOwnChangesOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	exec(t, b.super, "CREATE TRIGGER odd BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()")
	_, chain := newer(t)
	b.mustUp(t, chain)
	require.Equal(t, []string{"trigger.unlisted trigger odd on public.tenants", "snapshot.other-version database " + b.Name},
		b.diagnose(t, migrate.Spec()))
}

// Up adds a missing snapshots table with the chain's shipped snapshot.
func TestUpAddsTheSnapshotsTable(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	exec(t, b.super, "DROP TABLE atlas_schema_revisions.snapshots")
	require.Contains(t, b.diagnose(t, migrate.Spec()), "schema.missing table atlas_schema_revisions.snapshots")
	exec(t, b.super, "DROP INDEX tenants_slug_key") // an existing fault is not recorded as expected

	require.Empty(t, b.mustUp(t))
	require.Equal(t, []string{"schema.missing unique key tenants_slug_key on public.tenants"}, b.diagnose(t, migrate.Spec()))
	recorded := one[doctor.Snapshot](t, b.super, "SELECT snapshot FROM atlas_schema_revisions.snapshots")
	require.Empty(t, recorded.Differing(migrate.Spec().Snapshot))
}

// A project's snapshot covers both chains.
func TestProjectSnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	require.NoError(t, fixture.Migrate(t.Context(), b.OwnerURL))
	require.Empty(t, b.diagnose(t, fixture.Spec()))
	require.NotEmpty(t, fixture.Spec().Snapshot.Versions["fixture_schema_revisions"])
	exec(t, b.super, "ALTER TABLE fixture_notes DROP CONSTRAINT fixture_notes_tenant_id_fkey")
	require.Equal(t, []string{"schema.missing foreign key fixture_notes_tenant_id_fkey on public.fixture_notes"},
		b.diagnose(t, fixture.Spec()))
}

// An empty database is reported as not migrated, neither safe nor unsafe.
func TestEmptyDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.Empty)
	require.Equal(t, []string{"database.not-migrated database " + b.Name}, b.diagnose(t, migrate.Spec()))
	report, err := doctor.Check(t.Context(), b.app, migrate.Spec())
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
	b := setup(t, testdb.New)
	exec(t, b.super, "CREATE VIEW people WITH (security_invoker = true) AS SELECT name FROM tenants")
	exec(t, b.super, "BEGIN; LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
	began := time.Now()
	_, err := doctor.Check(t.Context(), b.app, migrate.Spec())
	requireCode(t, err, "55P03")
	require.NotErrorIs(t, err, doctor.ErrUnsafe)
	require.Less(t, time.Since(began), 30*time.Second)
	exec(t, b.super, "ROLLBACK")
	require.Equal(t, []string{"schema.outside view public.people"}, b.diagnose(t, migrate.Spec()))
}

// latin1 returns a database whose encoding is not UTF-8.
func latin1(tb testing.TB) *testdb.Database {
	tb.Helper()
	db := testdb.Empty(tb)
	name := db.Name + "_latin1"
	super, err := pgx.Connect(tb.Context(), db.SuperURL)
	require.NoError(tb, err)
	_, err = super.Exec(tb.Context(), "CREATE DATABASE "+name+" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx := context.WithoutCancel(tb.Context())
		_, err := super.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(tb, errors.Join(err, super.Close(ctx)))
	})
	of := func(url string) string { return strings.Replace(url, db.Name, name, 1) }
	return &testdb.Database{Name: name, AppURL: of(db.AppURL), OwnerURL: of(db.OwnerURL), SuperURL: of(db.SuperURL)}
}

func TestOnlyUTF8(t *testing.T) {
	t.Parallel()
	b := setup(t, latin1)
	for _, url := range []string{b.SuperURL, b.OwnerURL} {
		_, err := upAs(t, url)
		require.ErrorIs(t, err, migrate.ErrEncoding)
		require.ErrorContains(t, err, "is LATIN1")
	}
	require.Equal(t, []string{"database.not-migrated database " + b.Name, "server.encoding database " + b.Name + ": LATIN1"},
		b.diagnose(t, migrate.Spec()))
}
