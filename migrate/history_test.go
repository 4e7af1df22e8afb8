package migrate_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

// A mismatch of folder and database is refused before anything is applied.
func TestHistory(t *testing.T) {
	t.Parallel()
	applied := files{
		"20260101000000_one.sql": "CREATE TABLE one ();",
		"20260101000002_two.sql": "CREATE TABLE two ();",
	}
	next := files{"20260101000003_three.sql": "CREATE TABLE three ();"}
	without := func(name string) files {
		out := applied.with(next)
		delete(out, name)
		return out
	}
	for _, c := range []struct {
		name    string
		now     files
		problem error
		says    string
	}{
		{"nothing wrong", applied.with(next), nil, ""},
		{
			"edited and re-hashed", applied.with(next).with(files{"20260101000000_one.sql": "CREATE TABLE one (c int);"}),
			migrate.ErrEdited, "20260101000000_one.sql",
		},
		{
			"renamed", without("20260101000002_two.sql").with(files{"20260101000002_zwei.sql": "CREATE TABLE two ();"}),
			migrate.ErrEdited, "20260101000002_two.sql was renamed to 20260101000002_zwei.sql",
		},
		{"removed", without("20260101000000_one.sql"), migrate.ErrRemoved, "20260101000000_one.sql"},
		{
			"inserted", applied.with(files{"20260101000001_between.sql": "CREATE TABLE between_ ();"}),
			migrate.ErrOutOfOrder, "20260101000001_between.sql precedes 20260101000002_two.sql",
		},
		{
			"an older release",
			files{"20260101000000_one.sql": applied["20260101000000_one.sql"]},
			migrate.ErrNewer, "it has 20260101000002_two.sql, the last migration of this binary is 20260101000000_one.sql",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, bootstrapped)
			b.mustUp(t, applied.chain(t))
			chain := c.now.chain(t)

			ok, detail, err := migrate.Current(t.Context(), b.app, chain)
			require.NoError(t, err)
			if errors.Is(c.problem, migrate.ErrNewer) {
				require.True(t, ok, "an older release keeps serving")
			} else {
				require.False(t, ok)
				require.Contains(t, detail, c.says)
			}

			_, err = b.up(t, chain)
			require.ErrorIs(t, err, c.problem)
			if c.problem != nil {
				require.ErrorContains(t, err, c.says)
				require.Len(t, column(t, b.owner, tables), 2, "nothing was applied")
			}
		})
	}
}

// A database stays valid after a change of comments if the file declares the hash that was applied.
func TestReplacedText(t *testing.T) {
	t.Parallel()
	const name, statement = "20260101000000_one.sql", "CREATE TABLE one ();"
	b := setup(t, bootstrapped)
	b.mustUp(t, files{name: "-- earlier\n" + statement}.chain(t))
	replaces := "-- konstruct:replaces h1:" + one[string](t, b.owner, "SELECT hash FROM test_revisions.atlas_schema_revisions") + "\n"
	for text, want := range map[string]error{
		statement: migrate.ErrEdited,
		"-- konstruct:replaces h1:AAAA\n" + statement:            migrate.ErrEdited,
		replaces + statement + "\nCREATE TABLE two ();":          migrate.ErrEdited,
		replaces + "-- konstruct:replaces h1:AAAA\n" + statement: nil,
	} {
		result, err := b.up(t, files{name: text}.chain(t))
		require.ErrorIs(t, err, want, text)
		require.Empty(t, result.Applied, text)
	}
}

// Databases of 0.1.0 applied another text of resolve_tenant.sql, with the same statements.
func TestEarlierTextOfTheProduct(t *testing.T) {
	t.Parallel()
	text, err := fs.ReadFile(migrate.Konstruct().Files, "20261123194802_resolve_tenant.sql")
	require.NoError(t, err)
	statements := regexp.MustCompile(`(?m)^(--.*)?\n`).ReplaceAll(text, nil)
	require.Equal(t, "78086aab5c58a359eec1659f2ceffe7548a9d4a5c4d5adbfec8c8ee25ec60245",
		fmt.Sprintf("%x", sha256.Sum256(statements)), "only comments of a file that was applied may change")
	b := setup(t, testdb.New)
	exec(t, b.owner, `UPDATE atlas_schema_revisions.atlas_schema_revisions
		SET hash = '1iLJ6mAu5KfEz4HgQqI2+SJ16oo3fzONWaesoL3f/zo=' WHERE version = '20261123194802'`)
	require.Empty(t, b.mustUp(t))
	ok, detail, err := migrate.Current(t.Context(), b.app)
	require.NoError(t, err)
	require.True(t, ok, detail)
	require.Empty(t, b.diagnose(t, migrate.Spec()))
}

func TestPartiallyApplied(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	chain := files{"20260101000000_one.sql": "CREATE TABLE one ();"}.chain(t)
	b.mustUp(t, chain)
	exec(t, b.owner, "INSERT INTO test_revisions.atlas_schema_revisions SELECT (r).* FROM (SELECT jsonb_populate_record(r, "+
		`'{"version": ".atlas_cloud_identifier"}') AS r FROM test_revisions.atlas_schema_revisions AS r) AS note`)
	require.Empty(t, b.mustUp(t, chain), "the Atlas CLI's metadata rows are ignored")

	exec(t, b.owner, "UPDATE test_revisions.atlas_schema_revisions SET total = 2, error = 'stopped'")
	_, err := b.up(t, chain)
	require.ErrorIs(t, err, migrate.ErrPartial)
	require.ErrorContains(t, err, "20260101000000_one.sql: 1 of 2 statements")
}

func TestChecksums(t *testing.T) {
	t.Parallel()
	base := files{"20260101000000_one.sql": "CREATE TABLE one ();", "20260101000001_two.sql": "CREATE TABLE two ();"}
	for name, c := range map[string]struct {
		write  files
		remove string
		says   string
	}{
		"edited":       {write: files{"20260101000001_two.sql": "SELECT 1;"}, says: "20260101000001_two.sql was edited"},
		"added":        {write: files{"20260101000002_three.sql": "SELECT 1;"}, says: "20260101000002_three.sql was added"},
		"removed":      {remove: "20260101000000_one.sql", says: "20260101000000_one.sql was removed"},
		"without sums": {remove: "atlas.sum", says: "checksum file not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := base.folder(t)
			c.write.write(t, dir)
			if c.remove != "" {
				require.NoError(t, os.Remove(filepath.Join(dir, c.remove)))
			}
			_, err := setup(t, bootstrapped).up(t, testChain(dir))
			require.ErrorIs(t, err, migrate.ErrChecksum)
			require.ErrorContains(t, err, c.says)
		})
	}
}
