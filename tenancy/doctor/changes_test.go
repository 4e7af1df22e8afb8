package doctor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// hidden creates a definer function that the application can't reach, to be called from reachable tables.
const hidden = `SET ROLE konstruct_owner;
	CREATE SCHEMA hidden;
	CREATE FUNCTION hidden.f(text) RETURNS boolean LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT true';
	CREATE FUNCTION hidden.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.is_admin := true; RETURN NEW; END';`

// resolver starts a replacement of the resolver's function.
const resolver = "CREATE OR REPLACE FUNCTION public.resolve_tenant(channel_type text, workspace_id text) RETURNS uuid LANGUAGE sql STABLE STRICT "

// The comparison with the snapshot finds each change, and the remedy reverts it.
func TestEachChangeIsFoundAndFixed(t *testing.T) {
	t.Parallel()
	for _, f := range changes() {
		t.Run(f.code+" "+f.object, func(t *testing.T) {
			t.Parallel()
			f.verify(t, testdb.New(t))
		})
	}
}

func changes() []fault {
	return []fault{
		{
			code: "definer.differs", object: "function public.resolve_tenant(text, text)",
			plant: resolver + `SECURITY DEFINER BEGIN ATOMIC SELECT c.tenant_id FROM public.channel_connections AS c
				WHERE c.channel_type = resolve_tenant.channel_type ORDER BY c.workspace_id LIMIT 1; END`,
		},
		{
			code: "definer.differs", object: "function public.resolve_tenant(text, text)",
			plant: "ALTER FUNCTION public.resolve_tenant IMMUTABLE",
		},
		{
			code: "definer.search-path", object: "function public.resolve_tenant(text, text)",
			plant: resolver + "SECURITY DEFINER AS 'SELECT NULL::uuid'",
		},
		{
			code: "schema.missing", object: "function public.resolve_tenant(text, text)",
			plant: "DROP FUNCTION public.resolve_tenant",
		},
		{
			code: "schema.missing", object: "unique key channelconnection_channel_type_workspace_id on public.channel_connections",
			plant: "DROP INDEX public.channelconnection_channel_type_workspace_id",
		},
		{
			code: "schema.differs", object: "unique key portal_users_email_key on public.portal_users: def",
			plant: `DROP INDEX public.portal_users_email_key;
				CREATE UNIQUE INDEX portal_users_email_key ON public.portal_users (email) WHERE is_admin`,
		},
		{
			code: "schema.differs", object: "unique key tenants_slug_key on public.tenants: def",
			plant: `DROP INDEX public.tenants_slug_key;
				ALTER TABLE public.tenants ALTER COLUMN slug DROP NOT NULL;
				CREATE UNIQUE INDEX tenants_slug_key ON public.tenants (slug) NULLS NOT DISTINCT`,
			implied: []found{{"schema.differs", "column public.tenants.slug: notnull"}},
		},
		{
			code: "schema.unknown", object: "constraint hidden on public.agents",
			plant: hidden + "ALTER TABLE public.agents ADD CONSTRAINT hidden CHECK (hidden.f(name))",
		},
		{
			code: "schema.differs", object: "column public.portal_users.is_admin: default",
			plant: hidden + "ALTER TABLE public.portal_users ALTER COLUMN is_admin SET DEFAULT hidden.f('')",
		},
		{
			code: "schema.unknown", object: "index called on public.agents",
			plant: hidden + "CREATE INDEX called ON public.agents (hidden.f(name))",
		},
		{
			code: "schema.unknown", object: "column public.agents.called",
			plant: hidden + "ALTER TABLE public.agents ADD COLUMN called boolean GENERATED ALWAYS AS (hidden.f(name)) STORED",
		},
		{
			code: "trigger.unlisted", object: "trigger promote on public.portal_users",
			plant: hidden + "CREATE TRIGGER promote BEFORE INSERT OR UPDATE ON public.portal_users FOR EACH ROW EXECUTE FUNCTION hidden.t()",
		},
		{
			code: "rule.present", object: "rule swallow on public.portal_sessions",
			plant: own + "CREATE RULE swallow AS ON UPDATE TO public.portal_sessions DO INSTEAD NOTHING",
		},
		{
			code: "schema.unknown", object: "view public.people",
			plant: own + "CREATE VIEW public.people WITH (security_invoker = true) AS SELECT email FROM public.portal_users; " +
				"GRANT SELECT ON public.people TO konstruct_app",
		},
		{
			code: "schema.missing", object: "foreign key agents_tenant_id_fkey on public.agents",
			plant: "ALTER TABLE public.agents DROP CONSTRAINT agents_tenant_id_fkey",
		},
		{
			code: "schema.differs", object: "foreign key agents_tenant_id_fkey on public.agents: def, invalid",
			plant: `ALTER TABLE public.agents DROP CONSTRAINT agents_tenant_id_fkey;
				ALTER TABLE public.agents ADD CONSTRAINT agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) NOT VALID`,
		},
		{
			code: "schema.differs", object: "foreign key agents_tenant_id_fkey on public.agents: triggers",
			plant: "ALTER TABLE public.agents DISABLE TRIGGER ALL",
		},
		{
			code: "schema.differs", object: "foreign key portal_sessions_portal_users_sessions on public.portal_sessions: triggers",
			plant: "ALTER TABLE public.portal_users DISABLE TRIGGER ALL",
		},
		{
			code: "schema.missing", object: "constraint portal_sessions_ends_later on public.portal_sessions",
			plant: "ALTER TABLE public.portal_sessions DROP CONSTRAINT portal_sessions_ends_later",
		},
		{
			code: "schema.missing", object: "constraint agent_tenant_id_id on public.agents",
			plant: "ALTER TABLE public.agents DROP CONSTRAINT agent_tenant_id_id",
		},
		{
			code: "schema.differs", object: "column public.portal_sessions.expires_at: notnull",
			plant: "ALTER TABLE public.portal_sessions ALTER COLUMN expires_at DROP NOT NULL",
		},
		{
			code: "schema.differs", object: "column public.login_attempts.key: collation",
			plant: `ALTER TABLE public.login_attempts ALTER COLUMN key TYPE text COLLATE "C"`,
		},
		{
			code: "schema.differs", object: "table public.portal_users: rls",
			plant: "ALTER TABLE public.portal_users ENABLE ROW LEVEL SECURITY",
		},
		{
			code: "schema.differs", object: "table public.login_attempts: persistence",
			plant: "ALTER TABLE public.login_attempts SET UNLOGGED",
		},
		{
			code: "schema.differs", object: "schema public: owner",
			plant: "ALTER SCHEMA public OWNER TO pg_database_owner",
		},
		{
			code: "policy.extra", object: "policy everyone on public.tenants",
			plant: "CREATE POLICY everyone ON public.tenants USING (true)",
		},
		{
			code: "schema.unknown", object: "table public.older: child of public.portal_users",
			plant: own + "CREATE TABLE public.older () INHERITS (public.portal_users)",
		},
		{
			code: "schema.unknown", object: "foreign key watch_tenant_id_fkey on elsewhere.watch",
			plant: own + "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.watch (tenant_id uuid REFERENCES public.tenants (id))",
		},
		{
			code: "schema.unknown", object: "function public.resolve_tenant(text, text, text)",
			plant: own + `CREATE FUNCTION public.resolve_tenant(text, text, text DEFAULT '') RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
				GRANT EXECUTE ON FUNCTION public.resolve_tenant(text, text, text) TO konstruct_app`,
		},
		{
			code: "definer.unlisted", object: "function public.laundered()",
			plant: `CREATE EXTENSION citext SCHEMA public;
				CREATE FUNCTION public.laundered() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
				ALTER EXTENSION citext ADD FUNCTION public.laundered(); ALTER FUNCTION public.laundered OWNER TO konstruct_owner`,
		},
		{
			code: "definer.unlisted", object: "function information_schema.f()",
			plant: "CREATE FUNCTION information_schema.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
		},
		{
			code: "definer.unlisted", object: `function "a"".b".f()`,
			plant: `CREATE SCHEMA "a"".b"; GRANT USAGE ON SCHEMA "a"".b" TO konstruct_app;
				CREATE FUNCTION "a"".b".f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`,
		},
		{
			code: "trigger.unlisted", object: "trigger swallow on public.names",
			given: own + `CREATE VIEW public.names WITH (security_invoker = true) AS SELECT name FROM public.tenants;
				GRANT SELECT, INSERT ON public.names TO konstruct_app`,
			plant: own + `CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
				CREATE TRIGGER swallow INSTEAD OF INSERT ON public.names FOR EACH ROW EXECUTE FUNCTION public.swallow()`,
		},
		{
			code: "schema.unknown", object: "function pg_catalog.lower(uuid)",
			plant: "CREATE FUNCTION pg_catalog.lower(uuid) RETURNS text LANGUAGE sql AS 'SELECT $1::text'",
		},
		{
			code: "schema.unknown", object: "cast (public.mood AS boolean)",
			plant: `CREATE TYPE public.mood AS ENUM ('good'); REVOKE USAGE ON TYPE public.mood FROM PUBLIC;
				CREATE FUNCTION hide(public.mood) RETURNS boolean LANGUAGE sql AS 'SELECT true'; REVOKE EXECUTE ON FUNCTION hide FROM PUBLIC;
				CREATE CAST (public.mood AS boolean) WITH FUNCTION hide(public.mood) AS IMPLICIT`,
		},
		{
			code: "schema.unknown", object: "operator public.===(pg_catalog.uuid,pg_catalog.uuid)",
			plant: "CREATE OPERATOR public.=== (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = uuid_eq)",
		},
		{
			code: "grant.missing", object: "schema public: USAGE to konstruct_app",
			plant: "REVOKE USAGE ON SCHEMA public FROM konstruct_app",
		},
		{
			code: "subscription.present", object: "subscription stream",
			plant: "CREATE SUBSCRIPTION stream CONNECTION 'dbname=x' PUBLICATION x WITH (connect = false, slot_name = NONE)",
		},
		{
			code: "setting.preset", object: "setting client_encoding of DATABASE {db}",
			plant: "ALTER DATABASE {db} SET client_encoding = 'LATIN1'",
		},
	}
}

