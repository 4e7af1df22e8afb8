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

// found is a finding without its words.
type found struct{ code, object string }

// check asks as whom url logs in.
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

// serious are the findings that are more than information.
func serious(r doctor.Report) []found {
	out := []found{}
	for _, f := range r.Findings {
		if f.Level != doctor.LevelInfo {
			out = append(out, found{f.Code, f.Object})
		}
	}
	return out
}

// snapshot is of the database as it is now.
func snapshot(t testing.TB, db *testdb.Database) doctor.Snapshot {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.AppURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	s, err := doctor.Take(t.Context(), conn, spec(), "atlas_schema_revisions")
	require.NoError(t, err)
	return s
}

// run sends a script of several statements.
func run(t testing.TB, url, script string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = conn.PgConn().Exec(t.Context(), script).ReadAll()
	require.NoError(t, err, script)
}

// fault is one thing that can be wrong with a database, and what the doctor has to say of it: this and no more.
type fault struct {
	code, object string
	// given is SQL for what the migrations make besides: it is part of the snapshot.
	given string
	// plant is SQL for a superuser. {db} is the database's name, here and in object.
	plant string
	// spec changes the spec that the database is compared with.
	spec func(*doctor.Spec)
	// implied are what else the fault is, where it can't be one thing only.
	implied []found
}

// proves plants the fault in a clean database, and shows that it is found, that the printed remedy mends it, and that
// the same database is clean before and after.
func (f fault) proves(t *testing.T, db *testdb.Database) {
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
