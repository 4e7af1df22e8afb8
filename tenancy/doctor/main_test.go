package doctor_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func TestMain(m *testing.M) { testdb.Main(m) }

type found struct{ code, object string }

func check(t testing.TB, url string, spec doctor.Spec) doctor.Report {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	report, err := doctor.Check(t.Context(), conn, spec)
	require.NoError(t, err)
	return report
}

func findings(r doctor.Report) []found {
	out := []found{}
	for _, f := range r.Findings {
		out = append(out, found{f.Code, f.Object})
	}
	return out
}

func serious(r doctor.Report) []found {
	out := []found{}
	for _, f := range r.Findings {
		if f.Level != doctor.LevelInfo {
			out = append(out, found{f.Code, f.Object})
		}
	}
	return out
}

func snapshot(t testing.TB, db *testdb.Database) doctor.Snapshot {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.AppURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	s, err := doctor.Take(t.Context(), conn, spec(), "atlas_schema_revisions")
	require.NoError(t, err)
	return s
}

func run(t testing.TB, url, script string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = conn.PgConn().Exec(t.Context(), script).ReadAll()
	require.NoError(t, err, script)
}

// fault is a planted fault and the only finding that the doctor must report.
type fault struct {
	code, object string
	// given is SQL that runs before the snapshot is taken.
	given string
	// plant is a superuser's SQL. {db} is the database's name, also in object.
	plant string
	// spec changes the spec.
	spec func(*doctor.Spec)
	// implied are findings that the fault can't be planted without.
	implied []found
}

// verify requires a clean database, plants the fault, requires its finding, applies the printed remedy, and requires a
// clean database again.
func (f fault) verify(t *testing.T, db *testdb.Database) {
	t.Helper()
	spec := migrate.Spec()
	if f.spec != nil {
		f.spec(&spec)
	}
	if f.given != "" {
		run(t, db.SuperURL, f.given)
		spec.Snapshot = snapshot(t, db)
	}
	require.Empty(t, serious(check(t, db.AppURL, spec)), "clean before")

	run(t, db.SuperURL, strings.ReplaceAll(f.plant, "{db}", db.Name))
	report := check(t, db.AppURL, spec)
	require.ElementsMatch(t, append([]found{{f.code, strings.ReplaceAll(f.object, "{db}", db.Name)}}, f.implied...), serious(report))

	for _, finding := range report.Findings {
		run(t, db.SuperURL, finding.Remedy)
	}
	after := check(t, db.AppURL, spec)
	require.Empty(t, serious(after), "clean after %s", report.Findings[0].Remedy)
}
