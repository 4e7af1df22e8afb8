package migrate_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// state lists everything that bootstrap.sql sets.
const state = `
SELECT line FROM (
  SELECT format('role %s %s %s %s %s %s %s %s %s', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
                rolreplication, rolbypassrls, rolconnlimit) FROM pg_roles WHERE rolname LIKE 'konstruct%'
  UNION ALL SELECT format('password %s %s', rolname, rolpassword) FROM pg_authid WHERE rolname LIKE 'konstruct%'
  UNION ALL SELECT format('member %s of %s', member::regrole, roleid::regrole) FROM pg_auth_members
             WHERE roleid::regrole::text LIKE 'konstruct%' OR member::regrole::text LIKE 'konstruct%'
  UNION ALL SELECT format('settings %s %s %s', setdatabase, setrole::regrole, setconfig) FROM pg_db_role_setting
  UNION ALL SELECT format('database %s %s', datdba::regrole, datacl) FROM pg_database WHERE datname = current_database()
  UNION ALL SELECT format('schema %s %s', nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname = 'public'
  UNION ALL SELECT format('function %s %s', oid::regprocedure, proacl) FROM pg_proc WHERE proacl IS NOT NULL
  UNION ALL SELECT format('language %s %s', lanname, lanacl) FROM pg_language WHERE lanacl IS NOT NULL
  UNION ALL SELECT format('default %s %s %s', defaclrole::regrole, defaclobjtype, defaclacl) FROM pg_default_acl
) AS s (line) ORDER BY line`

func as(t *testing.T, base, user, password string) string {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	u.User = url.UserPassword(user, password)
	return u.String()
}

var passwords = migrate.Passwords{Owner: "an owner's password", App: `an app's "password" \ $1`}

