package migrate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/migrate"
)

// weakenings returns SQL of the owner role that weakens isolation, by the reported object.
func weakenings() map[string]string {
	return map[string]string{
		"function public.resolve_tenant(text, text)": `
GRANT CREATE ON SCHEMA public TO konstruct_resolver;
SET LOCAL ROLE konstruct_resolver;
SET LOCAL row_security = on;
CREATE OR REPLACE FUNCTION resolve_tenant(channel_type text, workspace_id text) RETURNS uuid LANGUAGE sql STABLE STRICT SECURITY DEFINER
BEGIN ATOMIC
  SELECT c.tenant_id FROM public.channel_connections AS c ORDER BY c.workspace_id = resolve_tenant.workspace_id LIMIT 1;
END;
SET LOCAL row_security = off;
SET LOCAL ROLE konstruct_owner;
REVOKE CREATE ON SCHEMA public FROM konstruct_resolver;`,
		"function public.session_role(text, uuid)": `
GRANT CREATE ON SCHEMA public TO konstruct_resolver;
SET LOCAL ROLE konstruct_resolver;
SET LOCAL row_security = on;
CREATE OR REPLACE FUNCTION session_role(token_hash text, tenant_id uuid) RETURNS text LANGUAGE sql STABLE STRICT SECURITY DEFINER
BEGIN ATOMIC
  SELECT m.role FROM public.memberships AS m WHERE m.tenant_id = session_role.tenant_id LIMIT 1;
END;
SET LOCAL row_security = off;
SET LOCAL ROLE konstruct_owner;
REVOKE CREATE ON SCHEMA public FROM konstruct_resolver;`,
		"unique key invitation_token_hash on public.invitations":                               "DROP INDEX invitation_token_hash;",
		"policy resolver_expiry on public.audit_events":                                        "ALTER POLICY resolver_expiry ON audit_events USING (true);",
		"table public.audit_events: UPDATE to konstruct_app":                                   "GRANT UPDATE ON audit_events TO konstruct_app;",
		"table public.memberships: SELECT (id) to konstruct_resolver":                          "GRANT SELECT (id) ON memberships TO konstruct_resolver;",
		"unique key channelconnection_channel_type_workspace_id on public.channel_connections": "DROP INDEX channelconnection_channel_type_workspace_id;",
		"function hidden.peek(text)": `CREATE SCHEMA hidden;
CREATE FUNCTION hidden.peek(text) RETURNS boolean LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT true';`,
		"constraint peeked on public.agents":           "ALTER TABLE agents ADD CONSTRAINT peeked CHECK (hidden.peek(name)) NOT VALID;",
		"column public.portal_users.is_admin: default": "ALTER TABLE portal_users ALTER COLUMN is_admin SET DEFAULT hidden.peek('');",
		"view public.peeks":                            "CREATE VIEW peeks WITH (security_invoker = true) AS SELECT hidden.peek(name) FROM tenants;\nGRANT SELECT ON peeks TO konstruct_app;",
		"trigger promote on public.portal_users": `CREATE FUNCTION promote() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.is_admin := true; RETURN NEW; END';
CREATE TRIGGER promote BEFORE INSERT ON portal_users FOR EACH ROW EXECUTE FUNCTION promote();`,
		"foreign key agents_tenant_id_fkey on public.agents":              "ALTER TABLE agents DROP CONSTRAINT agents_tenant_id_fkey;",
		"constraint agent_tenant_id_id on public.agents":                  "ALTER TABLE agents DROP CONSTRAINT agent_tenant_id_id;",
		"unique key tenants_slug_key on public.tenants: def":              "DROP INDEX tenants_slug_key;\nCREATE UNIQUE INDEX tenants_slug_key ON tenants (slug) WHERE status = 'active';",
		"rule swallow on public.portal_sessions":                          "CREATE RULE swallow AS ON UPDATE TO portal_sessions DO INSTEAD NOTHING;",
		"policy support on public.channel_connections":                    "CREATE POLICY support ON channel_connections TO konstruct_app USING (true);",
		"policy resolver_lookup on public.channel_connections":            "ALTER POLICY resolver_lookup ON channel_connections USING (true);",
		"policy tenant_floor on public.agents":                            "DROP POLICY tenant_floor ON agents;",
		"table public.agents: TRUNCATE to konstruct_app":                  "GRANT TRUNCATE ON agents TO konstruct_app;",
		"table public.portal_users: SELECT (email) to konstruct_resolver": "GRANT SELECT (email) ON portal_users TO konstruct_resolver;",
		"table public.older: child of public.portal_users":                "CREATE TABLE older () INHERITS (portal_users);",
		"column public.agents.tenant_id: notnull":                         "ALTER TABLE agents ALTER COLUMN tenant_id DROP NOT NULL;",
		"default of konstruct_owner in public: USAGE on sequences to konstruct_app": "ALTER DEFAULT PRIVILEGES IN SCHEMA public " +
			"GRANT USAGE ON SEQUENCES TO konstruct_app;",
		"schema hidden: CREATE to konstruct_app": "GRANT CREATE ON SCHEMA hidden TO konstruct_app;",
		"index peeked on public.tenants":         "CREATE INDEX peeked ON tenants (hidden.peek(name));",
		"constraint named on public.agents": `CREATE FUNCTION hidden."look at"(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
ALTER TABLE agents ADD CONSTRAINT named CHECK (hidden."look at"(name)) NOT VALID;`,
		"constraint alike on public.agents": `CREATE SCHEMA hushed;
CREATE FUNCTION hushed.alike(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR hushed.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = hushed.alike);
ALTER TABLE agents ADD CONSTRAINT alike CHECK (name OPERATOR(hushed.===) name) NOT VALID;`,
		"table public.later: TRUNCATE to konstruct_app": `CREATE TABLE later (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
GRANT SELECT, INSERT, TRUNCATE ON later TO konstruct_app;`,
		"table public.shown: SELECT to pg_monitor": `CREATE TABLE shown (id uuid PRIMARY KEY);
GRANT SELECT ON shown TO konstruct_app, pg_monitor;`,
	}
}

