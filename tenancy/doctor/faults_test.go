package doctor_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// notes creates a tenant-scoped table as the planner does.
const notes = `
	SET ROLE konstruct_owner;
	CREATE TABLE public.notes (
	  id uuid PRIMARY KEY,
	  tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('app.current_tenant', true), '')::uuid REFERENCES public.tenants (id),
	  agent_id uuid,
	  slug text,
	  UNIQUE (tenant_id, id)
	);
	GRANT SELECT, INSERT, UPDATE, DELETE ON public.notes TO konstruct_app;
	ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
	ALTER TABLE public.notes FORCE ROW LEVEL SECURITY;
	CREATE POLICY tenant_isolation ON public.notes TO konstruct_app
	  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
	  WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
	CREATE POLICY tenant_floor ON public.notes AS RESTRICTIVE TO konstruct_app
	  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
`

const own = "SET ROLE konstruct_owner;"

func faults() []fault {
	return slices.Concat(tableFaults(), policyFaults(), grantFaults(), definerFaults(), keyFaults(), codeFaults(), childFaults(),
		outsideFaults(), platformFaults())
}

func TestEachFaultIsFoundAndFixed(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run(f.code+" "+f.object, func(t *testing.T) {
			t.Parallel()
			f.verify(t, testdb.New(t))
		})
	}
}

// A project's snapshot allows its tables.
func TestProjectSnapshot(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, notes)
	require.Equal(t, []found{{"schema.unknown", "table public.notes"}}, serious(check(t, db.AppURL, spec())))
	require.Empty(t, check(t, db.AppURL, spec().With(doctor.Spec{Snapshot: snapshot(t, db)})).Findings)
}

func tableFaults() []fault {
	return []fault{
		{
			code: "table.unclassified", object: "table public.plans",
			plant: own + "CREATE TABLE public.plans (id uuid PRIMARY KEY); GRANT SELECT ON public.plans TO konstruct_app",
		},
		{
			code: "table.unclassified", object: "table reports.daily",
			plant: own + "CREATE SCHEMA reports; CREATE TABLE reports.daily (day date); GRANT SELECT ON reports.daily TO PUBLIC",
		},
		{
			code: "table.owner", object: "table public.agents: owned by postgres",
			plant: "ALTER TABLE public.agents OWNER TO CURRENT_USER",
		},
		{
			code: "tenant-column.nullable", object: "column public.agents.tenant_id",
			plant: "ALTER TABLE public.agents ALTER COLUMN tenant_id DROP NOT NULL",
		},
		{
			code: "tenant-column.type", object: "column public.notes.tenant_id: text",
			implied: []found{{"schema.missing", "foreign key notes_tenant_id_fkey on public.notes"}},
			given:   notes, plant: own + `
				ALTER TABLE public.notes DROP CONSTRAINT notes_tenant_id_fkey;
				DROP POLICY tenant_isolation ON public.notes;
				DROP POLICY tenant_floor ON public.notes;
				ALTER TABLE public.notes ALTER COLUMN tenant_id TYPE text;
				CREATE POLICY tenant_isolation ON public.notes TO konstruct_app
				  USING (tenant_id = current_setting('app.current_tenant', true))
				  WITH CHECK (tenant_id = current_setting('app.current_tenant', true));
				CREATE POLICY tenant_floor ON public.notes AS RESTRICTIVE TO konstruct_app
				  USING (tenant_id = current_setting('app.current_tenant', true));`,
		},
		{
			code: "rls.disabled", object: "table public.agents",
			plant: "ALTER TABLE public.agents DISABLE ROW LEVEL SECURITY",
		},
		{
			code: "rls.not-forced", object: "table public.agents",
			plant: "ALTER TABLE public.agents NO FORCE ROW LEVEL SECURITY",
		},
	}
}

func policyFaults() []fault {
	const tenant = "(SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid)"
	return []fault{
		{
			code: "policy.missing", object: "policy tenant_isolation on public.agents",
			plant: "DROP POLICY tenant_isolation ON public.agents",
		},
		{
			code: "policy.missing", object: "policy tenant_floor on public.agents",
			plant: "DROP POLICY tenant_floor ON public.agents",
		},
		{
			code: "policy.missing", object: "policy resolver_lookup on public.channel_connections",
			plant: "DROP POLICY resolver_lookup ON public.channel_connections",
		},
		{
			code: "policy.differs", object: "policy tenant_isolation on public.agents",
			plant: "ALTER POLICY tenant_isolation ON public.agents USING (tenant_id = " + tenant + " OR true)",
		},
		{
			code: "policy.differs", object: "policy tenant_floor on public.agents",
			plant: "ALTER POLICY tenant_floor ON public.agents USING (tenant_id IS NOT DISTINCT FROM " + tenant + ")",
		},
		{
			code: "policy.differs", object: "policy tenant_isolation on public.channel_connections",
			plant: `DROP POLICY tenant_isolation ON public.channel_connections;
				CREATE POLICY tenant_isolation ON public.channel_connections TO konstruct_app USING (tenant_id = ` + tenant + ")",
		},
		{
			code: "policy.differs", object: "policy resolver_lookup on public.channel_connections",
			plant: "ALTER POLICY resolver_lookup ON public.channel_connections USING (true)",
		},
		{
			code: "policy.differs", object: "policy tenant_floor on public.channel_connections",
			plant: `DROP POLICY tenant_floor ON public.channel_connections;
				CREATE POLICY tenant_floor ON public.channel_connections TO konstruct_app USING (tenant_id = ` + tenant + ")",
		},
		{
			code: "policy.roles", object: "policy tenant_isolation on public.agents",
			plant: "ALTER POLICY tenant_isolation ON public.agents TO PUBLIC",
		},
		{
			code: "policy.roles", object: "policy tenant_floor on public.agents",
			plant: "ALTER POLICY tenant_floor ON public.agents TO konstruct_owner",
		},
		{
			code: "policy.extra", object: "policy support on public.agents",
			plant: "CREATE POLICY support ON public.agents TO konstruct_app USING (true)",
		},
		{
			code: "policy.function", object: "policy tenant_isolation on public.agents: public.tenant()",
			plant: own + `
				CREATE FUNCTION public.tenant() RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT current_setting('app.current_tenant')::uuid $$;
				ALTER POLICY tenant_isolation ON public.agents USING (tenant_id = public.tenant());`,
		},
		{
			code: "policy.function", object: "policy mine on public.agents: public.is_mine(pg_catalog.uuid)",
			plant: own + `
				CREATE FUNCTION public.is_mine(uuid) RETURNS bool LANGUAGE sql STABLE AS 'SELECT true';
				CREATE POLICY mine ON public.agents USING (public.is_mine(tenant_id));`,
		},
	}
}

