-- What the sections have in common.
--
-- $1 the application's role, $2 the schemas of the catalogue, $3 the tenant column, $4 the setting that carries the tenant,
-- $5 all roles that isolation rests on, $6 the owner's role.
WITH app AS NOT MATERIALIZED (
  SELECT r.oid FROM pg_roles AS r WHERE r.rolname = $1::text
), spaces AS NOT MATERIALIZED (
  -- The catalogue's schemas, and whatever else the application can reach: a view may read what its reader can't name.
  SELECT n.oid, n.nspname
    FROM pg_namespace AS n
   WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND (n.nspname = ANY ($2::text[])
          OR has_schema_privilege((SELECT oid FROM app), n.oid, 'USAGE')
          OR EXISTS (SELECT FROM pg_class AS c, aclexplode(c.relacl) AS a
                      WHERE c.relnamespace = n.oid AND a.grantee IN (0, (SELECT oid FROM app))))
), routines AS (
  SELECT p.*,
         n.nspname AS schema,
         format('%s.%s(%s)', n.nspname, p.proname,
                array_to_string(ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t), ', ')) AS signature,
         format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS identity,
         EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') AS extension
    FROM pg_proc AS p
    JOIN spaces AS n ON n.oid = p.pronamespace
)
