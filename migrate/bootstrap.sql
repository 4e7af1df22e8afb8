-- Konstruct's bootstrap: what has to be true of a database before the first migration, and what only a superuser can
-- make true. Run it once in each database, against that database, as a superuser; run again, it changes nothing:
--
--     psql -X -v ON_ERROR_STOP=1 -d konstruct -f bootstrap.sql
--
-- It makes three roles, hands the database and its schema public to the owner, takes away what PUBLIC is given by
-- default, and sets the application's role defaults. It sets no password: see bootstrap-passwords.sh, or \password.
--
--     konstruct_owner     owns the database and all tables; migrations run as this role
--     konstruct_app       what the servers log in as: owns nothing, is a member of nothing, stands under every policy
--     konstruct_resolver  nobody logs in as it; owns the one function that finds a tenant by its workspace
--
-- Roles belong to the whole cluster, and altering one while somebody else does fails. So each statement that touches
-- a role runs only where something is different from what it should be.
--
-- On managed PostgreSQL the administrator is no superuser, and some of the revokes have no effect there. The last block
-- reads all of them back and warns of what is still open; nothing fails because of it.

BEGIN;

-- A revoke that has no effect would warn in words of its own; the last block says it in ours.
SET LOCAL client_min_messages = error;

-- The roles. A CREATE ROLE that loses a race finds the role made.
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

-- The application leaves a fifth of the server's connections to the owner, the operator and the backup. A limit that
-- somebody has chosen stays.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'konstruct_app' AND rolconnlimit = -1) THEN
    EXECUTE format('ALTER ROLE konstruct_app CONNECTION LIMIT %s',
                   greatest(1, current_setting('max_connections')::int * 4 / 5));
  END IF;
END
$$;

-- The application's role defaults: these three, and no other.
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

-- The application is a member of no role.
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

-- The owner may hand functions over to the resolver, and does not have the resolver's rights otherwise: from 16 on the
-- grant says so, before that the owner's NOINHERIT does.
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

-- Who is no superuser gives away only what it can take back, so it has to be a member of the owner for a moment.
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     AND NOT pg_has_role(current_user, 'konstruct_owner', 'USAGE') THEN
    GRANT konstruct_owner TO CURRENT_USER;
    PERFORM set_config('konstruct.bootstrap_borrowed', 'yes', true);
  END IF;
END
$$;

-- The database, its schema and so all tables belong to the owner: owning the database alone would not let it create
-- anything in public. The schema goes first, while an administrator who is no superuser still owns the database.
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

-- Nobody creates schemas, tables or temporary tables but the owner. (CREATE DATABASE … TEMPLATE copies none of this:
-- run the file in the copy.)
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

-- Functions that reach past rows: large objects have no row-level security, advisory locks have one key space for all
-- tenants, and one role's sessions may signal each other. The owner keeps the locks, which the Atlas CLI takes.
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

-- Code that is made up on the way (DO) is for the owner.
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

-- What the owner and the resolver make later is nobody else's until a migration grants it.
ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner REVOKE USAGE ON TYPES FROM PUBLIC;

DO $$
BEGIN
  IF current_setting('konstruct.bootstrap_borrowed', true) = 'yes' THEN
    REVOKE konstruct_owner FROM CURRENT_USER;
  END IF;
END
$$;

-- Read everything back, and warn of what this server did not let us take away.
SET LOCAL client_min_messages = warning;

DO $$
DECLARE
  still_open text;
BEGIN
  FOR still_open IN
    SELECT format('PUBLIC still holds %s on the database', a.privilege_type)
      FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
     WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type IN ('TEMPORARY', 'CREATE')
    UNION ALL
    SELECT format('PUBLIC still holds %s on schema public', a.privilege_type)
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