func grantFaults() []fault {
	return []fault{
		{
			code: "grant.table", object: "table public.agents: REFERENCES, TRIGGER, TRUNCATE to konstruct_app",
			plant: "GRANT TRUNCATE, TRIGGER, REFERENCES ON public.agents TO konstruct_app",
		},
		{
			code: "grant.table", object: "table public.tenants: TRUNCATE to konstruct_app",
			plant: "GRANT TRUNCATE ON public.tenants TO konstruct_app",
		},
		{
			code: "grant.table", object: "table atlas_schema_revisions.atlas_schema_revisions: UPDATE to konstruct_app",
			plant: "GRANT UPDATE ON atlas_schema_revisions.atlas_schema_revisions TO konstruct_app",
		},
		{
			code: "grant.option", object: "table public.agents: SELECT to konstruct_app",
			plant: "GRANT SELECT ON public.agents TO konstruct_app WITH GRANT OPTION",
		},
		{
			code: "grant.column", object: "table public.agents: REFERENCES (id) to konstruct_app",
			plant: "GRANT REFERENCES (id) ON public.agents TO konstruct_app",
		},
		{
			code: "grant.column", object: "table public.channel_connections: SELECT (secrets) to konstruct_resolver",
			plant: "GRANT SELECT (secrets) ON public.channel_connections TO konstruct_resolver",
		},
		{
			code: "grant.column", object: "table public.portal_users: SELECT (hashed_password) to konstruct_resolver",
			plant: "GRANT SELECT (hashed_password) ON public.portal_users TO konstruct_resolver",
		},
		{
			code: "grant.public", object: "table public.agents: SELECT to PUBLIC",
			plant: "GRANT SELECT ON public.agents TO PUBLIC",
		},
		{
			code: "grant.unknown", object: "table public.agents: DELETE, SELECT to pg_monitor",
			plant: "GRANT SELECT, DELETE ON public.agents TO pg_monitor",
		},
		{
			code: "grant.unknown", object: "table public.channel_connections: SELECT to konstruct_resolver",
			plant: "GRANT SELECT ON public.channel_connections TO konstruct_resolver",
		},
		{
			code: "grant.missing", object: "table public.agents: DELETE to konstruct_app",
			plant: "REVOKE DELETE ON public.agents FROM konstruct_app",
		},
		{
			code: "grant.missing", object: "routine public.resolve_tenant(text, text): EXECUTE to konstruct_app",
			plant: "REVOKE EXECUTE ON FUNCTION public.resolve_tenant FROM konstruct_app",
		},
		{
			code: "grant.missing", object: "table public.tenants: SELECT (status) to konstruct_resolver",
			plant: "REVOKE SELECT (status) ON public.tenants FROM konstruct_resolver",
		},
		{
			code: "grant.schema", object: "schema public: CREATE to konstruct_resolver",
			plant: "GRANT CREATE ON SCHEMA public TO konstruct_resolver",
		},
		{
			code: "grant.schema", object: "schema public: CREATE to konstruct_app",
			plant: "GRANT CREATE ON SCHEMA public TO konstruct_app",
		},
		{
			code: "grant.schema-usage", object: "schema public: USAGE to PUBLIC",
			plant: "GRANT USAGE ON SCHEMA public TO PUBLIC",
		},
		{
			code: "grant.database", object: "database {db}: TEMPORARY to PUBLIC",
			plant: "GRANT TEMPORARY ON DATABASE {db} TO PUBLIC",
		},
		{
			code: "grant.database", object: "database {db}: CREATE to konstruct_app",
			plant: "GRANT CREATE ON DATABASE {db} TO konstruct_app",
		},
		{
			code: "schema.unknown", object: "sequence public.tickets",
			plant: own + "CREATE SEQUENCE public.tickets; GRANT USAGE ON SEQUENCE public.tickets TO konstruct_app",
		},
		{
			code: "grant.function", object: "routine public.twice(integer): EXECUTE to PUBLIC",
			given: own + "CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n'",
			plant: "GRANT EXECUTE ON FUNCTION public.twice TO PUBLIC",
		},
		{
			code: "grant.default", object: "default of konstruct_owner: EXECUTE on functions to PUBLIC",
			plant: "ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
		},
		{
			code: "grant.default", object: "default of konstruct_owner in public: SELECT on tables to konstruct_app",
			plant: "ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner IN SCHEMA public GRANT SELECT ON TABLES TO konstruct_app",
		},
	}
}
