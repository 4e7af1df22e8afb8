-- Faults of roles, which belong to the cluster, and of their settings. See faults.sql.

--- role.superuser role konstruct_app
ALTER ROLE konstruct_app SUPERUSER;

--- role.bypassrls role konstruct_app
ALTER ROLE konstruct_app BYPASSRLS;

--- role.createrole role konstruct_app
ALTER ROLE konstruct_app CREATEROLE;

--- role.replication role konstruct_app
ALTER ROLE konstruct_app REPLICATION;

--- role.createdb role konstruct_app
ALTER ROLE konstruct_app CREATEDB;

--- role.inherit role konstruct_app
ALTER ROLE konstruct_app INHERIT;

--- role.member role konstruct_app: member of konstruct_resolver
GRANT konstruct_resolver TO konstruct_app;

--- role.member role konstruct_app: member of pg_read_all_data
GRANT pg_read_all_data TO konstruct_app;

--- role.granted role konstruct_app: granted to support
CREATE ROLE support LOGIN;
GRANT konstruct_app TO support;

--- role.owns table public.agents
ALTER TABLE public.agents OWNER TO konstruct_app;

--- role.owns function public.twice(integer)
CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
REVOKE EXECUTE ON FUNCTION public.twice FROM PUBLIC;
ALTER FUNCTION public.twice OWNER TO konstruct_app;

--- role.owns database {db}
ALTER DATABASE {db} OWNER TO konstruct_app;

--- definer.owner function public.resolve_tenant(text, text): owned by konstruct_app
ALTER FUNCTION public.resolve_tenant OWNER TO konstruct_app;

--- role.owns schema mine
CREATE SCHEMA mine AUTHORIZATION konstruct_app;

--- owner.bypass role konstruct_owner
ALTER ROLE konstruct_owner BYPASSRLS;

--- definer.role role konstruct_resolver: BYPASSRLS, LOGIN
ALTER ROLE konstruct_resolver LOGIN BYPASSRLS;

--- definer.membership role helpdesk: member of konstruct_resolver
CREATE ROLE helpdesk LOGIN;
GRANT konstruct_resolver TO helpdesk;

--- definer.membership role konstruct_resolver: member of pg_read_all_data
GRANT pg_read_all_data TO konstruct_resolver;

--- setting.preset setting row_security of ROLE konstruct_app; session.preset setting row_security
ALTER ROLE konstruct_app SET row_security = off;

--- setting.preset setting search_path of DATABASE {db}; session.preset setting search_path
ALTER DATABASE {db} SET search_path = public, pg_catalog;

--- setting.preset setting session_replication_role of ROLE konstruct_app IN DATABASE {db}; session.preset setting session_replication_role
ALTER ROLE konstruct_app IN DATABASE {db} SET session_replication_role = replica;

--- setting.unlisted setting work_mem of ROLE konstruct_app
ALTER ROLE konstruct_app SET work_mem = '1GB';

--- setting.unlisted setting statement_timeout of ROLE konstruct_app
ALTER ROLE konstruct_app SET statement_timeout = 0;

--- setting.unlisted setting lock_timeout of ROLE konstruct_app IN DATABASE {db}
ALTER ROLE konstruct_app IN DATABASE {db} SET lock_timeout = '1h';

--- setting.preset setting app.current_tenant of ROLE ALL; session.tenant setting app.current_tenant
ALTER ROLE ALL SET app.current_tenant = '018f0000-0000-7000-8000-000000000001';

--- platform.parameter parameter session_replication_role: SET to konstruct_app
GRANT SET ON PARAMETER session_replication_role TO konstruct_app;

-- Last, since its function remains.

--- role.owns function public.pair(integer,pg_catalog.text)
SET ROLE konstruct_owner;
CREATE FUNCTION public.pair(n int, s text) RETURNS int LANGUAGE sql AS 'SELECT n';
GRANT EXECUTE ON FUNCTION public.pair TO konstruct_app;
--- plant
ALTER FUNCTION public.pair OWNER TO konstruct_app;
