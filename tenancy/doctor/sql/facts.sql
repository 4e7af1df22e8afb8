-- Roles, settings and grants that no migration creates, as one JSON object. $1: application role, $2: tenant setting,
-- $3: all roles that isolation depends on, $4: allowed defaults of the application role.
WITH app AS NOT MATERIALIZED (
  SELECT r.oid, quote_ident(r.rolname) AS name FROM pg_roles AS r WHERE r.rolname = $1::text
), functions AS MATERIALIZED (
  -- PostgreSQL's own functions. Those of a family bypass row-level security. Without an ACL, PUBLIC may execute.
  SELECT p.oid, p.proowner, p.proacl,
         CASE WHEN starts_with(p.proname, 'lo_') OR p.proname IN ('loread', 'lowrite') THEN 'large-objects'
              WHEN starts_with(p.proname, 'pg_advisory_') OR starts_with(p.proname, 'pg_try_advisory_') THEN 'advisory-locks'
              WHEN p.proname IN ('pg_cancel_backend', 'pg_terminate_backend') THEN 'signals' END AS family
    FROM pg_proc AS p
   WHERE p.pronamespace = 'pg_catalog'::regnamespace
     AND (p.proacl IS NOT NULL OR p.proname BETWEEN 'lo' AND 'pg_u') -- matching every name would dominate the query
), system AS (
  SELECT 'FUNCTION' AS kind, '' AS part, 'pg_proc'::regclass AS class, p.oid, 0 AS sub, p.family, a.grantee, a.privilege_type
    FROM functions AS p
   CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
   WHERE (p.proacl IS NOT NULL OR p.family IS NOT NULL) AND a.grantee <> p.proowner
   UNION ALL
  SELECT 'TABLE', x.part, 'pg_class'::regclass, c.oid, x.sub, NULL, a.grantee, a.privilege_type
    FROM (SELECT oid, '' AS part, 0 AS sub, relacl AS acl FROM pg_class WHERE relacl IS NOT NULL
           UNION ALL
          SELECT attrelid, format(' (%I)', attname), attnum, attacl FROM pg_attribute WHERE attacl IS NOT NULL) AS x
    JOIN pg_class AS c ON c.oid = x.oid
   CROSS JOIN LATERAL aclexplode(x.acl) AS a
   WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND a.grantee <> c.relowner
     -- initdb grants PUBLIC the information schema after it records initial privileges.
     AND (a.grantee <> 0 OR x.sub > 0 OR c.relnamespace = 'pg_catalog'::regnamespace)
)
SELECT jsonb_build_object(
  -- The server and this connection.
  'server', (SELECT to_jsonb(x) FROM (
    SELECT current_setting('server_version_num')::int AS version_num,
           split_part(current_setting('server_version'), ' ', 1) AS version,
           current_database() AS database,
           pg_encoding_to_char(d.encoding) AS encoding,
           current_user AS role,
           session_user AS login,
           coalesce(current_setting($2::text, true), '') <> '' AS has_tenant,
           current_setting('row_security') AS row_security,
           current_setting('session_replication_role') AS replication_role,
           -- Temporary schemas are never searched for functions and operators.
           (SELECT s FROM unnest(current_schemas(true)) AS s WHERE s !~ '^pg_temp' LIMIT 1) AS first_schema
      FROM pg_database AS d
     WHERE d.datname = current_database()) AS x),
  'roles', (SELECT jsonb_object_agg(r.rolname, array_remove(ARRAY[
              CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
              CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
              CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolcanlogin THEN 'LOGIN' END,
              CASE WHEN r.rolinherit THEN 'INHERIT' END], NULL))
              FROM pg_roles AS r WHERE r.rolname = ANY ($3::text[])),
  -- Before 16, memberships have no options: every member can SET ROLE, and rolinherit decides on inheritance.
  'memberships', (SELECT jsonb_agg(to_jsonb(x)) FROM (
    SELECT g.rolname AS role,
           r.rolname AS member,
           w.rolname AS grantor,
           coalesce((to_jsonb(m) ->> 'set_option')::bool, true) AS can_set,
           coalesce((to_jsonb(m) ->> 'inherit_option')::bool, r.rolinherit) AS inherits
      FROM pg_auth_members AS m
      JOIN pg_roles AS g ON g.oid = m.roleid
      JOIN pg_roles AS r ON r.oid = m.member
      LEFT JOIN pg_roles AS w ON w.oid = m.grantor
     WHERE g.rolname = ANY ($3) OR r.rolname = ANY ($3)) AS x),
  -- Objects owned by the application role, here or cluster-wide, except default privileges and user mappings.
  'owned', (SELECT jsonb_agg(to_jsonb(x)) FROM (
    SELECT o.type, o.identity
      FROM pg_shdepend AS s
      JOIN app ON app.oid = s.refobjid
     CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) AS o
     WHERE s.refclassid = 'pg_authid'::regclass
       AND s.deptype = 'o'
       AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
       AND s.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
       AND o.identity IS NOT NULL) AS x),
  -- Default settings of the application role's connections, with quoted scope and without values.
  'settings', (SELECT jsonb_agg(to_jsonb(x)) FROM (
    SELECT split_part(c, '=', 1) AS name,
           c = ANY ($4::text[]) OR split_part(c, '=', 1) = ANY ($4) AS listed,
           coalesce(nullif(concat_ws(' IN ', CASE WHEN s.setrole <> 0 THEN 'ROLE ' || quote_ident($1) END,
                                     CASE WHEN s.setdatabase <> 0 THEN 'DATABASE ' || quote_ident(current_database()) END), ''),
                    'ROLE ALL') AS scope
      FROM pg_db_role_setting AS s
     CROSS JOIN LATERAL unnest(s.setconfig) AS c
     WHERE s.setrole IN (0, (SELECT oid FROM app))
       AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))) AS x),
  -- User mappings of the application role, quoted.
  'mappings', (SELECT jsonb_agg(to_jsonb(x)) FROM (
    SELECT quote_ident(m.srvname) AS server, CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(m.usename) END AS role
      FROM pg_user_mappings AS m
     WHERE m.umuser IN (0, (SELECT oid FROM app))) AS x),
  -- Grants to PUBLIC or the application role on PostgreSQL's own objects: on families, and beyond the initial privileges.
  'system_grants', (SELECT jsonb_agg(to_jsonb(x)) FROM (
    SELECT s.kind, s.privilege_type || s.part AS privilege,
           CASE s.kind WHEN 'FUNCTION' THEN s.oid::regprocedure::text ELSE s.oid::regclass::text END AS identity,
           CASE s.grantee WHEN 0 THEN 'PUBLIC' ELSE app.name END AS grantee,
           CASE WHEN i.initprivs IS NULL THEN s.family END AS family
      FROM system AS s
      LEFT JOIN app ON app.oid = s.grantee
      LEFT JOIN pg_init_privs AS i ON i.classoid = s.class AND i.objoid = s.oid AND i.objsubid = s.sub
     WHERE (s.grantee = 0 OR app.oid IS NOT NULL)
       AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) AS b WHERE b.grantee = s.grantee AND b.privilege_type = s.privilege_type)
       -- PUBLIC may initially execute a function without recorded initial privileges.
       AND (s.kind = 'TABLE' OR s.grantee <> 0 OR i.initprivs IS NOT NULL OR s.family IS NOT NULL)
     ORDER BY 3, 2) AS x)
)
