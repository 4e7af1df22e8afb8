-- Grants to PUBLIC or the application on PostgreSQL's own objects: the functions that reach past rows by design and are
-- PUBLIC's from the start ("default"), and whatever is not theirs from the start.
SELECT o.kind, o.name, o.identity,
       CASE a.grantee WHEN 0 THEN '' ELSE $1::text END AS grantee,
       a.privilege_type AS privilege,
       o.subject AS "column",
       i.initprivs IS NULL AND o.kind = 'FUNCTION' AS by_default
  FROM (
    SELECT 'FUNCTION' AS kind, p.proname AS name, p.oid::regprocedure::text AS identity, '' AS subject, p.proowner AS owner,
           coalesce(p.proacl, acldefault('f', p.proowner)) AS acl,
           'pg_proc'::regclass AS class, p.oid AS object, 0 AS sub
      FROM pg_proc AS p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND (p.proacl IS NOT NULL
            OR p.proname ~ '^(lo_|loread|lowrite|pg_(try_)?advisory_|pg_cancel_backend|pg_terminate_backend)')
     UNION ALL
    SELECT 'TABLE', c.relname, c.oid::regclass::text, '', c.relowner, c.relacl, 'pg_class'::regclass, c.oid, 0
      FROM pg_class AS c
     WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND c.relacl IS NOT NULL
     UNION ALL
    SELECT 'TABLE', c.relname, c.oid::regclass::text, a.attname, c.relowner, a.attacl, 'pg_class'::regclass, c.oid, a.attnum
      FROM pg_attribute AS a
      JOIN pg_class AS c ON c.oid = a.attrelid
     WHERE c.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND a.attacl IS NOT NULL
  ) AS o
 CROSS JOIN LATERAL aclexplode(o.acl) AS a
  LEFT JOIN pg_init_privs AS i ON i.classoid = o.class AND i.objoid = o.object AND i.objsubid = o.sub
 WHERE a.grantee IN (0, (SELECT oid FROM app))
   AND a.grantee <> o.owner
   AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) AS b WHERE b.grantee = a.grantee AND b.privilege_type = a.privilege_type)
   -- PUBLIC's grants on the information schema come after the initial privileges were noted.
   AND (a.grantee <> 0 OR o.identity !~ '^information_schema\.')
   -- What a function's default is, nobody granted.
   AND (o.kind = 'TABLE' OR a.grantee <> 0 OR i.initprivs IS NOT NULL
        OR o.name ~ '^(lo_|loread|lowrite|pg_(try_)?advisory_|pg_cancel_backend|pg_terminate_backend)')
 ORDER BY o.kind, o.identity, o.subject
