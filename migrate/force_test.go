package migrate_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

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
			for _, as := range []string{"owner", "superuser"} {
				b := setup(t, testdb.New)
				b.twoTenants(t)
				url := map[string]string{"owner": b.OwnerURL, "superuser": b.SuperURL}[as]
				_, err := upAs(t, url, files{"20300101000000_rows.sql": c.sql}.chain(t))
				filled := 0
				if c.code != "" {
					requireCode(t, err, c.code)
				} else {
					require.NoError(t, err, as)
				}
				if name == "a backfill in brackets" {
					filled = 2
				}
				require.Equal(t, filled, one[int](t, b.super, "SELECT count(*) FROM agents WHERE role = 'filled'"), as)
				require.Equal(t, 2, one[int](t, b.super, `SELECT count(*) FROM pg_class
					WHERE relname IN ('agents', 'channel_connections') AND relrowsecurity AND relforcerowsecurity`), as)
			}
		})
	}
}

// Every tenant-scoped table of the chain isolates tenants.
//
//nolint:paralleltest,tparallel // one session whose tenant changes
func TestChainIsolates(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	own, foreign := b.twoTenants(t)
	require.NoError(t, fixture.Migrate(t.Context(), b.OwnerURL))

	scoped := column(t, b.super, `SELECT c.relname::text FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'tenant_id' ORDER BY 1`)
	require.Equal(t, []string{
		"agents", "audit_events", "channel_connections", "fixture_notes", "fixture_samples", "fixture_taggings", "fixture_tags",
		"idempotency_keys", "invitations", "memberships",
	}, scoped)

	t.Run("every table has the same protection", func(t *testing.T) {
		for _, table := range scoped {
			require.True(t, one[bool](t, b.super,
				"SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = $1::regclass", table), table)
			require.Equal(t, []string{"tenant_floor RESTRICTIVE {konstruct_app}", "tenant_isolation PERMISSIVE {konstruct_app}"},
				column(t, b.super, `SELECT policyname || ' ' || permissive || ' ' || roles::text FROM pg_policies
					WHERE tablename = $1 AND policyname LIKE 'tenant%' ORDER BY 1`, table), table)
			granted := []string{"DELETE", "INSERT", "SELECT", "UPDATE"}
			if table == "audit_events" { // append-only
				granted = []string{"INSERT", "SELECT"}
			}
			require.Equal(t, granted, column(t, b.super, `SELECT privilege_type
				FROM pg_class, aclexplode(relacl) WHERE oid = $1::regclass AND grantee = 'konstruct_app'::regrole ORDER BY 1`, table), table)
		}
	})

	t.Run("no foreign key cascades, and those between tenant-scoped tables include the tenant", func(t *testing.T) {
		require.Empty(t, column(t, b.super, `SELECT conname::text FROM pg_constraint
			WHERE contype = 'f' AND (confdeltype <> 'a' OR confupdtype <> 'a')`))
		require.Equal(t, []string{
			"fixture_notes_fixture_notes_children FOREIGN KEY (tenant_id, parent_id) REFERENCES fixture_notes(tenant_id, id)",
			"fixture_notes_fixture_tags_main_notes FOREIGN KEY (tenant_id, main_tag_id) REFERENCES fixture_tags(tenant_id, id)",
			"fixture_samples_fixture_notes_note FOREIGN KEY (tenant_id, note_id) REFERENCES fixture_notes(tenant_id, id)",
			"fixture_samples_fixture_samples_previous FOREIGN KEY (tenant_id, sample_previous) REFERENCES fixture_samples(tenant_id, id)",
			"fixture_samples_fixture_tags_tag FOREIGN KEY (tenant_id, sample_tag) REFERENCES fixture_tags(tenant_id, id)",
			"fixture_taggings_fixture_notes_note FOREIGN KEY (tenant_id, note_id) REFERENCES fixture_notes(tenant_id, id)",
			"fixture_taggings_fixture_tags_tag FOREIGN KEY (tenant_id, tag_id) REFERENCES fixture_tags(tenant_id, id)",
		}, column(t, b.super, `SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
			WHERE contype = 'f' AND conrelid::regclass::text LIKE 'fixture%' AND confrelid <> 'tenants'::regclass ORDER BY 1`))
		require.Len(t, column(t, b.super, `SELECT conname::text FROM pg_constraint
			WHERE contype = 'f' AND confrelid = 'tenants'::regclass`), len(scoped))
	})

	t.Run("a tenant sees its own rows", func(t *testing.T) {
		for id, name := range map[uuid.UUID]string{own: "agent of a", foreign: "agent of b"} {
			b.enter(t, id.String())
			require.Equal(t, []string{name}, column(t, b.app, "SELECT name FROM agents"))
			require.Equal(t, 1, one[int](t, b.app, "SELECT count(*) FROM channel_connections"))
			_, err := b.app.Exec(t.Context(), "UPDATE agents SET tenant_id = $1", uuid.New())
			requireCode(t, err, "42501")
		}
	})

	t.Run("a session without a tenant sees and writes no rows", func(t *testing.T) {
		b.enter(t, "")
		for _, table := range scoped {
			require.Zero(t, one[int](t, b.app, "SELECT count(*) FROM "+table), table)
		}
		_, err := b.app.Exec(t.Context(), "INSERT INTO agents (id, tenant_id, name) VALUES ($1, $2, 'x')", uuid.New(), own)
		requireCode(t, err, "42501")
	})

	t.Run("the owner role sees no rows", func(t *testing.T) {
		require.Zero(t, one[int](t, b.owner, "SELECT count(*) FROM agents"))
	})

	t.Run("a reference to another tenant's row is refused", func(t *testing.T) {
		exec(t, b.super, "INSERT INTO fixture_tags (id, tenant_id, slug) SELECT id, id AS tenant_id, 'tag' FROM tenants")
		b.enter(t, own.String())
		const insert = "INSERT INTO fixture_notes (id, slug, main_tag_id) VALUES ($1, $2, $3)"
		exec(t, b.app, insert, uuid.New(), "own", own)
		_, err := b.app.Exec(t.Context(), insert, uuid.New(), "foreign", foreign)
		requireCode(t, err, "23503")
	})
}

func TestResolver(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	a, _ := b.twoTenants(t)
	exec(t, b.super, "UPDATE channel_connections SET status = 'active' WHERE workspace_id = 'Ta'")
	resolve := func(channel, workspace string) *uuid.UUID {
		t.Helper()
		return one[*uuid.UUID](t, b.app, "SELECT resolve_tenant($1, $2)", channel, workspace)
	}
	require.Equal(t, &a, resolve("slack", "Ta"))
	require.Nil(t, resolve("whatsapp", "Ta"), "the wrong channel")
	require.Nil(t, resolve("slack", "Tb"), "a connection that is pending")
	require.Nil(t, resolve("slack", "Tc"), "an unknown workspace")
	require.Zero(t, one[int](t, b.app, "SELECT count(*) FROM channel_connections"), "no other rows are visible")

	exec(t, b.super, "UPDATE tenants SET status = 'suspended'")
	require.Nil(t, resolve("slack", "Ta"), "a suspended tenant")

	denied(t, b.owner, "SELECT resolve_tenant('slack', 'Ta')")
	require.Equal(t, migrate.ResolverRole, one[string](t, b.super,
		"SELECT proowner::regrole::text FROM pg_proc WHERE oid = 'resolve_tenant(text, text)'::regprocedure"))
	require.False(t, one[bool](t, b.super, "SELECT has_schema_privilege('konstruct_resolver', 'public', 'CREATE')"),
		"the handover's grant is revoked")
}
