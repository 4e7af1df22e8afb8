-- Konstruct's bootstrap: the steps before the first migration that need a superuser. Run it once, connected to each
-- database. It is idempotent:
--
--     psql -X -v ON_ERROR_STOP=1 -d konstruct -f bootstrap.sql
--
-- It creates three roles, makes the owner role the owner of the database and schema public, revokes default privileges
-- of PUBLIC, and sets the application role's default settings. For passwords, see bootstrap-passwords.sh or \password.
--
--     konstruct_owner     owns the database and all tables; migrations run as this role
--     konstruct_app       servers log in as this role, which owns nothing, has no memberships and is subject to policies
--     konstruct_resolver  cannot log in; owns the function that finds a tenant by its workspace
--
-- Roles belong to the whole cluster, and concurrent changes of a role fail. So each statement on a role runs only if
-- something differs.
--
-- On managed PostgreSQL the administrator is not a superuser and some revokes have no effect. The last block warns of
-- those, without an error.

BEGIN;

-- Suppress PostgreSQL's warnings of revokes without effect: the last block raises its own.
SET LOCAL client_min_messages = error;

-- The roles. A concurrent run may create them first.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['konstruct_owner', 'konstruct_app', 'konstruct_resolver'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role_name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
      END;
    END IF;
  END LOOP;
END
$$;

-- Their attributes.
DO $$
DECLARE
  attribute record;
BEGIN
  FOR attribute IN
    SELECT r.rolname, a.wanted
      FROM pg_roles AS r
     CROSS JOIN LATERAL (VALUES
             ('NOSUPERUSER', r.rolsuper),
             ('NOBYPASSRLS', r.rolbypassrls),
             ('NOREPLICATION', r.rolreplication),
             ('NOCREATEROLE', r.rolcreaterole),
             ('NOCREATEDB', r.rolcreatedb),
             ('NOINHERIT', r.rolinherit),
             ('LOGIN', NOT r.rolcanlogin AND r.rolname <> 'konstruct_resolver'),
             ('NOLOGIN', r.rolcanlogin AND r.rolname = 'konstruct_resolver')
           ) AS a (wanted, differs)
     WHERE r.rolname IN ('konstruct_owner', 'konstruct_app', 'konstruct_resolver')
       AND a.differs
  LOOP
    EXECUTE format('ALTER ROLE %I %s', attribute.rolname, attribute.wanted);
  END LOOP;
END
$$;

-- Reserve a fifth of the server's connections for migrations, operators and backups. An existing limit is kept.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'konstruct_app' AND rolconnlimit = -1) THEN
    EXECUTE format('ALTER ROLE konstruct_app CONNECTION LIMIT %s',
                   greatest(1, current_setting('max_connections')::int * 4 / 5));
  END IF;
END
$$;

-- The application role's default settings: exactly these three.
DO $$
BEGIN
  IF EXISTS (
    SELECT FROM pg_roles AS r
      JOIN pg_db_role_setting AS s ON s.setrole = r.oid
      JOIN pg_database AS d ON d.oid = s.setdatabase
     WHERE r.rolname = 'konstruct_app' AND d.datname = current_database()
  ) THEN
    EXECUTE format('ALTER ROLE konstruct_app IN DATABASE %I RESET ALL', current_database());
  END IF;

  IF NOT EXISTS (
    SELECT FROM pg_roles AS r
      JOIN pg_db_role_setting AS s ON s.setrole = r.oid AND s.setdatabase = 0
     WHERE r.rolname = 'konstruct_app'
       AND cardinality(s.setconfig) = 3
       AND s.setconfig @> ARRAY['statement_timeout=15s', 'lock_timeout=3s', 'idle_in_transaction_session_timeout=30s']
  ) THEN
    ALTER ROLE konstruct_app RESET ALL;
    ALTER ROLE konstruct_app SET statement_timeout = '15s';
    ALTER ROLE konstruct_app SET lock_timeout = '3s';
    ALTER ROLE konstruct_app SET idle_in_transaction_session_timeout = '30s';
  END IF;
END
$$;

-- The application role has no memberships.
DO $$
DECLARE
  granted name;
BEGIN
  FOR granted IN
    SELECT g.rolname
      FROM pg_auth_members AS m
      JOIN pg_roles AS g ON g.oid = m.roleid
      JOIN pg_roles AS r ON r.oid = m.member
     WHERE r.rolname = 'konstruct_app'
  LOOP
    EXECUTE format('REVOKE %I FROM konstruct_app', granted);
  END LOOP;
END
$$;

-- The owner role can hand functions over to the resolver, but does not inherit its privileges: since 16 by an option of
-- the grant, before by the owner role's NOINHERIT.
DO $$
BEGIN
  IF EXISTS (
    SELECT FROM pg_auth_members AS m
      JOIN pg_roles AS g ON g.oid = m.roleid
      JOIN pg_roles AS r ON r.oid = m.member
     WHERE g.rolname = 'konstruct_resolver' AND r.rolname = 'konstruct_owner'
       AND coalesce((to_jsonb(m) ->> 'set_option')::bool, true)
       AND NOT coalesce((to_jsonb(m) ->> 'inherit_option')::bool, false)
  ) THEN
    RETURN;
  END IF;

  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT konstruct_resolver TO konstruct_owner WITH INHERIT FALSE, SET TRUE';
  ELSE
    GRANT konstruct_resolver TO konstruct_owner;
  END IF;
END
$$;

-- To change owners, a role that is not a superuser must temporarily be a member of the owner role.
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     AND NOT pg_has_role(current_user, 'konstruct_owner', 'USAGE') THEN
    GRANT konstruct_owner TO CURRENT_USER;
    PERFORM set_config('konstruct.bootstrap_borrowed', 'yes', true);
  END IF;
END
$$;

-- The owner role owns the database and the schema: owning the database alone would not allow it to create tables. The
-- schema comes first, while an administrator who is not a superuser still owns the database.
DO $$
BEGIN
  IF (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public') <> 'konstruct_owner' THEN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO konstruct_owner', current_database());
    ALTER SCHEMA public OWNER TO konstruct_owner;
  END IF;
  IF (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()) <> 'konstruct_owner' THEN
    EXECUTE format('ALTER DATABASE %I OWNER TO konstruct_owner', current_database());
  END IF;
END
$$;

-- Only the owner role creates schemas, tables and temporary tables. CREATE DATABASE … TEMPLATE does not copy this: run
-- the file in the copy.
DO $$
BEGIN
  IF EXISTS (
    SELECT FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
     WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type IN ('TEMPORARY', 'CREATE')
  ) THEN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
  END IF;
  IF NOT EXISTS (
    SELECT FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
     WHERE d.datname = current_database() AND a.grantee = 'konstruct_app'::regrole AND a.privilege_type = 'CONNECT'
  ) THEN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO konstruct_app', current_database());
  END IF;

  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA public TO konstruct_app, konstruct_resolver;
END
$$;

-- Functions that bypass row-level security: large objects have none, advisory locks have one key space for all tenants,
-- and sessions of one role can signal each other. The owner role keeps the locks for the Atlas CLI.
DO $$
DECLARE
  f regprocedure;
BEGIN
  FOR f IN
    SELECT p.oid::regprocedure
      FROM pg_proc AS p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND (p.proname ~ '^(lo_|pg_(try_)?advisory_)'
            OR p.proname IN ('loread', 'lowrite', 'pg_cancel_backend', 'pg_terminate_backend'))
       AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    IF f::text ~ 'advisory' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO konstruct_owner', f);
    ELSIF f::text ~ '_backend' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pg_signal_backend', f);
    END IF;
  END LOOP;
END
$$;

-- Only the owner role runs DO.
DO $$
BEGIN
  IF EXISTS (
    SELECT FROM pg_language AS l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) AS a
     WHERE l.lanname = 'plpgsql' AND a.grantee = 0
  ) THEN
    GRANT USAGE ON LANGUAGE plpgsql TO konstruct_owner;
    REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
  END IF;
