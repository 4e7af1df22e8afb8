-- Triggers that somebody wrote, and rules other than a view's own.
SELECT 'trigger' AS kind, n.nspname AS schema, c.relname AS "table", t.tgname AS name
  FROM pg_trigger AS t
  JOIN pg_class AS c ON c.oid = t.tgrelid
  JOIN spaces AS n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal AND t.tgparentid = 0
 UNION ALL
SELECT 'rule', n.nspname, c.relname, r.rulename
  FROM pg_rewrite AS r
  JOIN pg_class AS c ON c.oid = r.ev_class
  JOIN spaces AS n ON n.oid = c.relnamespace
 WHERE r.rulename <> '_RETURN'
 ORDER BY 1, 2, 3, 4
