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

// folder writes the files and their atlas.sum.
func (f files) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range f {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, migrate.Hash(dir))
	return dir
}

func (f files) chain(t *testing.T) migrate.Chain {
	t.Helper()
	return migrate.Chain{Name: "test", Files: os.DirFS(f.folder(t)), Revisions: "test_revisions"}
}

func (f files) with(more files) files {
	out := make(files)
	for _, part := range []files{f, more} {
		maps.Copy(out, part)
	}
	return out
}

// product returns a copy of the product's folder.
func product(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, migrate.Konstruct().Files))
	return dir
}

func upChains(ctx context.Context, url string, chains ...migrate.Chain) (migrate.Result, error) {
	return migrate.Up(ctx, migrate.Options{URL: url, Chains: chains})
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
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err, sql)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(t, err, sql)
	return v
}

func column(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err, sql)
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
	require.Error(t, err, sql)
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
