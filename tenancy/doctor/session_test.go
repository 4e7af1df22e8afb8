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

// preset is a connection string that presets a setting, as a careless or hostile one would.
func preset(t testing.TB, dsn, name, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// The application's connections are as its connection string makes them; the remedy is another string.
func TestPresetsOfTheConnectionString(t *testing.T) {
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
		"row_security":            {"row_security", "off", found{"session.preset", "setting row_security"}},
		"a schema before the own": {"search_path", "public,pg_catalog", found{"session.preset", "setting search_path"}},
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

// The check is about what connections begin with. What a statement has left on a pooled connection neither is a finding nor
// changes how PostgreSQL prints definitions.
func TestLeftoversOfAnEarlierUser(t *testing.T) {
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
			require.Equal(t, value, now, "it is left as it was")
		})
	}
}

func TestWhoAsks(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)

	t.Run("another role than the application's is a finding", func(t *testing.T) {
		t.Parallel()
		report := check(t, db.OwnerURL, spec())
		require.Equal(t, []found{{"role.unexpected", "role konstruct_owner"}}, findings(report))
		require.Error(t, report.Err())
	})
	t.Run("as is the superuser", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []found{{"role.unexpected", "role postgres"}}, findings(check(t, db.SuperURL, spec())))
	})
	t.Run("as is the application's role put on by another", func(t *testing.T) {
		t.Parallel()
		report := check(t, preset(t, db.SuperURL, "role", "konstruct_app"), spec())
		require.Equal(t, []found{{"role.unexpected", "role konstruct_app, logged in as postgres"}}, findings(report))
	})
	t.Run("unless it is said who asks", func(t *testing.T) {
		t.Parallel()
		spec := spec()
		spec.AskedBy = "konstruct_owner"
		require.Empty(t, check(t, preset(t, db.OwnerURL, "row_security", "off"), spec).Findings,
			"and its session is not the application's")
		require.Equal(t, []found{{"role.unexpected", "role postgres"}}, findings(check(t, db.SuperURL, spec)))
	})
	t.Run("a role that is not there", func(t *testing.T) {
		t.Parallel()
		spec := spec()
		spec.AppRole = "nobody"
		require.Contains(t, findings(check(t, db.SuperURL, spec)), found{"role.unexpected", "role nobody: does not exist"})
	})
}
