package migrate_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

// twoTenants inserts two tenants, each with an agent and a channel connection.
func twoTenants(t *testing.T, db *testdb.Database) (a, b uuid.UUID) {
	t.Helper()
	a, b = uuid.New(), uuid.New()
	super := open(t, db.SuperURL)
	for name, id := range map[string]uuid.UUID{"a": a, "b": b} {
		exec(t, super, "INSERT INTO tenants (id, name, slug) VALUES ($1, $2, $3)", id, name, name)
		exec(t, super, "INSERT INTO agents (id, tenant_id, name) VALUES ($1, $2, $3)", uuid.New(), id, "agent of "+name)
		exec(t, super, `INSERT INTO channel_connections (id, tenant_id, channel_type, workspace_id)
			VALUES ($1, $2, 'slack', $3)`, uuid.New(), id, "T"+name)
	}
	return a, b
}

const (
	liftAgents  = "ALTER TABLE agents NO FORCE ROW LEVEL SECURITY;\n"
	forceAgents = "ALTER TABLE agents FORCE ROW LEVEL SECURITY;\n"
	liftBoth    = liftAgents + "ALTER TABLE channel_connections NO FORCE ROW LEVEL SECURITY;\n"
	forceBoth   = forceAgents + "ALTER TABLE channel_connections FORCE ROW LEVEL SECURITY;\n"
	addColumn   = "ALTER TABLE channel_connections ADD COLUMN agent_id uuid;\n"
	attach      = "UPDATE channel_connections AS c SET agent_id = a.id FROM agents AS a WHERE a.tenant_id = c.tenant_id;\n"
	orphan      = "UPDATE channel_connections SET agent_id = gen_random_uuid();\n"
	crossing    = "UPDATE channel_connections AS c SET agent_id = a.id FROM agents AS a WHERE a.tenant_id <> c.tenant_id;\n"
	addKey      = `ALTER TABLE channel_connections ADD CONSTRAINT c_agent
		FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id);` + "\n"
)

// Under FORCE the owner role sees no rows. Statements that would silently do nothing fail, and succeed between NO FORCE
// and FORCE.
func TestFilesThatTouchRowsOfTenants(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql  string
		code string // of the error, if any
	}{
		"a backfill":                                {"UPDATE agents SET role = 'filled';", "42501"},
		"a backfill in brackets":                    {liftAgents + "UPDATE agents SET role = 'filled';\n" + forceAgents, ""},
		"a foreign key over rows":                   {liftBoth + addColumn + attach + forceBoth + addKey, "42501"},
		"a foreign key in brackets":                 {liftBoth + addColumn + attach + addKey + forceBoth, ""},
		"a foreign key over an orphan":              {liftBoth + addColumn + orphan + forceBoth + addKey, "42501"},
		"a foreign key over an orphan, in brackets": {liftBoth + addColumn + orphan + addKey + forceBoth, "23503"},
		"a foreign key over another tenant's row":   {liftBoth + addColumn + crossing + addKey + forceBoth, "23503"},
		"a foreign key with one end in brackets": {
			"ALTER TABLE channel_connections NO FORCE ROW LEVEL SECURITY;\n" + addColumn + addKey +
				"ALTER TABLE channel_connections FORCE ROW LEVEL SECURITY;\n", "42501",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for as, url := range map[string]func(*testdb.Database) string{
				"owner":     func(db *testdb.Database) string { return db.OwnerURL },
				"superuser": func(db *testdb.Database) string { return db.SuperURL },
			} {
				db := testdb.New(t)
				twoTenants(t, db)
				_, err := upChains(t.Context(), url(db), files{"20300101000000_rows.sql": c.sql}.chain(t))
				super := open(t, db.SuperURL)
				if c.code != "" {
					require.Error(t, err, as)
					requireCode(t, err, c.code)
					require.Zero(t, one[int](t, super, "SELECT count(*) FROM agents WHERE role = 'filled'"), as)
				} else {
					require.NoError(t, err, as)
				}
				require.Equal(t, 2, one[int](t, super, `SELECT count(*) FROM pg_class
					WHERE relname IN ('agents', 'channel_connections') AND relrowsecurity AND relforcerowsecurity`), as)
				if name == "a backfill in brackets" {
					require.Equal(t, 2, one[int](t, super, "SELECT count(*) FROM agents WHERE role = 'filled'"), as)
				}
			}
		})
	}
}

