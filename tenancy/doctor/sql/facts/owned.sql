-- All that the application's role owns, here or cluster-wide. (Default privileges and user mappings are read elsewhere.)
SELECT o.type, o.identity
  FROM pg_shdepend AS s
  JOIN app ON app.oid = s.refobjid
 CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) AS o
 WHERE s.refclassid = 'pg_authid'::regclass
   AND s.deptype = 'o'
   AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   AND s.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
   AND o.identity IS NOT NULL
