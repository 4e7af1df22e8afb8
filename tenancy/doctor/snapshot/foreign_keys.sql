-- Foreign keys, without the copies that partitions have of their parent's.
SELECT n.nspname AS schema,
       c.relname AS "table",
       k.conname AS name,
       rn.nspname AS ref_schema,
       r.relname AS ref_table,
       (SELECT array_agg(a.attname ORDER BY u.i) FROM unnest(k.conkey) WITH ORDINALITY AS u (n, i)
          JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.n) AS columns,
       (SELECT array_agg(a.attname ORDER BY u.i) FROM unnest(k.confkey) WITH ORDINALITY AS u (n, i)
          JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.n) AS ref_columns,
       ARRAY(SELECT a.attname FROM unnest(k.confdelsetcols) AS u (n)
          JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.n) AS set_columns,
       k.confdeltype AS on_delete,
       k.confupdtype AS on_update,
       k.confmatchtype = 'f' AS match_full,
       k.condeferrable AS deferrable,
       k.condeferred AS deferred
  FROM pg_constraint AS k
  JOIN pg_class AS c ON c.oid = k.conrelid
  JOIN spaces AS n ON n.oid = c.relnamespace
  JOIN pg_class AS r ON r.oid = k.confrelid
  JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
 WHERE k.contype = 'f' AND k.conparentid = 0
 ORDER BY n.nspname, c.relname, k.conname
