-- Partitions and inheritance children.
SELECT n.nspname AS schema,
       c.relname AS name,
       pn.nspname AS parent_schema,
       p.relname AS parent_name,
       c.relispartition AS is_partition
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_class AS p ON p.oid = i.inhparent
  JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f')
   AND (c.relnamespace IN (SELECT oid FROM spaces) OR p.relnamespace IN (SELECT oid FROM spaces))
