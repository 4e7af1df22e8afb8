-- Columns that take their values from a sequence.
SELECT n.nspname AS schema,
       c.relname AS "table",
       a.attname AS "column",
       a.attidentity <> '' AS is_identity,
       sn.nspname AS sequence_schema,
       s.relname AS sequence_name
  FROM pg_class AS c
  JOIN spaces AS n ON n.oid = c.relnamespace
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
  JOIN pg_depend AS d ON
       -- An identity's sequence depends on its column; a default depends on the sequence that it calls.
       a.attidentity <> '' AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i'
    OR d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
  JOIN pg_class AS s ON s.relkind = 'S' AND s.oid = CASE WHEN a.attidentity <> '' THEN d.objid ELSE d.refobjid END
  JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
 WHERE c.relkind IN ('r', 'p')
 ORDER BY n.nspname, c.relname, a.attnum