// An extension's schema can contain other objects.
func TestExtensionSchemaIsReachable(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, `
		CREATE EXTENSION citext SCHEMA public; CREATE SCHEMA tools; ALTER EXTENSION citext ADD SCHEMA tools;
		CREATE FUNCTION tools.all() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';`)
	require.Empty(t, serious(check(t, db.AppURL, spec())))
	run(t, db.SuperURL, "GRANT USAGE ON SCHEMA tools TO PUBLIC")
	require.Equal(t, []found{{"definer.unlisted", "function tools.\"all\"()"}}, serious(check(t, db.AppURL, spec())))
}

// Unreachable objects are information: one finding per other schema, and one per object in the spec's schemas.
func TestUnreachableObjectsAreInformation(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, `
		CREATE SCHEMA ops; CREATE TABLE ops.a (id int); CREATE TABLE ops.b (id int);
		CREATE FUNCTION ops.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
		CREATE TABLE public.scratch (id int);
		CREATE EXTENSION citext SCHEMA public;
		CREATE FUNCTION public.audited() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER EXTENSION citext ADD FUNCTION public.audited();
		CREATE TABLE public.spatial_ref_sys (srid int PRIMARY KEY); GRANT SELECT ON public.spatial_ref_sys TO PUBLIC;
		ALTER EXTENSION citext ADD TABLE public.spatial_ref_sys;
		CREATE INDEX ON public.agents (created_at);`)
	report := check(t, db.AppURL, spec())
	require.Equal(t, []found{
		{"extension.present", "extension citext"},
		{"schema.outside", "schema ops"},
		{"schema.outside", "table public.scratch"},
	}, findings(report))
	require.NoError(t, report.Err())
}
