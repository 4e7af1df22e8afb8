-- What is granted on objects that nobody has made yet. Without an entry PostgreSQL gives PUBLIC the EXECUTE of functions.
SELECT o.role, o.schema, o.kind,
       CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END AS grantee,
       a.privilege_type AS privilege
  FROM (
    SELECT pg_get_userbyid(d.defaclrole) AS role, d.defaclrole AS owner, coalesce(n.nspname, '') AS schema,
           CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' ELSE 'SCHEMAS' END AS kind,
           d.defaclacl AS acl
      FROM pg_default_acl AS d
      LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
     WHERE d.defaclobjtype IN ('r', 'S', 'f', 'n')
       AND (d.defaclnamespace = 0 OR d.defaclnamespace IN (SELECT oid FROM spaces))
     UNION ALL
    SELECT r.rolname, r.oid, '', 'FUNCTIONS', acldefault('f', r.oid)
      FROM pg_roles AS r
     WHERE r.rolname = $6::text
       AND NOT EXISTS (SELECT FROM pg_default_acl AS d
                        WHERE d.defaclrole = r.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f')
  ) AS o
 CROSS JOIN LATERAL aclexplode(o.acl) AS a
 WHERE a.grantee <> o.owner
 ORDER BY 1, 2, 3, 4, 5
