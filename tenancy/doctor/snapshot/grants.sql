-- Every grant, one row for each grantee ('' is PUBLIC) and privilege, without what owners have by owning. The kind is the
-- keyword that GRANT wants; object is the name as the catalogue has it, identity as SQL wants it.
SELECT o.kind, o.object, o.identity, o.extension,
       CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END AS grantee,
       a.privilege_type AS privilege,
       a.is_grantable AS grantable,
       o.subject AS "column"
  FROM (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
           n.nspname || '.' || c.relname AS object,
           format('%I.%I', n.nspname, c.relname) AS identity,
           '' AS subject, c.relowner AS owner, c.relacl AS acl,
           EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS extension
      FROM pg_class AS c
      JOIN spaces AS n ON n.oid = c.relnamespace
     WHERE c.relacl IS NOT NULL
     UNION ALL
    SELECT 'TABLE', n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname), a.attname, c.relowner, a.attacl, false
      FROM pg_attribute AS a
      JOIN pg_class AS c ON c.oid = a.attrelid
      JOIN spaces AS n ON n.oid = c.relnamespace
     WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
     UNION ALL
    SELECT 'ROUTINE', p.signature, p.identity, '', p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), p.extension
      FROM routines AS p
     UNION ALL
    SELECT 'SCHEMA', n.nspname, quote_ident(n.nspname), '', s.nspowner, s.nspacl, false
      FROM spaces AS n
      JOIN pg_namespace AS s ON s.oid = n.oid
     UNION ALL
    SELECT 'DATABASE', d.datname, quote_ident(d.datname), '', d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)), false
      FROM pg_database AS d
     WHERE d.datname = current_database()
     UNION ALL
    -- Languages in which DO runs.
    SELECT 'LANGUAGE', l.lanname, quote_ident(l.lanname), '', l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner)), false
      FROM pg_language AS l
     WHERE l.laninline <> 0 AND l.lanpltrusted
     UNION ALL
    SELECT 'PARAMETER', p.parname, p.parname, '', 10::oid, p.paracl, false
      FROM pg_parameter_acl AS p
     UNION ALL
    SELECT 'FOREIGN DATA WRAPPER', w.fdwname, quote_ident(w.fdwname), '', w.fdwowner, w.fdwacl, false
      FROM pg_foreign_data_wrapper AS w
     UNION ALL
    SELECT 'FOREIGN SERVER', s.srvname, quote_ident(s.srvname), '', s.srvowner, s.srvacl, false
      FROM pg_foreign_server AS s
  ) AS o
 CROSS JOIN LATERAL aclexplode(o.acl) AS a
 WHERE a.grantee <> o.owner
 ORDER BY o.kind, o.object, o.subject, 5, a.privilege_type
