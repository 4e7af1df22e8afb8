package doctor_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

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
	b := setup(t)
	const tenant, none = "018f0000-0000-7000-8000-000000000001", ""
	for _, c := range [][3]string{
		{"app.current_tenant", tenant, "session.tenant setting app.current_tenant"},
		{"options", "-capp.current_tenant=" + tenant, "session.tenant setting app.current_tenant"},
		{"row_security", "off", "session.preset setting row_security"},
		{"search_path", "public,pg_catalog", "session.preset setting search_path"},
		{"search_path", "public", none},
		{"app.current_tenant", "", none},
	} {
		t.Run(c[0]+"="+c[1], func(t *testing.T) {
			t.Parallel()
			report := check(t, preset(t, b.AppURL, c[0], c[1]), b.spec)
			if c[2] == none {
				require.Empty(t, report.Findings)
				return
			}
			require.Equal(t, []string{c[2]}, findings(report))
			require.NotEmpty(t, report.Findings[0].Remedy)
		})
	}
}

// Settings left by an earlier user of a pooled connection are not findings and don't change how definitions are
// printed.
func TestSettingsOfAnEarlierUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, own+`ALTER TABLE public.tenants ADD CONSTRAINT letters CHECK (name !~ '^\d€$')`)
	b.accept(t)
	for name, value := range map[string]string{
		"app.current_tenant": "018f0000-0000-7000-8000-000000000001", "row_security": "off", "search_path": "public, pg_catalog",
		"client_encoding": "LATIN1", "standard_conforming_strings": "off", "quote_all_identifiers": "on", "DateStyle": "SQL, DMY",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, b.AppURL)
			_, err := conn.Exec(t.Context(), "SELECT set_config($1, $2, false)", name, value)
			require.NoError(t, err)
			report, err := doctor.Check(t.Context(), conn, b.spec)
			require.NoError(t, err)
			require.Empty(t, report.Findings)
			var now string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&now))
			require.Equal(t, value, now, "the setting is unchanged")
		})
	}
}

// Only the application's role may check, without SET ROLE, or the role of AskedBy, whose session is not checked.
func TestCheckingRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asked, missing := b.spec, b.spec
	asked.AskedBy, missing.AppRole = "konstruct_owner", "missing"
	require.Empty(t, check(t, preset(t, b.OwnerURL, "row_security", "off"), asked).Findings)
	require.Contains(t, findings(check(t, b.SuperURL, missing)), "role.unexpected role missing: does not exist")
	for _, c := range []struct {
		url  string
		spec doctor.Spec
		want string
	}{
		{b.OwnerURL, b.spec, "role konstruct_owner"},
		{b.SuperURL, b.spec, "role postgres"},
		{preset(t, b.SuperURL, "role", "konstruct_app"), b.spec, "role konstruct_app, logged in as postgres"},
		{b.SuperURL, asked, "role postgres"},
	} {
		report := check(t, c.url, c.spec)
		require.Equal(t, []string{"role.unexpected " + c.want}, findings(report))
		require.Error(t, report.Err())
	}
}