// Every tenant-scoped table of the chain isolates tenants.
//
//nolint:paralleltest,tparallel // one session whose tenant changes
func TestChainIsolates(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	a, b := twoTenants(t, db)
	require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
	super, app := open(t, db.SuperURL), open(t, db.AppURL)

	scoped := column(t, super, `SELECT c.relname::text FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'tenant_id' ORDER BY 1`)
	require.Equal(t, []string{"agents", "channel_connections", "fixture_notes", "fixture_samples", "fixture_taggings", "fixture_tags"}, scoped)

	t.Run("every table has the same protection", func(t *testing.T) {
		for _, table := range scoped {
			require.True(t, one[bool](t, super,
				"SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = $1::regclass", table), table)
			require.Equal(t, []string{"tenant_floor RESTRICTIVE {konstruct_app}", "tenant_isolation PERMISSIVE {konstruct_app}"},
				column(t, super, `SELECT policyname || ' ' || permissive || ' ' || roles::text FROM pg_policies
					WHERE tablename = $1 AND policyname LIKE 'tenant%' ORDER BY 1`, table), table)
			require.Equal(t, []string{"DELETE", "INSERT", "SELECT", "UPDATE"}, column(t, super, `SELECT privilege_type
				FROM pg_class, aclexplode(relacl) WHERE oid = $1::regclass AND grantee = 'konstruct_app'::regrole ORDER BY 1`, table), table)
		}
	})

	t.Run("no foreign key cascades, and those between tenant-scoped tables include the tenant", func(t *testing.T) {
		require.Empty(t, column(t, super, `SELECT conname::text FROM pg_constraint
			WHERE contype = 'f' AND (confdeltype <> 'a' OR confupdtype <> 'a')`))
		require.Equal(t, []string{
			"fixture_notes_fixture_notes_children FOREIGN KEY (tenant_id, parent_id) REFERENCES fixture_notes(tenant_id, id)",
			"fixture_notes_fixture_tags_main_notes FOREIGN KEY (tenant_id, main_tag_id) REFERENCES fixture_tags(tenant_id, id)",
			"fixture_samples_fixture_notes_note FOREIGN KEY (tenant_id, note_id) REFERENCES fixture_notes(tenant_id, id)",
			"fixture_samples_fixture_samples_previous FOREIGN KEY (tenant_id, sample_previous) REFERENCES fixture_samples(tenant_id, id)",
			"fixture_samples_fixture_tags_tag FOREIGN KEY (tenant_id, sample_tag) REFERENCES fixture_tags(tenant_id, id)",
			"fixture_taggings_fixture_notes_note FOREIGN KEY (tenant_id, note_id) REFERENCES fixture_notes(tenant_id, id)",
			"fixture_taggings_fixture_tags_tag FOREIGN KEY (tenant_id, tag_id) REFERENCES fixture_tags(tenant_id, id)",
		}, column(t, super, `SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
			WHERE contype = 'f' AND conrelid::regclass::text LIKE 'fixture%' AND confrelid <> 'tenants'::regclass ORDER BY 1`))
		require.Len(t, column(t, super, `SELECT conname::text FROM pg_constraint
			WHERE contype = 'f' AND confrelid = 'tenants'::regclass`), len(scoped))
	})

	t.Run("a tenant sees its own rows", func(t *testing.T) {
		for id, name := range map[uuid.UUID]string{a: "agent of a", b: "agent of b"} {
			exec(t, app, "SELECT set_config('app.current_tenant', $1, false)", id.String())
			require.Equal(t, []string{name}, column(t, app, "SELECT name FROM agents"))
			require.Equal(t, 1, one[int](t, app, "SELECT count(*) FROM channel_connections"))
			_, err := app.Exec(t.Context(), "UPDATE agents SET tenant_id = $1", uuid.New())
			requireCode(t, err, "42501")
		}
	})

	t.Run("a session without a tenant sees and writes no rows", func(t *testing.T) {
		exec(t, app, "SELECT set_config('app.current_tenant', '', false)")
		for _, table := range scoped {
			require.Zero(t, one[int](t, app, "SELECT count(*) FROM "+table), table)
		}
		_, err := app.Exec(t.Context(), "INSERT INTO agents (id, tenant_id, name) VALUES ($1, $2, 'x')", uuid.New(), a)
		requireCode(t, err, "42501")
	})

	t.Run("the owner role sees no rows", func(t *testing.T) {
		require.Zero(t, one[int](t, open(t, db.OwnerURL), "SELECT count(*) FROM agents"))
	})

	t.Run("a reference to another tenant's row is refused", func(t *testing.T) {
		tag := func(tenant uuid.UUID) uuid.UUID {
			id := uuid.New()
			exec(t, super, "INSERT INTO fixture_tags (id, tenant_id, slug) VALUES ($1, $2, 'tag')", id, tenant)
			return id
		}
		own, foreign := tag(a), tag(b)
		exec(t, app, "SELECT set_config('app.current_tenant', $1, false)", a.String())
		const insert = "INSERT INTO fixture_notes (id, slug, main_tag_id) VALUES ($1, $2, $3)"
		exec(t, app, insert, uuid.New(), "own", own)
		_, err := app.Exec(t.Context(), insert, uuid.New(), "foreign", foreign)
		requireCode(t, err, "23503")
	})
}

func TestResolver(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	a, _ := twoTenants(t, db)
	super, app := open(t, db.SuperURL), open(t, db.AppURL)
	exec(t, super, "UPDATE channel_connections SET status = 'active' WHERE workspace_id = 'Ta'")
	resolve := func(channel, workspace string) *uuid.UUID {
		t.Helper()
		return one[*uuid.UUID](t, app, "SELECT resolve_tenant($1, $2)", channel, workspace)
	}
	require.Equal(t, &a, resolve("slack", "Ta"))
	require.Nil(t, resolve("whatsapp", "Ta"), "the wrong channel")
	require.Nil(t, resolve("slack", "Tb"), "a connection that is pending")
	require.Nil(t, resolve("slack", "Tc"), "an unknown workspace")
	require.Zero(t, one[int](t, app, "SELECT count(*) FROM channel_connections"), "no other rows are visible")

	exec(t, super, "UPDATE tenants SET status = 'suspended'")
	require.Nil(t, resolve("slack", "Ta"), "a suspended tenant")

	denied(t, open(t, db.OwnerURL), "SELECT resolve_tenant('slack', 'Ta')")
	require.Equal(t, migrate.ResolverRole, one[string](t, super,
		"SELECT proowner::regrole::text FROM pg_proc WHERE oid = 'resolve_tenant(text, text)'::regprocedure"))
	require.False(t, one[bool](t, super, "SELECT has_schema_privilege('konstruct_resolver', 'public', 'CREATE')"),
		"the handover's grant is revoked")
}
