package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/migrate"
)

func TestLints(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	for name, c := range map[string]struct {
		sql  string
		says string
	}{
		"begin":                     {"BEGIN;\nSELECT 1;", "remove the statement that begins or ends one"},
		"commit":                    {"SELECT 1;\ncommit;\nSELECT 1;", ":2: a file and its revision are one transaction"},
		"savepoint":                 {"SAVEPOINT s;", "remove the statement that begins or ends one"},
		"txmode":                    {"-- atlas:txmode none\n\nSELECT 1;", "remove atlas:txmode"},
		"txmode that Atlas ignores": {"SELECT 1;\n-- atlas:txmode none\nSELECT 2;", ":2: a file is one transaction: remove atlas:txmode"},
		"concurrently":              {"CREATE INDEX CONCURRENTLY i ON t (c);", "in which CONCURRENTLY cannot run"},
		"role":                      {"SET ROLE postgres;", "the runner sets the role"},
		"cascade":                   {"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES b (a) ON DELETE CASCADE;", "a cascade bypasses row-level security"},
		"set null":                  {"CREATE TABLE t (a int REFERENCES b (a) ON UPDATE SET NULL);", "a cascade bypasses row-level security"},
		"disable":                   {"ALTER TABLE agents DISABLE ROW LEVEL SECURITY;", "exposes the table to every tenant"},
		"not forced":                {"ALTER TABLE agents NO FORCE ROW LEVEL SECURITY;", "add FORCE ROW LEVEL SECURITY for agents"},
		"another forced": {
			"ALTER TABLE agents NO FORCE ROW LEVEL SECURITY;\nALTER TABLE \"notes\" FORCE ROW LEVEL SECURITY;", "add FORCE ROW LEVEL SECURITY for agents",
		},
		"grant to public":              {"GRANT SELECT ON agents TO PUBLIC;", "PUBLIC includes every role"},
		"grant to public among others": {"GRANT SELECT ON agents TO konstruct_app, public;", "PUBLIC includes every role"},
		"policy for no role":           {"CREATE POLICY p ON agents USING (name = 'TO you');", "a policy for PUBLIC"},
		"policy for public":            {"CREATE POLICY p ON agents TO PUBLIC USING (true);", "a policy for PUBLIC"},
		"create role":                  {"CREATE ROLE r;", "the owner role cannot change roles and databases"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := b.up(t, files{"20260101000000_bad.sql": c.sql}.chain(t))
			require.ErrorIs(t, err, migrate.ErrLint)
			require.ErrorContains(t, err, "20260101000000_bad.sql:")
			require.ErrorContains(t, err, c.says)
		})
	}
}

// Statements that only resemble refused ones apply.
func TestLintsAccept(t *testing.T) {
	t.Parallel()
	setup(t, bootstrapped).mustUp(t, files{
		"20260101000000_fine.sql": `-- COMMIT; and BEGIN; in a comment
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
}
