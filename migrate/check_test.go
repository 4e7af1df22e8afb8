package migrate_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	entschema "entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	entmigrate "github.com/konstruct/konstruct/ent/migrate"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

// check returns the faults of a chain by step, if Ent's schema has the product's tables and more.
func check(t *testing.T, chain migrate.Chain, more ...*entschema.Table) map[string]error {
	t.Helper()
	faults := make(map[string]error)
	for _, r := range migrate.Check(t.Context(), migrate.CheckOptions{
		Chains: []migrate.Chain{chain}, Tables: slices.Concat(entmigrate.Tables, more), Spec: migrate.Spec(),
		ScratchURL: testdb.Empty(t).SuperURL, Doctor: examine(migrate.Spec()),
	}) {
		if r.Err != nil {
			faults[r.Step] = r.Err
		}
	}
	return faults
}

func TestProductIsCurrent(t *testing.T) {
	t.Parallel()
	var asked string
	results := migrate.Check(t.Context(), migrate.CheckOptions{
		Tables: entmigrate.Tables, Spec: migrate.Spec(), ScratchURL: testdb.Empty(t).SuperURL,
		Doctor: func(ctx context.Context, conn *pgx.Conn) error {
			if err := conn.QueryRow(ctx, "SELECT session_user || '=' || current_user").Scan(&asked); err != nil {
				return err
			}
			return examine(migrate.Spec())(ctx, conn)
		},
	})
	var steps []string
	for _, r := range results {
		require.NoError(t, r.Err, r.Step)
		steps = append(steps, r.Step)
	}
	require.Equal(t, []string{"sums", "lints", "rehearsal", "weakening", "schema", "snapshot", "doctor"}, steps)
	require.Equal(t, "konstruct_app=konstruct_app", asked)
}

func TestCheckFinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file string
		step string
		says string
	}{
		"a refused statement": {"COMMIT;", "lints", "remove the statement that begins or ends one"},
		"a NOT NULL column without a default": {
			"ALTER TABLE agents ADD COLUMN grade text NOT NULL;", "rehearsal", "contains null values",
		},
		"a global table's key that rows violate": {
			"ALTER TABLE portal_users ADD COLUMN home uuid NOT NULL DEFAULT gen_random_uuid() REFERENCES tenants (id);",
			"rehearsal", "violates foreign key constraint",
		},
		"a backfill that policies hide rows from": {"UPDATE agents SET role = '';", "rehearsal", "row-level security"},
		"a statement that needs a superuser":      {"CREATE EXTENSION file_fdw;", "rehearsal", "permission denied"},
		"a table that is not in the Ent schema": {
			"CREATE TABLE stray (id uuid PRIMARY KEY);", "schema", `DROP TABLE "stray"`,
		},
		"a policy that shows all rows": {
			"CREATE POLICY open ON agents TO konstruct_app USING (true);", "weakening", "policy open on public.agents",
		},
		"a unique key that rows violate": {"CREATE UNIQUE INDEX u ON agents (tenant_id, name);", "rehearsal", "could not create unique index"},
		"a table without a seed":         {"CREATE TABLE odd (id uuid PRIMARY KEY);", "rehearsal", "add seed/odd.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, chain := product(t, files{"20300101000000_step.sql": c.file, "seed/stray.sql": "-- empty"})
			found := check(t, chain)
			if c.step == "schema" || c.step == "weakening" {
				delete(found, "doctor") // it reports the result, too
			}
			require.Len(t, found, 1)
			require.ErrorContains(t, found[c.step], c.says)
		})
	}
}

func TestCheckFindsASchemaThatWasNotPlanned(t *testing.T) {
	t.Parallel()
	found := check(t, migrate.Konstruct(), scoped("notes", col("body", field.TypeString)))
	require.Len(t, found, 1)
	require.ErrorIs(t, found["schema"], migrate.ErrDrift)
	require.ErrorContains(t, found["schema"], `CREATE TABLE "notes"`)
}

func TestErrorsOmitTheScratchURL(t *testing.T) {
	t.Parallel()
	err := migrate.WriteSnapshot(t.Context(), migrate.SnapshotOptions{
		Dir: t.TempDir(), ScratchURL: "postgres://postgres:one@two%zz@localhost/postgres",
	})
	require.ErrorContains(t, err, "scratch URL is invalid")
	require.NotContains(t, err.Error(), "two")
}

