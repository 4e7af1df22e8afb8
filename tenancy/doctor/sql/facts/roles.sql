-- The roles that isolation rests on.
SELECT r.rolname AS name,
       r.rolsuper AS superuser,
       r.rolbypassrls AS bypassrls,
       r.rolcreaterole AS createrole,
       r.rolcreatedb AS createdb,
       r.rolreplication AS replication,
       r.rolinherit AS inherit,
       r.rolcanlogin AS login
  FROM pg_roles AS r
 WHERE r.rolname = ANY ($3::text[])
