package attack_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
)

const tenantsTable = "public.tenants"

// stocked is a database with two tenants that have an invoice each.
func stocked(t *testing.T) (*testdb.Database, []string) {
	t.Helper()
	db := testdb.New(t)
	run(t, db.SuperURL, invoices)
	target := target(t, db)
	var values []string
	for _, mark := range []string{"canaryone", "canarytwo"} {
		id, err := target.Tenant(t.Context())
		require.NoError(t, err)
		row, err := target.Entities[2].Create(tenancy.With(t.Context(), id), mark)
		require.NoError(t, err)
		values = append(values, mark, row, id.String())
	}
	return db, values
}

func live(t *testing.T, db *testdb.Database) (*attack.Report, string) {
	t.Helper()
	report, err := attack.Live(t.Context(), db.AppURL, attack.LiveOptions{TenantsTable: tenantsTable})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, report.Text(&b))
	require.NoError(t, report.JSON(&b))
	return report, b.String()
}

func TestLive(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sql   string
		holds bool
	}{
		"all is well":                {"", true},
		"row-level security is off":  {"alter table invoices disable row level security", false},
		"everything passes":          {"drop policy tenant_floor on invoices; create policy careless on invoices using (true)", false},
		"the floor holds":            {"create policy careless on invoices using (true)", true},
		"the unset see everything":   {"drop policy tenant_floor on invoices; create policy careless on invoices using (coalesce(current_setting('app.current_tenant', true), '') = '')", false},
		"the table may be emptied":   {"grant truncate on invoices to konstruct_app", false},
		"the tables have no rows":    {"truncate invoices", false},
		"there is nobody to compare": {"truncate invoices; delete from tenants", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, values := stocked(t)
			if tc.sql != "" {
				run(t, db.SuperURL, tc.sql)
			}
			report, text := live(t, db)
			require.Equal(t, tc.holds, report.Holds, text)
			for _, value := range values {
				require.NotContains(t, text, value, "a value is printed")
			}
		})
	}
}

// Somebody who has a table locked is not kept waiting, and neither is the attack.
func TestLiveWaitsForNobody(t *testing.T) {
	t.Parallel()
	db, _ := stocked(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), "begin; lock table invoices in access exclusive mode")
	require.NoError(t, err)

	before := time.Now()
	_, err = attack.Live(t.Context(), db.AppURL, attack.LiveOptions{TenantsTable: tenantsTable})
	require.ErrorContains(t, err, "55P03")
	require.Less(t, time.Since(before), 10*time.Second)
}

func TestLiveChangesNothing(t *testing.T) {
	t.Parallel()
	db, _ := stocked(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	rows := func() (text string) {
		require.NoError(t, conn.QueryRow(t.Context(), "select string_agg(i::text || i.xmin || i.xmax, ' ' order by id) from invoices i").Scan(&text))
		return text
	}
	before := rows()
	live(t, db)
	require.Equal(t, before, rows(), "not even a lock is left on a row")
}
