package migrate_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// files are the files of a folder of migrations, by name.
type files map[string]string

// write writes the files to a folder, without updating atlas.sum.
func (f files) write(t *testing.T, dir string) {
	t.Helper()
	for name, text := range f {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// folder writes the files and their atlas.sum.
func (f files) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	f.write(t, dir)
	require.NoError(t, migrate.Hash(dir))
	return dir
}

func (f files) chain(t *testing.T) migrate.Chain {
	t.Helper()
	return testChain(f.folder(t))
}

func testChain(dir string) migrate.Chain {
	return migrate.Chain{Name: "test", Files: os.DirFS(dir), Revisions: "test_revisions"}
}

func (f files) with(more files) files {
	out := maps.Clone(f)
	maps.Copy(out, more)
	return out
}

// product returns a copy of the product's folder with more files, and its chain.
func product(t *testing.T, more files) (dir string, chain migrate.Chain) {
	t.Helper()
	dir, chain = t.TempDir(), migrate.Konstruct()
	require.NoError(t, os.CopyFS(dir, chain.Files))
	more.write(t, dir)
	require.NoError(t, migrate.Hash(dir))
	chain.Files = os.DirFS(dir)
	return dir, chain
}

// testBundle is a database with a connection of each role.
type testBundle struct {
	*testdb.Database

	super, owner, app *pgx.Conn
}

// setup connects to a database of testdb.New, testdb.Empty or bootstrapped.
func setup(t *testing.T, database func(testing.TB) *testdb.Database) *testBundle {
	t.Helper()
	db := database(t)
	return &testBundle{db, open(t, db.SuperURL), open(t, db.OwnerURL), open(t, db.AppURL)}
}

// bootstrapped returns a bootstrapped database without migrations.
func bootstrapped(tb testing.TB) *testdb.Database {
	tb.Helper()
	db := testdb.Empty(tb)
	_, err := migrate.Bootstrap(tb.Context(), db.SuperURL, migrate.Passwords{})
	require.NoError(tb, err)
	return db
}

func upAs(t *testing.T, url string, chains ...migrate.Chain) (migrate.Result, error) {
	t.Helper()
	return migrate.Up(t.Context(), migrate.Options{URL: url, Chains: chains})
}

// up migrates as the owner role.
func (b *testBundle) up(t *testing.T, chains ...migrate.Chain) (migrate.Result, error) {
	t.Helper()
	return upAs(t, b.OwnerURL, chains...)
}

// mustUp migrates as the owner role and returns the applied files.
func (b *testBundle) mustUp(t *testing.T, chains ...migrate.Chain) []string {
	t.Helper()
	result, err := b.up(t, chains...)
	require.NoError(t, err)
	return result.Applied
}

// diagnose returns the doctor's findings.
func (b *testBundle) diagnose(t *testing.T, spec doctor.Spec) []string {
	t.Helper()
	report, err := doctor.Check(t.Context(), b.app, spec)
	require.NoError(t, err)
	out := []string{}
	for _, f := range report.Findings {
		out = append(out, f.Code+" "+f.Object)
	}
	return out
}

// twoTenants inserts two tenants, each with an agent and a channel connection.
func (b *testBundle) twoTenants(t *testing.T) (first, second uuid.UUID) {
	t.Helper()
	first, second = uuid.New(), uuid.New()
	for name, id := range map[string]uuid.UUID{"a": first, "b": second} {
		exec(t, b.super, "INSERT INTO tenants (id, name, slug) VALUES ($1, $2, $2)", id, name)
		exec(t, b.super, "INSERT INTO agents (id, tenant_id, name) VALUES ($1, $2, $3)", uuid.New(), id, "agent of "+name)
		exec(t, b.super, `INSERT INTO channel_connections (id, tenant_id, channel_type, workspace_id)
			VALUES ($1, $2, 'slack', $3)`, uuid.New(), id, "T"+name)
	}
	return first, second
}

// enter sets the tenant of the application's session.
func (b *testBundle) enter(t *testing.T, tenant string) {
	t.Helper()
	exec(t, b.app, "SELECT set_config('app.current_tenant', $1, false)", tenant)
}

func open(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

func one[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	rows, _ := conn.Query(t.Context(), sql, args...)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(t, err, sql)
	return v
}

func column(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, _ := conn.Query(t.Context(), sql, args...)
	v, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err, sql)
	return v
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr)
	require.Equal(t, code, pgErr.Code, pgErr.Message)
}

// denied requires that the role may not run a statement.
func denied(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	requireCode(t, err, "42501")
}

func examine(spec doctor.Spec) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		report, err := doctor.Check(ctx, conn, spec)
		return errors.Join(err, report.Err())
	}
}

// requireGolden compares with testdata/name, which UPDATE_GOLDEN=1 writes.
func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func sqlFiles(t *testing.T, files fs.FS) []string {
	t.Helper()
	names, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	return names
}

// logs is a concurrent log buffer.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *logs) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *logs) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func (h *logs) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(h.String(), text) }, time.Minute, 5*time.Millisecond, text)
}

func newLogger() (*slog.Logger, *logs) {
	h := &logs{}
	return slog.New(slog.NewTextHandler(h, nil)), h
}
