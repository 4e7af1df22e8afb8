package isolation_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/isolation"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const root = "../.."

func TestMain(m *testing.M) { testdb.Main(m) }

func newDB(t *testing.T) isolation.DB {
	t.Helper()
	db := testdb.New(t)
	require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
	return isolation.DB{AppURL: db.AppURL, SuperURL: db.SuperURL}
}

// given returns the database that the environment names, if any.
func given() (isolation.DB, bool) {
	app := os.Getenv("KONSTRUCT_ATTACK_APP_URL")
	return isolation.DB{
		AppURL: app, SuperURL: os.Getenv("KONSTRUCT_ATTACK_SUPER_URL"), DriverURL: os.Getenv("KONSTRUCT_ATTACK_DRIVER_URL"),
	}, app != ""
}

// commit returns the version of the tested code, which a test's build does not record.
func commit(t *testing.T) string {
	t.Helper()
	head, err := exec.CommandContext(t.Context(), "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "" // not a checkout
	}
	changes, err := exec.CommandContext(t.Context(), "git", "status", "--porcelain", "--untracked-files=no").Output()
	require.NoError(t, err)
	commit := strings.TrimSpace(string(head))
	if len(changes) > 0 {
		commit += " with uncommitted changes"
	}
	return commit
}

// TestIsolation attacks every tenant-scoped table and writes isolation-report.md.
func TestIsolation(t *testing.T) {
	t.Parallel()
	db, ok := given()
	if !ok {
		db = newDB(t)
	}
	db.Commit = commit(t)
	report := isolation.Run(t, db)
	require.NoError(t, report.Text(os.Stdout))
	write(t, "isolation-report.md", report.Markdown)
	write(t, "isolation-report.json", report.JSON)
	require.True(t, report.Holds, report.Verdict)
}

func write(t *testing.T, name string, content func(io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, content(&b))
	require.NoError(t, os.WriteFile(filepath.Join(root, name), b.Bytes(), 0o600))
}

func TestIsolationInEveryQueryMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			db := newDB(t)
			db.Options = []pgtenant.Option{pgtenant.WithQueryMode(mode)}
			report := isolation.Run(t, db)
			require.True(t, report.Holds, report.Verdict)
		})
	}
}
