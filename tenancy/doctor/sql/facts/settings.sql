-- What connections of the application's role begin with. Values stay in the database.
SELECT split_part(c, '=', 1) AS name,
       s.setrole <> 0 AS for_role,
       s.setdatabase <> 0 AS in_database
  FROM pg_db_role_setting AS s
 CROSS JOIN LATERAL unnest(s.setconfig) AS c
 WHERE s.setrole IN (0, (SELECT oid FROM app))
   AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
