-- Policies, with their expressions as PostgreSQL prints them, and what they call beyond PostgreSQL's own functions and
-- operators (of those no dependency is recorded).
SELECT n.nspname AS schema,
       c.relname AS "table",
       p.polname AS name,
       p.polcmd AS command,
       p.polpermissive AS permissive,
       ARRAY(SELECT CASE r WHEN 0 THEN '' ELSE pg_get_userbyid(r)::text END FROM unnest(p.polroles) AS r ORDER BY 1) AS roles,
       coalesce(pg_get_expr(p.polqual, p.polrelid), '') AS "using",
       coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') AS "check",
       ARRAY(SELECT o.identity
               FROM pg_depend AS d
              CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) AS o
              WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
              ORDER BY 1) AS calls
  FROM pg_policy AS p
  JOIN pg_class AS c ON c.oid = p.polrelid
  JOIN spaces AS n ON n.oid = c.relnamespace
 ORDER BY n.nspname, c.relname, p.polname