func TestCheckFindsAnEditedSnapshot(t *testing.T) {
	t.Parallel()
	kept, err := fs.ReadFile(migrate.Konstruct().Files, "snapshot.json")
	require.NoError(t, err)
	edited := strings.Replace(string(kept), "konstruct_app", "konstruct_application", 1)
	require.NotEqual(t, string(kept), edited)
	_, chain := product(t, files{"snapshot.json": edited})
	found := check(t, chain)
	require.Len(t, found, 1)
	require.ErrorIs(t, found["snapshot"], migrate.ErrSnapshot)
}

func TestCheckFindsAnEditedFile(t *testing.T) {
	t.Parallel()
	dir, chain := product(t, nil)
	first := sqlFiles(t, chain.Files)[0]
	files{first: "SELECT 1;"}.write(t, dir)
	found := check(t, chain)
	require.Len(t, found, 1)
	require.ErrorContains(t, found["sums"], first+" was edited")
}

// A seed runs once, after the file that creates its table and after the seeds that it needs, and again for a table that is
// created again without rows.
func TestSeeds(t *testing.T) {
	t.Parallel()
	const verify = `DO $$ BEGIN
  IF (SELECT count(*) FROM children) <> %d OR EXISTS (SELECT FROM empty) THEN RAISE 'unexpected rows'; END IF;
END $$;`
	seeded := files{
		"20260101000000_tables.sql": `
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (parent int NOT NULL REFERENCES parents);
CREATE TABLE empty ();`,
		"20260101000001_later.sql": fmt.Sprintf(verify, 2) + "DELETE FROM children;",
		"20260101000002_again.sql": fmt.Sprintf(verify, 0) + `
DROP TABLE children;
CREATE TABLE children (parent int NOT NULL REFERENCES parents);
ALTER TABLE empty RENAME TO void;
CREATE TABLE copied AS TABLE parents;`,
		"20260101000003_after.sql": fmt.Sprintf(strings.ReplaceAll(verify, "empty", "void"), 2),
		"seed/parents.sql":         "INSERT INTO parents VALUES (1), (2);",
		"seed/children.sql":        "INSERT INTO children SELECT id FROM parents;",
		"seed/empty.sql":           "-- stays empty",
	}
	require.NoError(t, check(t, seeded.chain(t))["rehearsal"])
	err := check(t, seeded.with(files{"seed/parents.sql": "INSERT INTO parents SELECT 1 WHERE false"}).chain(t))["rehearsal"]
	require.ErrorIs(t, err, migrate.ErrSeed)
	require.ErrorContains(t, err, "seed/parents.sql: no rows inserted")
}

func TestStatus(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	all := sqlFiles(t, migrate.Konstruct().Files)

	before, err := migrate.Status(t.Context(), migrate.Options{URL: b.OwnerURL})
	require.NoError(t, err)
	require.Len(t, before, 1)
	require.Equal(t, all, before[0].Pending())
	require.NoError(t, before[0].Problem)
	require.Zero(t, one[int](t, b.super, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'atlas%'"))
	ok, detail, err := migrate.Current(t.Context(), b.app)
	require.NoError(t, err)
	require.False(t, ok)
	require.Contains(t, detail, "migrations of konstruct are pending, starting with "+all[0])

	b.mustUp(t)
	after, err := migrate.Status(t.Context(), migrate.Options{URL: b.AppURL})
	require.NoError(t, err)
	require.Empty(t, after[0].Pending())
	require.WithinDuration(t, time.Now(), after[0].Files[0].AppliedAt, time.Minute)
	require.Equal(t, time.UTC, after[0].Files[0].AppliedAt.Location())
	ok, detail, err = migrate.Current(t.Context(), b.app)
	require.NoError(t, err)
	require.True(t, ok, detail)
}

func TestCurrentOnALostConnection(t *testing.T) {
	t.Parallel()
	app := open(t, testdb.New(t).AppURL)
	require.NoError(t, app.Close(t.Context()))
	ok, _, err := migrate.Current(t.Context(), app)
	require.Error(t, err)
	require.False(t, ok)
}
