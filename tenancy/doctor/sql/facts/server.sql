-- The server, and the connection that asks.
SELECT current_setting('server_version_num')::int AS version_num,
       split_part(current_setting('server_version'), ' ', 1) AS version,
       current_database() AS database,
       pg_encoding_to_char(d.encoding) AS encoding,
       pg_get_userbyid(d.datdba) AS database_owner,
       current_user AS role,
       session_user AS login,
       coalesce(current_setting($2::text, true), '') <> '' AS has_tenant,
       current_setting('row_security') AS row_security,
       current_setting('session_replication_role') AS replication_role,
       -- Temporary schemas come first for tables, but are never searched for functions and operators.
       (SELECT s FROM unnest(current_schemas(true)) AS s WHERE s !~ '^pg_temp' LIMIT 1) AS first_schema
  FROM pg_database AS d
 WHERE d.datname = current_database()
