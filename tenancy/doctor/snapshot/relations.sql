-- Tables, views, materialized views, foreign tables and sequences, in every schema that the application can use.
SELECT n.nspname AS schema,
       c.relname AS name,
       c.relkind AS kind,
       pg_get_userbyid(c.relowner) AS owner,
       c.relrowsecurity AS rls,
       c.relforcerowsecurity AS forced,
       t.attnum IS NOT NULL AS has_tenant,
       coalesce(t.attnotnull, false) AS tenant_not_null,
       coalesce(format_type(t.atttypid, t.atttypmod), '') AS tenant_type,
       coalesce((SELECT o.option_value::bool FROM pg_options_to_table(c.reloptions) AS o WHERE o.option_name = 'security_invoker'),
                false) AS invoker,
       EXISTS (SELECT FROM pg_depend AS d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS extension
  FROM pg_class AS c
  JOIN spaces AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = $3::text AND t.attnum > 0 AND NOT t.attisdropped
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
 ORDER BY n.nspname, c.relname
