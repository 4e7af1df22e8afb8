package doctor_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// testBundle is a migrated database and the spec that it is checked with.
type testBundle struct {
	*testdb.Database

	spec doctor.Spec
}

func setup(t testing.TB) *testBundle {
	t.Helper()
	return &testBundle{testdb.New(t), migrate.Spec()}
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
	return conn
}

func check(t testing.TB, url string, spec doctor.Spec) doctor.Report {
	t.Helper()
	report, err := doctor.Check(t.Context(), connect(t, url), spec)
	require.NoError(t, err)
	return report
}

// check checks the database as the application.
func (b *testBundle) check(t testing.TB) doctor.Report {
	t.Helper()
	return check(t, b.AppURL, b.spec)
}

var include = regexp.MustCompile(`(?m)^\\i .*`)

// run runs SQL as a superuser, with \i for files of testdata.
func (b *testBundle) run(t testing.TB, script string) {
	t.Helper()
	script = include.ReplaceAllStringFunc(script, func(line string) string { return read(t, line[len(`\i `):]) })
	_, err := connect(t, b.SuperURL).PgConn().Exec(t.Context(), script).ReadAll()
	require.NoError(t, err, script)
}

// accept makes the database's objects those of the spec's snapshot.
func (b *testBundle) accept(t testing.TB) {
	t.Helper()
	snapshot, err := doctor.Take(t.Context(), connect(t, b.AppURL), b.spec, "atlas_schema_revisions")
	require.NoError(t, err)
	b.spec = b.spec.With(doctor.Spec{Snapshot: snapshot})
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	return string(text)
}

// findings returns code and object of each finding.
func findings(r doctor.Report, ignored ...doctor.Level) []string {
	out := []string{}
	for _, f := range r.Findings {
		if !slices.Contains(ignored, f.Level) {
			out = append(out, f.Code+" "+f.Object)
		}
	}
	return out
}

func serious(r doctor.Report) []string { return findings(r, doctor.LevelInfo) }
