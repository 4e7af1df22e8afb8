-- Grants to PUBLIC or the application on PostgreSQL's own objects: the functions that reach past rows by design and are
-- PUBLIC's from the start ("by_default"), and whatever is not theirs from the start.
SELECT o.kind, o.name,
       CASE o.kind WHEN 'FUNCTION' THEN o.object::regprocedure::text ELSE o.object::regclass::text END AS identity,
       CASE o.grantee WHEN 0 THEN '' ELSE $1::text END AS grantee,
       o.privilege,
       o.subject AS "column",
       o.kind = 'FUNCTION' AND i.initprivs IS NULL AS by_default
  FROM (
    SELECT 'FUNCTION' AS kind, p.proname AS name, '' AS subject, 'pg_proc'::regclass AS class, p.oid AS object, 0 AS sub,
           a.grantee, a.privilege_type AS privilege
      FROM pg_proc AS p
     CROSS JOIN LATERAL aclexplode(p.proacl) AS a
     WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proacl IS NOT NULL
       AND a.grantee IN (0, (SELECT oid FROM app)) AND a.grantee <> p.proowner
     UNION ALL
    -- Without a list of its own a function is PUBLIC's.
    SELECT 'FUNCTION', p.proname, '', 'pg_proc'::regclass, p.oid, 0, 0::oid, 'EXECUTE'
      FROM pg_proc AS p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proacl IS NULL
       AND (starts_with(p.proname, 'lo_') OR starts_with(p.proname, 'pg_advisory_') OR starts_with(p.proname, 'pg_try_advisory_')
            OR p.proname IN ('loread', 'lowrite', 'pg_cancel_backend', 'pg_terminate_backend'))
     UNION ALL
    SELECT 'TABLE', c.relname, '', 'pg_class'::regclass, c.oid, 0, a.grantee, a.privilege_type
      FROM pg_class AS c
     CROSS JOIN LATERAL aclexplode(c.relacl) AS a
     WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND c.relacl IS NOT NULL
       AND a.grantee IN (0, (SELECT oid FROM app)) AND a.grantee <> c.relowner
       -- PUBLIC's grants on the information schema come after the initial privileges were noted.
       AND (a.grantee <> 0 OR c.relnamespace = 'pg_catalog'::regnamespace)
     UNION ALL
    SELECT 'TABLE', c.relname, t.attname, 'pg_class'::regclass, c.oid, t.attnum, a.grantee, a.privilege_type
      FROM pg_attribute AS t
      JOIN pg_class AS c ON c.oid = t.attrelid
     CROSS JOIN LATERAL aclexplode(t.attacl) AS a
     WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND t.attacl IS NOT NULL
       AND a.grantee IN (0, (SELECT oid FROM app)) AND a.grantee <> c.relowner
  ) AS o
  LEFT JOIN pg_init_privs AS i ON i.classoid = o.class AND i.objoid = o.object AND i.objsubid = o.sub
 -- PUBLIC's own by default, unless it was taken away from the start; the lints know which names matter.
 WHERE NOT EXISTS (SELECT FROM aclexplode(i.initprivs) AS b WHERE b.grantee = o.grantee AND b.privilege_type = o.privilege)
   AND (o.kind = 'TABLE' OR o.grantee <> 0 OR i.initprivs IS NOT NULL OR o.name ~ '^(lo_|loread$|lowrite$|pg_(try_)?advisory_|pg_(cancel|terminate)_backend$)')
 ORDER BY 1, 3, 6
