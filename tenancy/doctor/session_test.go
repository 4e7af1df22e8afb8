package doctor_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// preset adds a setting to a connection string.
func preset(t testing.TB, dsn, name, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// Settings in the connection string are found. The remedy is another connection string.
func TestConnectionStringPresets(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	require.Empty(t, check(t, db.AppURL, spec()).Findings)

	for name, c := range map[string]struct {
		setting, value string
		want           found
	}{
		"a tenant": {
			"app.current_tenant", "018f0000-0000-7000-8000-000000000001",
			found{"session.tenant", "setting app.current_tenant"},
		},
		"a tenant among the options": {
			"options", "-capp.current_tenant=018f0000-0000-7000-8000-000000000001",
			found{"session.tenant", "setting app.current_tenant"},
		},
		"row_security":               {"row_security", "off", found{"session.preset", "setting row_security"}},
		"a schema before pg_catalog": {"search_path", "public,pg_catalog", found{"session.preset", "setting search_path"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := check(t, preset(t, db.AppURL, c.setting, c.value), spec())
			require.Equal(t, []found{c.want}, findings(report))
			require.NotEmpty(t, report.Findings[0].Remedy)
		})
	}
	t.Run("harmless ones", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, check(t, preset(t, db.AppURL, "search_path", "public"), spec()).Findings)
		require.Empty(t, check(t, preset(t, db.AppURL, "app.current_tenant", ""), spec()).Findings)
	})
}

// Settings left by an earlier user of a pooled connection are not findings and don't change how definitions are
// printed.
func TestSettingsOfAnEarlierUser(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, own+`ALTER TABLE public.tenants ADD CONSTRAINT letters CHECK (name !~ '^\d€$')`)
	spec := spec().With(doctor.Spec{Snapshot: snapshot(t, db)})
	for name, value := range map[string]string{
		"app.current_tenant": "018f0000-0000-7000-8000-000000000001", "row_security": "off", "search_path": "public, pg_catalog",
		"client_encoding": "LATIN1", "standard_conforming_strings": "off", "quote_all_identifiers": "on", "DateStyle": "SQL, DMY",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := pgx.Connect(t.Context(), db.AppURL)
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
			_, err = conn.Exec(t.Context(), "SELECT set_config($1, $2, false)", name, value)
			require.NoError(t, err)
			report, err := doctor.Check(t.Context(), conn, spec)
			require.NoError(t, err)
			require.Empty(t, report.Findings)
			var now string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&now))
			require.Equal(t, value, now, "the setting is unchanged")
		})
	}
}

func TestCheckingRole(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)

	t.Run("another role is a finding", func(t *testing.T) {
		t.Parallel()
		report := check(t, db.OwnerURL, spec())
		require.Equal(t, []found{{"role.unexpected", "role konstruct_owner"}}, findings(report))
		require.Error(t, report.Err())
	})
	t.Run("a superuser is a finding", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []found{{"role.unexpected", "role postgres"}}, findings(check(t, db.SuperURL, spec())))
	})
	t.Run("SET ROLE to the application role is a finding", func(t *testing.T) {
		t.Parallel()
		report := check(t, preset(t, db.SuperURL, "role", "konstruct_app"), spec())
		require.Equal(t, []found{{"role.unexpected", "role konstruct_app, logged in as postgres"}}, findings(report))
	})
	t.Run("except with AskedBy", func(t *testing.T) {
		t.Parallel()
		spec := spec()
		spec.AskedBy = "konstruct_owner"
		require.Empty(t, check(t, preset(t, db.OwnerURL, "row_security", "off"), spec).Findings,
			"its session is not checked")
		require.Equal(t, []found{{"role.unexpected", "role postgres"}}, findings(check(t, db.SuperURL, spec)))
	})
	t.Run("a missing role", func(t *testing.T) {
		t.Parallel()
		spec := spec()
		spec.AppRole = "missing"
		require.Contains(t, findings(check(t, db.SuperURL, spec)), found{"role.unexpected", "role missing: does not exist"})
	})
}
