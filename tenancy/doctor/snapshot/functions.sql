-- Functions and procedures in the application's reach. An extension's are left out unless they are of a dangerous kind.
SELECT p.schema, p.signature, p.identity,
       pg_get_userbyid(p.proowner) AS owner,
       p.prosecdef AS definer,
       p.proleakproof AS leakproof,
       NOT l.lanpltrusted AS untrusted,
       p.prosqlbody IS NOT NULL AS atomic,
       coalesce(p.proconfig, '{}') AS config,
       p.extension
  FROM routines AS p
  JOIN pg_language AS l ON l.oid = p.prolang
 WHERE NOT p.extension OR p.prosecdef OR p.proleakproof OR cardinality(p.proconfig) > 0
 ORDER BY p.identity
