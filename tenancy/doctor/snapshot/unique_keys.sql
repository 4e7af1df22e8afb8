-- Unique and exclusion indexes of the tables that have a tenant column. An expression among the columns is ''.
SELECT n.nspname AS schema,
       c.relname AS "table",
       x.relname AS name,
       i.indisprimary AS is_primary,
       i.indisexclusion AS is_exclusion,
       coalesce(k.conname, '') AS constraint_name,
       coalesce(pg_get_constraintdef(k.oid), '') AS constraint_def,
       pg_get_indexdef(i.indexrelid) AS index_def,
       (SELECT array_agg(coalesce(a.attname, '') ORDER BY u.i)
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (n, i)
          LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.n AND u.n > 0
         WHERE u.i <= i.indnkeyatts) AS columns,
       (SELECT bool_and(a.atttypid = 'uuid'::regtype)
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (n, i)
          JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.n
         WHERE u.i <= i.indnkeyatts) IS TRUE AS all_uuid
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indrelid
  JOIN pg_class AS x ON x.oid = i.indexrelid AND NOT x.relispartition
  JOIN spaces AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
 WHERE (i.indisunique OR i.indisexclusion)
   AND EXISTS (SELECT FROM pg_attribute AS t
                WHERE t.attrelid = c.oid AND t.attname = $3::text AND t.attnum > 0 AND NOT t.attisdropped)
 ORDER BY n.nspname, c.relname, x.relname
