-- Every object of the database except PostgreSQL's own and those of extensions, as one JSON array: kind, quoted name,
-- relation and properties. Default values (false, '') are omitted, and nothing depends on the major version, so snapshots
-- compare as text. An earlier release compares with the snapshot of a later one: if the meaning of a property changes,
-- rename it.
--
-- Requires search_path = pg_catalog, so that all other names are printed with their schema.
WITH ext AS MATERIALIZED (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), spaces AS MATERIALIZED (
  SELECT n.oid, n.nspname, n.nspowner, n.nspacl
    FROM pg_namespace AS n
   WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_namespace'::regclass AND objid = n.oid)
), rels AS MATERIALIZED (
  SELECT c.oid, c.relkind, c.relowner, c.relacl, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
         c.relispartition, c.relpartbound, format('%I.%I', n.nspname, c.relname) AS name,
         CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                        WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END AS kind
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
     AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_class'::regclass AND objid = c.oid)
), routines AS MATERIALIZED (
  SELECT p.*, p.oid AS id, format('%I.%I', n.nspname, p.proname) AS qualified,
         format('%I.%I(%s)', n.nspname, p.proname,
                array_to_string(ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t), ', ')) AS name
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
   WHERE n.nspname !~ '^pg_(temp|toast)' AND p.oid >= 16384
     -- Include functions added to another owner's extension.
     AND NOT EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extowner = p.proowner
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
), types AS MATERIALIZED (
  SELECT t.oid, t.typtype, t.typowner, t.typacl, t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault, t.typinput,
         format('%I.%I', n.nspname, t.typname) AS name
    FROM pg_type AS t
    JOIN pg_namespace AS n ON n.oid = t.typnamespace
   WHERE t.typtype IN ('b', 'd', 'e', 'r') AND t.oid >= 16384 AND n.nspname !~ '^pg_(temp|toast)'
     AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_type'::regclass AND objid = t.oid)
     -- Skip array types.
     AND NOT (t.typtype = 'b' AND t.typelem <> 0 AND t.typsubscript = 'array_subscript_handler'::regproc)
), grants AS (
  SELECT o.kind, o.name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
         string_agg(a.privilege_type || o.part || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '
                    ORDER BY a.privilege_type || o.part COLLATE "C") AS privileges
    FROM (
      SELECT CASE kind WHEN 'sequence' THEN 'SEQUENCE' WHEN 'type' THEN 'TYPE' ELSE 'TABLE' END AS kind, name, '' AS part,
             relowner AS owner, relacl AS acl
        FROM rels WHERE relacl IS NOT NULL
       UNION ALL
      SELECT 'TABLE', r.name, format(' (%I)', a.attname), r.relowner, a.attacl
        FROM pg_attribute AS a JOIN rels AS r ON r.oid = a.attrelid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
       UNION ALL
      SELECT 'ROUTINE', name, '', proowner, coalesce(proacl, acldefault('f', proowner)) FROM routines
       UNION ALL
      SELECT 'TYPE', name, '', typowner, coalesce(typacl, acldefault('T', typowner)) FROM types
       UNION ALL
      -- An extension's schema may contain other objects.
      SELECT CASE WHEN s.oid IS NULL THEN 'EXTENSION SCHEMA' ELSE 'SCHEMA' END, quote_ident(n.nspname), '', n.nspowner, n.nspacl
        FROM pg_namespace AS n LEFT JOIN spaces AS s ON s.oid = n.oid
       WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       UNION ALL
      SELECT 'DATABASE', quote_ident(datname), '', datdba, coalesce(datacl, acldefault('d', datdba))
        FROM pg_database WHERE datname = current_database()
       UNION ALL
      -- Languages of DO.
      SELECT 'LANGUAGE', quote_ident(lanname), '', lanowner, coalesce(lanacl, acldefault('l', lanowner))
        FROM pg_language WHERE laninline <> 0 AND lanpltrusted
       UNION ALL
      SELECT 'PARAMETER', parname, '', 10::oid, paracl FROM pg_parameter_acl
       UNION ALL
      SELECT 'FOREIGN DATA WRAPPER', quote_ident(fdwname), '', fdwowner, fdwacl FROM pg_foreign_data_wrapper
       UNION ALL
      SELECT 'FOREIGN SERVER', quote_ident(srvname), '', srvowner, srvacl FROM pg_foreign_server
    ) AS o
   CROSS JOIN LATERAL aclexplode(o.acl) AS a
   WHERE a.grantee <> o.owner
   GROUP BY o.kind, o.name, a.grantee
), objects (kind, name, part_of, props) AS (
  SELECT 'schema', quote_ident(nspname), '', jsonb_build_object('owner', pg_get_userbyid(nspowner)) FROM spaces
   UNION ALL
  SELECT kind, name, '', jsonb_build_object(
           'owner', pg_get_userbyid(relowner),
           'rls', nullif(relrowsecurity, false)::text,
           'forced', nullif(relforcerowsecurity, false)::text,
           'persistence', nullif(relpersistence, 'p'),
           'partitioned', CASE relkind WHEN 'p' THEN pg_get_partkeydef(oid) END,
           'bound', pg_get_expr(relpartbound, oid),
           'options', CASE WHEN relkind IN ('v', 'm') THEN nullif(array_to_string(ARRAY(SELECT unnest(reloptions) ORDER BY 1), ', '), '') END,
           'invoker', CASE WHEN relkind = 'v' THEN (SELECT nullif(o.option_value::bool, false)::text
                             FROM pg_options_to_table(reloptions) AS o WHERE o.option_name = 'security_invoker') END,
           'def', CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END)
    FROM rels
   UNION ALL
  SELECT 'column', quote_ident(a.attname), r.name, jsonb_build_object(
           'type', format_type(a.atttypid, a.atttypmod),
           -- Since 18, NOT NULL can be NOT VALID.
           'notnull', CASE WHEN a.attnotnull AND NOT EXISTS (
                         SELECT FROM pg_constraint AS k
                          WHERE k.conrelid = r.oid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated)
                       THEN 'true' END,
           'default', pg_get_expr(d.adbin, d.adrelid),
           'identity', nullif(a.attidentity, ''),
           'generated', nullif(a.attgenerated, ''),
           'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
           'sequence', CASE WHEN EXISTS (
                         SELECT FROM pg_depend AS s JOIN pg_class AS q ON q.oid = s.refobjid AND q.relkind = 'S'
                          WHERE s.classid = 'pg_attrdef'::regclass AND s.objid = d.oid AND s.refclassid = 'pg_class'::regclass)
                       THEN 'true' END)
    FROM rels AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE r.relkind IN ('r', 'p', 'f', 'c')
   UNION ALL
  -- Constraints, including whether their internal triggers fire on both tables. NOT NULL is a column's property.
  SELECT 'constraint', quote_ident(k.conname), coalesce(r.name, k.conrelid::regclass::text), jsonb_build_object(
           'type', k.contype,
           'def', pg_get_constraintdef(k.oid),
           'triggers', (SELECT nullif(string_agg(t.tgenabled::text, '' ORDER BY t.tgenabled), 'OOOO')
                          FROM pg_trigger AS t WHERE t.tgconstraint = k.oid AND k.contype = 'f'),
           'invalid', nullif(NOT k.convalidated, false)::text)
         || CASE WHEN k.contype <> 'f' THEN '{}' ELSE jsonb_build_object(
           'references', coalesce(f.name, k.confrelid::regclass::text),
           'columns', (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY u.i) FROM unnest(k.conkey) WITH ORDINALITY AS u (n, i)
                         JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.n),
           'ref_columns', (SELECT string_agg(quote_ident(a.attname), ',' ORDER BY u.i) FROM unnest(k.confkey) WITH ORDINALITY AS u (n, i)
                         JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.n),
           'set_columns', (SELECT string_agg(quote_ident(a.attname), ',') FROM unnest(k.confdelsetcols) AS u (n)
                         JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.n),
           'on_delete', nullif(k.confdeltype, 'a'),
           'on_update', nullif(k.confupdtype, 'a')) END
    FROM pg_constraint AS k
    LEFT JOIN rels AS r ON r.oid = k.conrelid
    LEFT JOIN rels AS f ON f.oid = k.confrelid
   WHERE k.conrelid <> 0 AND k.contype NOT IN ('n', 't') AND (r.oid IS NOT NULL OR f.oid IS NOT NULL)
   UNION ALL
  -- Unique indexes and indexes with expressions.
  SELECT 'index', quote_ident(x.relname), r.name, jsonb_build_object(
           'def', pg_get_indexdef(i.indexrelid),
           'unique', nullif(i.indisunique OR i.indisexclusion, false)::text,
           'invalid', nullif(NOT (i.indisvalid AND i.indisready AND i.indislive AND i.indimmediate IS DISTINCT FROM
                             coalesce(k.condeferrable, false)), false)::text,
           'constraint', quote_ident(k.conname),
           'columns', (SELECT string_agg(coalesce(quote_ident(a.attname), ''), ',' ORDER BY u.i)
                         FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (n, i)
                         LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.n AND u.n > 0
                        WHERE u.i <= i.indnkeyatts),
           'uuid', CASE WHEN i.indisprimary AND i.indnkeyatts = 1 AND EXISTS (
                         SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.atttypid = 'uuid'::regtype) THEN 'true' END)
    FROM pg_index AS i
    JOIN rels AS r ON r.oid = i.indrelid
    JOIN pg_class AS x ON x.oid = i.indexrelid
    LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
   WHERE i.indisunique OR i.indisexclusion OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
   UNION ALL
  SELECT 'trigger', quote_ident(t.tgname), r.name, jsonb_build_object(
           'def', pg_get_triggerdef(t.oid), 'enabled', nullif(t.tgenabled, 'O'))
    FROM pg_trigger AS t JOIN rels AS r ON r.oid = t.tgrelid
   WHERE NOT t.tgisinternal
   UNION ALL
  SELECT 'rule', quote_ident(w.rulename), r.name, jsonb_build_object(
           'def', pg_get_ruledef(w.oid), 'enabled', nullif(w.ev_enabled, 'O'))
    FROM pg_rewrite AS w JOIN rels AS r ON r.oid = w.ev_class
   WHERE w.rulename <> '_RETURN'
   UNION ALL
  SELECT 'policy', quote_ident(p.polname), r.name, jsonb_build_object(
           'command', p.polcmd,
           'permissive', p.polpermissive::text,
           'roles', (SELECT string_agg(CASE u WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(u)) END, ', '
                               ORDER BY pg_get_userbyid(u) COLLATE "C") FROM unnest(p.polroles) AS u),
           'using', pg_get_expr(p.polqual, p.polrelid),
           -- Without WITH CHECK, USING applies.
           'check', nullif(pg_get_expr(p.polwithcheck, p.polrelid), CASE WHEN NOT p.polpermissive THEN pg_get_expr(p.polqual, p.polrelid) END),
           -- PostgreSQL records no dependencies on its own functions and operators.
           'calls', (SELECT string_agg(o.identity, ', ' ORDER BY o.identity)
                       FROM pg_depend AS d
                      CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) AS o
                      WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                        AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)))
    FROM pg_policy AS p JOIN rels AS r ON r.oid = p.polrelid
   UNION ALL
  SELECT 'child', c.name, p.name, jsonb_build_object('partition', nullif(x.relispartition, false)::text)
    FROM pg_inherits AS i
    JOIN pg_class AS x ON x.oid = i.inhrelid
    JOIN LATERAL (SELECT format('%I.%I', n.nspname, x.relname) AS name FROM pg_namespace AS n WHERE n.oid = x.relnamespace) AS c ON true
    JOIN rels AS p ON p.oid = i.inhparent
   WHERE x.relkind IN ('r', 'p', 'f')
   UNION ALL
  SELECT 'function', p.name, '', jsonb_build_object(
           'owner', pg_get_userbyid(p.proowner),
           'definer', nullif(p.prosecdef, false)::text,
           'leakproof', nullif(p.proleakproof, false)::text,
           'untrusted', nullif(NOT l.lanpltrusted, false)::text,
           'atomic', nullif(p.prosqlbody IS NOT NULL, false)::text,
           'config', array_to_string(p.proconfig, E'\n'),
           'identity', format('%s(%s)', p.qualified, pg_get_function_identity_arguments(p.id)),
           'def', CASE p.prokind WHEN 'a' THEN
                    (SELECT concat_ws(' ', 'aggregate', a.aggtransfn::regproc, a.aggfinalfn::regproc, a.agginitval)
                       FROM pg_aggregate AS a WHERE a.aggfnoid = p.id)
                  ELSE rtrim(pg_get_functiondef(p.id), E'\n') END)
    FROM routines AS p JOIN pg_language AS l ON l.oid = p.prolang
   UNION ALL
  SELECT 'type', t.name, '', jsonb_build_object(
           'owner', pg_get_userbyid(t.typowner),
           'def', CASE t.typtype
                    WHEN 'd' THEN concat_ws(' ', 'domain', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'NOT NULL' END,
                           'DEFAULT ' || t.typdefault,
                           (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname)
                              FROM pg_constraint AS k WHERE k.contypid = t.oid AND k.contype <> 'n'))
                    WHEN 'e' THEN 'enum ' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                                                FROM pg_enum AS e WHERE e.enumtypid = t.oid)
                    WHEN 'r' THEN 'range ' || (SELECT format_type(g.rngsubtype, NULL) FROM pg_range AS g WHERE g.rngtypid = t.oid)
                    ELSE 'base ' || t.typinput::regproc END)
    FROM types AS t
   UNION ALL
  -- Other objects, compared by name only.
  SELECT o.type, o.identity, '', jsonb_build_object('schema', o.schema)
    FROM (
      SELECT 'pg_operator'::regclass AS class, oid, oprnamespace AS space FROM pg_operator
       UNION ALL SELECT 'pg_cast'::regclass, oid, 0 FROM pg_cast
       UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
       UNION ALL SELECT 'pg_conversion'::regclass, oid, connamespace FROM pg_conversion
       UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace FROM pg_opclass
       UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
       UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
       UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace FROM pg_statistic_ext
       UNION ALL SELECT 'pg_language'::regclass, oid, 0 FROM pg_language
       UNION ALL SELECT 'pg_am'::regclass, oid, 0 FROM pg_am
       UNION ALL SELECT 'pg_transform'::regclass, oid, 0 FROM pg_transform
       UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0 FROM pg_foreign_data_wrapper
       UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0 FROM pg_foreign_server
    ) AS x
   CROSS JOIN LATERAL pg_identify_object(x.class, x.oid, 0) AS o
   WHERE x.oid >= 16384
     AND NOT EXISTS (SELECT FROM ext WHERE classid = x.class AND objid = x.oid)
   UNION ALL
  SELECT 'grant', format('%s %s to %s', kind, name, grantee), '',
         jsonb_build_object('kind', kind, 'object', name, 'privileges', privileges, 'grantee', grantee)
    FROM grants
   UNION ALL
  -- Default privileges. Without an entry, PUBLIC may execute new functions.
  SELECT 'default privileges', format('%s%s on %s to %s', d.role, ' in ' || d.space, d.on_what, g.grantee), '',
         jsonb_build_object('role', d.role, 'schema', d.space, 'on', d.on_what, 'grantee', g.grantee,
           'privileges', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type))
    FROM (
      SELECT d.defaclrole AS owner, quote_ident(pg_get_userbyid(d.defaclrole)) AS role, quote_ident(n.nspname) AS space,
             CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                                  ELSE 'SCHEMAS' END AS on_what,
             d.defaclacl AS acl
        FROM pg_default_acl AS d LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
       UNION ALL
      SELECT r.oid, quote_ident(r.rolname), NULL, 'FUNCTIONS', acldefault('f', r.oid)
        FROM pg_roles AS r
       WHERE r.rolname = $1
         AND NOT EXISTS (SELECT FROM pg_default_acl AS d
                          WHERE d.defaclrole = r.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f')
    ) AS d
   CROSS JOIN LATERAL aclexplode(d.acl) AS a
   CROSS JOIN LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee) AS g
   WHERE a.grantee <> d.owner
   GROUP BY d.role, d.space, d.on_what, g.grantee
   UNION ALL
  SELECT 'event trigger', quote_ident(t.evtname), '', jsonb_build_object(
           'event', t.evtevent, 'enabled', t.evtenabled, 'calls', t.evtfoid::regproc::text)
    FROM pg_event_trigger AS t
   WHERE NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_event_trigger'::regclass AND objid = t.oid)
   UNION ALL
  SELECT 'publication', quote_ident(p.pubname), '', jsonb_build_object(
           'tables', CASE WHEN p.puballtables THEN 'ALL'
                     ELSE nullif(concat_ws(', ',
                       (SELECT string_agg('schema ' || quote_ident(n.nspname), ', ' ORDER BY n.nspname) FROM pg_publication_namespace AS x
                          JOIN pg_namespace AS n ON n.oid = x.pnnspid WHERE x.pnpubid = p.oid),
                       (SELECT string_agg(r.name, ', ' ORDER BY r.name) FROM pg_publication_rel AS x
                          JOIN rels AS r ON r.oid = x.prrelid WHERE x.prpubid = p.oid)), '') END)
    FROM pg_publication AS p
   UNION ALL
  SELECT 'subscription', quote_ident(s.subname), '', jsonb_build_object('enabled', s.subenabled::text)
    FROM pg_subscription AS s
   WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   UNION ALL
  SELECT 'extension', quote_ident(e.extname), '', jsonb_build_object('schema', n.nspname,
           'objects', (SELECT count(*)::text FROM pg_depend AS d
                        WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'))
    FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
   WHERE e.extname <> 'plpgsql'
)
SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('kind', kind, 'name', name, 'on', nullif(part_of, ''), 'props', props))
                          ORDER BY kind COLLATE "C", part_of COLLATE "C", name COLLATE "C"), '[]')
  FROM objects
