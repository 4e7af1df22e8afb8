package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/migrate"
)

func TestLints(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	for name, c := range map[string]struct {
		sql  string
		says string
	}{
		"begin":         {"BEGIN;\nSELECT 1;", "must not begin or end one"},
		"commit":        {"SELECT 1;\ncommit;\nSELECT 1;", ":2: a file is one transaction"},
		"savepoint":     {"SAVEPOINT s;", "must not begin or end one"},
		"txmode":        {"-- atlas:txmode none\n\nSELECT 1;", "atlas:txmode is not supported"},
		"unread txmode": {"SELECT 1;\n-- atlas:txmode none\nSELECT 2;", ":2: a file is one transaction: atlas:txmode"},
		"concurrently":  {"CREATE INDEX CONCURRENTLY i ON t (c);", "CONCURRENTLY cannot run"},
		"role":          {"SET ROLE postgres;", "the runner decides the role"},
		"cascade":       {"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES b (a) ON DELETE CASCADE;", "runs past row-level security"},
		"set null":      {"CREATE TABLE t (a int REFERENCES b (a) ON UPDATE SET NULL);", "runs past row-level security"},
		"disable":       {"ALTER TABLE agents DISABLE ROW LEVEL SECURITY;", "opens the table to every tenant"},
		"not forced":    {"ALTER TABLE agents NO FORCE ROW LEVEL SECURITY;", "agents is not put back"},
		"another forced": {
			"ALTER TABLE agents NO FORCE ROW LEVEL SECURITY;\nALTER TABLE \"notes\" FORCE ROW LEVEL SECURITY;", "agents is not put back",
		},
		"grant to public":      {"GRANT SELECT ON agents TO PUBLIC;", "PUBLIC is everybody"},
		"grant to public, too": {"GRANT SELECT ON agents TO konstruct_app, public;", "PUBLIC is everybody"},
		"policy for no role":   {"CREATE POLICY p ON agents USING (name = 'TO you');", "a policy for everybody"},
		"policy for public":    {"CREATE POLICY p ON agents TO PUBLIC USING (true);", "a policy for everybody"},
		"role made":            {"CREATE ROLE r;", "roles and databases are bootstrap's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := upChains(t.Context(), db.OwnerURL, files{"20260101000000_bad.sql": c.sql}.chain(t))
			require.ErrorIs(t, err, migrate.ErrLint)
			require.ErrorContains(t, err, "20260101000000_bad.sql:")
			require.ErrorContains(t, err, c.says)
		})
	}
}

// What only looks like something that is refused applies.
func TestLintsLetPass(t *testing.T) {
	t.Parallel()
	db := bootstrapped(t)
	_, err := upChains(t.Context(), db.OwnerURL, files{
		"20260101000000_fine.sql": `-- COMMIT; this file says BEGIN; in a comment
CREATE TABLE commits (note text DEFAULT 'ON DELETE CASCADE');
DO $$ BEGIN PERFORM 1; END $$;
CREATE FUNCTION f() RETURNS int LANGUAGE sql
BEGIN ATOMIC
  SELECT 1;
  SELECT 2;
END;
ALTER TABLE commits ENABLE ROW LEVEL SECURITY;
ALTER TABLE "commits" NO FORCE ROW LEVEL SECURITY;
ALTER TABLE commits FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON commits TO konstruct_app USING (note = 'TO PUBLIC');
GRANT SELECT ON commits TO konstruct_app;
SET LOCAL ROLE konstruct_resolver;
SET LOCAL ROLE konstruct_owner;`,
	}.chain(t))
	require.NoError(t, err)
}
