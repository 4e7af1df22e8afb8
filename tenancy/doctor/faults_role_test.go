package doctor_test

import (
	"testing"

	"github.com/konstruct/konstruct/integration/testdb"
)

// Roles belong to the cluster, so these faults run one after the other on a separate cluster.
//
//nolint:paralleltest,tparallel // see above
func TestEachFaultOfRolesIsFoundAndFixed(t *testing.T) {
	t.Parallel()
	db := testdb.OwnCluster(t).New(t)
	for _, f := range roleFaults() {
		t.Run(f.code+" "+f.object, func(t *testing.T) {
			f.verify(t, db)
		})
	}
}

func roleFaults() []fault {
	return []fault{
		{code: "role.superuser", object: "role konstruct_app", plant: "ALTER ROLE konstruct_app SUPERUSER"},
		{code: "role.bypassrls", object: "role konstruct_app", plant: "ALTER ROLE konstruct_app BYPASSRLS"},
		{code: "role.createrole", object: "role konstruct_app", plant: "ALTER ROLE konstruct_app CREATEROLE"},
		{code: "role.replication", object: "role konstruct_app", plant: "ALTER ROLE konstruct_app REPLICATION"},
		{code: "role.createdb", object: "role konstruct_app", plant: "ALTER ROLE konstruct_app CREATEDB"},
		{code: "role.inherit", object: "role konstruct_app", plant: "ALTER ROLE konstruct_app INHERIT"},
		{
			code: "role.member", object: "role konstruct_app: member of konstruct_resolver",
			plant: "GRANT konstruct_resolver TO konstruct_app",
		},
		{
			code: "role.member", object: "role konstruct_app: member of pg_read_all_data",
			plant: "GRANT pg_read_all_data TO konstruct_app",
		},
		{
			code: "role.granted", object: "role konstruct_app: granted to support",
			plant: "CREATE ROLE support LOGIN; GRANT konstruct_app TO support",
		},
		{
			code: "role.owns", object: "table public.agents",
			plant: "ALTER TABLE public.agents OWNER TO konstruct_app",
		},
		{
			code: "role.owns", object: "function public.twice(integer)",
			plant: `CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
				REVOKE EXECUTE ON FUNCTION public.twice FROM PUBLIC; ALTER FUNCTION public.twice OWNER TO konstruct_app`,
		},
		{
			code: "role.owns", object: "database {db}",
			plant: "ALTER DATABASE {db} OWNER TO konstruct_app",
		},
		{
			code: "definer.owner", object: "function public.resolve_tenant(text, text): owned by konstruct_app",
			plant: "ALTER FUNCTION public.resolve_tenant OWNER TO konstruct_app",
		},
		{
			code: "role.owns", object: "schema mine",
			plant: "CREATE SCHEMA mine AUTHORIZATION konstruct_app",
		},
		{code: "owner.bypass", object: "role konstruct_owner", plant: "ALTER ROLE konstruct_owner BYPASSRLS"},
		{
			code: "definer.role", object: "role konstruct_resolver: BYPASSRLS, LOGIN",
			plant: "ALTER ROLE konstruct_resolver LOGIN BYPASSRLS",
		},
		{
			code: "definer.membership", object: "role helpdesk: member of konstruct_resolver",
			plant: "CREATE ROLE helpdesk LOGIN; GRANT konstruct_resolver TO helpdesk",
		},
		{
			code: "definer.membership", object: "role konstruct_resolver: member of pg_read_all_data",
			plant: "GRANT pg_read_all_data TO konstruct_resolver",
		},
		{
			code: "setting.preset", object: "setting row_security of ROLE konstruct_app",
			plant:   "ALTER ROLE konstruct_app SET row_security = off",
			implied: []found{{"session.preset", "setting row_security"}},
		},
		{
			code: "setting.preset", object: "setting search_path of DATABASE {db}",
			plant:   "ALTER DATABASE {db} SET search_path = public, pg_catalog",
			implied: []found{{"session.preset", "setting search_path"}},
		},
		{
			code: "setting.preset", object: "setting session_replication_role of ROLE konstruct_app IN DATABASE {db}",
			plant:   "ALTER ROLE konstruct_app IN DATABASE {db} SET session_replication_role = replica",
			implied: []found{{"session.preset", "setting session_replication_role"}},
		},
		{
			code: "setting.unlisted", object: "setting work_mem of ROLE konstruct_app",
			plant: "ALTER ROLE konstruct_app SET work_mem = '1GB'",
		},
		{
			code: "setting.unlisted", object: "setting statement_timeout of ROLE konstruct_app",
			plant: "ALTER ROLE konstruct_app SET statement_timeout = 0",
		},
		{
			code: "setting.unlisted", object: "setting lock_timeout of ROLE konstruct_app IN DATABASE {db}",
			plant: "ALTER ROLE konstruct_app IN DATABASE {db} SET lock_timeout = '1h'",
		},
		{
			code: "setting.preset", object: "setting app.current_tenant of ROLE ALL",
			plant:   "ALTER ROLE ALL SET app.current_tenant = '018f0000-0000-7000-8000-000000000001'",
			implied: []found{{"session.tenant", "setting app.current_tenant"}},
		},
		{
			code: "platform.parameter", object: "parameter session_replication_role: SET to konstruct_app",
			plant: "GRANT SET ON PARAMETER session_replication_role TO konstruct_app",
		},
		{ // last, since its function remains
			code: "role.owns", object: "function public.pair(integer,pg_catalog.text)",
			given: own + `CREATE FUNCTION public.pair(n int, s text) RETURNS int LANGUAGE sql AS 'SELECT n';
				GRANT EXECUTE ON FUNCTION public.pair TO konstruct_app`,
			plant: "ALTER FUNCTION public.pair OWNER TO konstruct_app",
		},
	}
}