END
$$;

-- New objects of the owner role are not granted to PUBLIC.
ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner REVOKE USAGE ON TYPES FROM PUBLIC;

DO $$
BEGIN
  IF current_setting('konstruct.bootstrap_borrowed', true) = 'yes' THEN
    REVOKE konstruct_owner FROM CURRENT_USER;
  END IF;
END
$$;

-- Warn of privileges that could not be revoked.
SET LOCAL client_min_messages = warning;

DO $$
DECLARE
  still_open text;
BEGIN
  FOR still_open IN
    SELECT format('PUBLIC still has %s on the database', a.privilege_type)
      FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
     WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type IN ('TEMPORARY', 'CREATE')
    UNION ALL
    SELECT format('PUBLIC still has %s on schema public', a.privilege_type)
      FROM pg_namespace AS n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
     WHERE n.nspname = 'public' AND a.grantee = 0
    UNION ALL
    SELECT format('PUBLIC may still call %s', string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.proname, p.oid))
      FROM pg_proc AS p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND (p.proname ~ '^(lo_|pg_(try_)?advisory_)'
            OR p.proname IN ('loread', 'lowrite', 'pg_cancel_backend', 'pg_terminate_backend'))
       AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
    HAVING count(*) > 0
    UNION ALL
    SELECT 'PUBLIC may still use plpgsql'
      FROM pg_language AS l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) AS a
     WHERE l.lanname = 'plpgsql' AND a.grantee = 0
  LOOP
    RAISE WARNING USING MESSAGE = 'konstruct bootstrap: ' || still_open;
  END LOOP;
END
$$;

COMMIT;