//nolint:paralleltest,tparallel // steps on one cluster, in this order
func TestBootstrap(t *testing.T) {
	t.Parallel()
	db := testdb.OwnCluster(t).Empty(t)
	super := open(t, db.SuperURL)

	warnings, err := migrate.Bootstrap(t.Context(), db.SuperURL, passwords)
	require.NoError(t, err)
	require.Empty(t, warnings, "a superuser can revoke everything")
	first := column(t, super, state)

	t.Run("is idempotent", func(t *testing.T) {
		_, err := migrate.Bootstrap(t.Context(), db.SuperURL, passwords)
		require.NoError(t, err)
		require.Equal(t, first, column(t, super, state))
	})

	app := open(t, as(t, db.SuperURL, migrate.AppRole, passwords.App))
	owner := open(t, as(t, db.SuperURL, migrate.OwnerRole, passwords.Owner))

	t.Run("no role logs in with another password", func(t *testing.T) {
		for _, role := range []string{migrate.OwnerRole, migrate.AppRole} {
			_, err := pgx.Connect(t.Context(), as(t, db.SuperURL, role, "another"))
			requireCode(t, err, "28P01")
		}
	})

	for _, sql := range []string{
		"CREATE TEMPORARY TABLE t ()",
		"CREATE TABLE public.t ()",
		"CREATE SCHEMA s",
		"SELECT lo_create(0)",
		"SELECT lo_get(1)",
		"SELECT loread(0, 1)",
		"SELECT pg_advisory_lock(1)",
		"SELECT pg_try_advisory_xact_lock(1)",
		"SELECT pg_cancel_backend(1)",
		"SELECT pg_terminate_backend(1)",
		"DO $$ BEGIN END $$",
		"SET ROLE konstruct_owner",
		"SET ROLE konstruct_resolver",
	} {
		t.Run("the application cannot: "+sql, func(t *testing.T) { denied(t, app, sql) })
	}

	t.Run("the owner role creates objects, runs DO and sets the resolver role", func(t *testing.T) {
		exec(t, owner, `CREATE TABLE public.t ();
			DROP TABLE public.t;
			DO $$ BEGIN END $$;
			SET ROLE konstruct_resolver;
			RESET ROLE`)
		require.False(t, one[bool](t, owner, "SELECT pg_has_role('konstruct_resolver', 'USAGE')"))
	})

	t.Run("new objects of the owner role are not granted to others", func(t *testing.T) {
		exec(t, owner, "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql RETURN 1")
		denied(t, app, "SELECT public.f()")
		exec(t, owner, "DROP FUNCTION public.f()")
	})

	t.Run("role defaults", func(t *testing.T) {
		require.Equal(t, "15s", one[string](t, app, "SHOW statement_timeout"))
		require.Equal(t, "3s", one[string](t, app, "SHOW lock_timeout"))
		require.Equal(t, "30s", one[string](t, app, "SHOW idle_in_transaction_session_timeout"))
		require.Positive(t, one[int](t, super, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'konstruct_app'"))
	})

	t.Run("restores changes", func(t *testing.T) {
		exec(t, super, `ALTER ROLE konstruct_app BYPASSRLS CREATEROLE INHERIT;
			ALTER ROLE konstruct_app SET search_path = 'elsewhere';
			ALTER ROLE konstruct_app SET statement_timeout = 0;
			ALTER ROLE konstruct_app IN DATABASE `+rls.Quote(db.Name)+` SET row_security = off;
			GRANT konstruct_resolver TO konstruct_app;
			GRANT CREATE ON SCHEMA public TO PUBLIC;
			GRANT EXECUTE ON FUNCTION pg_catalog.lo_get(oid) TO PUBLIC;
			GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC;
			ALTER SCHEMA public OWNER TO CURRENT_USER`)
		require.NotEqual(t, first, column(t, super, state))
		_, err := migrate.Bootstrap(t.Context(), db.SuperURL, migrate.Passwords{})
		require.NoError(t, err)
		require.Equal(t, first, column(t, super, state), "including passwords")
	})

	t.Run("keeps an existing connection limit", func(t *testing.T) {
		exec(t, super, "ALTER ROLE konstruct_app CONNECTION LIMIT 7")
		_, err := migrate.Bootstrap(t.Context(), db.SuperURL, migrate.Passwords{})
		require.NoError(t, err)
		require.Equal(t, 7, one[int](t, super, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'konstruct_app'"))
	})
}

// On managed PostgreSQL the administrator has CREATEROLE and CREATEDB but is not a superuser.
func TestBootstrapOnManagedPostgreSQL(t *testing.T) {
	t.Parallel()
	db := testdb.OwnCluster(t).Empty(t)
	super := open(t, db.SuperURL)
	exec(t, super, "CREATE ROLE administrator LOGIN CREATEROLE CREATEDB PASSWORD 'secret'")
	exec(t, super, "ALTER DATABASE "+rls.Quote(db.Name)+" OWNER TO administrator")
	admin := as(t, db.SuperURL, "administrator", "secret")

	for range 2 {
		warnings, err := migrate.Bootstrap(t.Context(), admin, passwords)
		require.NoError(t, err)
		require.Len(t, warnings, 2)
		require.Contains(t, warnings[0], "PUBLIC may still call lo_")
		require.Contains(t, warnings[1], "PUBLIC may still use plpgsql")
	}
	require.False(t, one[bool](t, super, `SELECT EXISTS (SELECT FROM pg_auth_members
		WHERE member = 'administrator'::regrole AND roleid = 'konstruct_owner'::regrole
		  AND coalesce((to_jsonb(pg_auth_members) ->> 'inherit_option')::bool, true))`), "the temporary membership is revoked")

	result, err := migrate.Up(t.Context(), migrate.Options{URL: as(t, db.SuperURL, migrate.OwnerRole, passwords.Owner)})
	require.NoError(t, err, "warnings do not prevent migrations")
	require.Equal(t, sqlFiles(t, migrate.Konstruct().Files), result.Applied)
}

func TestConcurrentBootstrap(t *testing.T) {
	t.Parallel()
	cluster := testdb.OwnCluster(t)
	databases := []*testdb.Database{cluster.Empty(t), cluster.Empty(t), cluster.Empty(t)}

	var wg sync.WaitGroup
	errs := make([]error, 9)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = migrate.Bootstrap(t.Context(), databases[i%len(databases)].SuperURL, passwords)
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	for _, db := range databases {
		open(t, as(t, db.SuperURL, migrate.AppRole, passwords.App))
	}
}

func TestPasswordsAreNotPrinted(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, passwords), "password\"")
		require.NotContains(t, fmt.Sprintf(verb, passwords), "an owner")
	}
	log, logs := newLogger()
	log.Info("bootstrapping", slog.Any("passwords", passwords))
	require.NotContains(t, logs.String(), "an owner")
}

func TestPasswordsMustBePrintableASCII(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"pässword", "tab\t", "\x00"} {
		_, err := migrate.Bootstrap(t.Context(), "postgres://user@127.0.0.1:1/none", migrate.Passwords{Owner: p})
		require.ErrorIs(t, err, migrate.ErrPassword)
		require.NotContains(t, err.Error(), p)
	}
}
