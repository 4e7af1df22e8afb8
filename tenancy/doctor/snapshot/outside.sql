-- Ways for rows to leave the database, and code that runs on everybody's DDL.
SELECT 'mapping' AS kind, m.srvname::text AS name, CASE m.umuser WHEN 0 THEN '' ELSE m.usename::text END AS detail
  FROM pg_user_mappings AS m
 WHERE m.umuser IN (0, (SELECT oid FROM app))
 UNION ALL
SELECT 'extension', e.extname, n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
 UNION ALL
SELECT 'event trigger', t.evtname, ''
  FROM pg_event_trigger AS t
 WHERE NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e')
 UNION ALL
SELECT 'publication', p.pubname, ''
  FROM pg_publication AS p
 WHERE p.puballtables
    OR EXISTS (SELECT FROM pg_publication_namespace AS n WHERE n.pnpubid = p.oid AND n.pnnspid IN (SELECT oid FROM spaces))
    OR EXISTS (SELECT FROM pg_publication_rel AS r
                 JOIN pg_class AS c ON c.oid = r.prrelid
                 JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = $3::text AND t.attnum > 0 AND NOT t.attisdropped
                WHERE r.prpubid = p.oid)
 ORDER BY 1, 2, 3