// weakened returns the product's chain with a file of all weakenings that ends with declarations.
func weakened(t *testing.T, declarations ...string) migrate.Chain {
	t.Helper()
	var first, rest strings.Builder
	for _, sql := range weakenings() {
		if strings.Contains(sql, "CREATE SCHEMA hidden") {
			first.WriteString(sql + "\n") // called by others
		} else {
			rest.WriteString(sql + "\n")
		}
	}
	_, chain := product(t, files{
		"20300101000000_step.sql": first.String() + rest.String() + strings.Join(declarations, "\n"),
		"seed/older.sql":          "-- empty", "seed/later.sql": "-- empty", "seed/shown.sql": "-- empty",
	})
	return chain
}

func TestCheckReportsWeakenings(t *testing.T) {
	t.Parallel()
	err := check(t, weakened(t, "-- konstruct:weakens rule swallow on public.portal_sessions because",
		"-- The line above gives no reason."))["weakening"]
	require.ErrorIs(t, err, migrate.ErrWeakens)
	declared := []string{"-- konstruct:weakens table public.tenants: rls because it might"}
	for object := range weakenings() {
		require.ErrorContains(t, err, "20300101000000_step.sql: "+object+" (")
		declared = append(declared, "-- konstruct:weakens "+object+" because this is a test")
	}
	err = check(t, weakened(t, declared...))["weakening"]
	require.NotErrorIs(t, err, migrate.ErrWeakens, "all declared")
	require.ErrorContains(t, err, "remove declarations that do not apply: table public.tenants: rls")
}

func TestValidatingAKeyNeedsNoDeclaration(t *testing.T) {
	t.Parallel()
	_, chain := product(t, files{
		"20300101000000_adds.sql":      "ALTER TABLE portal_sessions ADD CONSTRAINT again FOREIGN KEY (user_id) REFERENCES portal_users (id) NOT VALID;",
		"20300101000001_validates.sql": "ALTER TABLE portal_sessions VALIDATE CONSTRAINT again;",
	})
	found := check(t, chain)
	require.NoError(t, found["rehearsal"])
	require.NoError(t, found["weakening"])
}
