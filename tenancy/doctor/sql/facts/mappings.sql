-- User mappings of the application: the password of another role, to connect onwards with.
SELECT m.srvname AS server, CASE m.umuser WHEN 0 THEN '' ELSE m.usename END AS role
  FROM pg_user_mappings AS m
 WHERE m.umuser IN (0, (SELECT oid FROM app))
 ORDER BY 1, 2
