package pgtenant_test

import (
	"context"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var modes = []string{"cache_statement", "cache_describe", "exec"}

// testBundle has a database with two tenants, whose agents are "a1" and "b1", and a driver of konstruct_app.
type testBundle struct {
	*pgtenant.Driver

	client   *ent.Client
	trips    *pgtenant.RoundTrips
	super    *pgx.Conn // bypasses RLS
	url      string
	mode     string // set by eachMode
	a, b     tenancy.ID
	asA, asB context.Context
}

// eachMode runs a test in each query mode, on one connection.
func eachMode(t *testing.T, test func(t *testing.T, h *testBundle)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := setup(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			h.mode = mode
			test(t, h)
		})
	}
}

func setup(t *testing.T, opts ...pgtenant.Option) *testBundle {
	t.Helper()
	db := testdb.New(t)
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = super.Close(context.WithoutCancel(t.Context())) })

	h := &testBundle{super: super, url: db.AppURL, trips: &pgtenant.RoundTrips{}}
	h.use(h.open(t, opts...))
	h.a, h.b = h.tenant(t, "a"), h.tenant(t, "b")
	h.asA, h.asB = as(t, h.a), as(t, h.b)
	return h
}

func (h *testBundle) open(t *testing.T, opts ...pgtenant.Option) *pgtenant.Driver {
	t.Helper()
	drv, err := pgtenant.Open(t.Context(), h.url, append(opts, pgtenant.WithRoundTrips(h.trips))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	return drv
}

func (h *testBundle) use(drv *pgtenant.Driver) {
	h.Driver, h.client = drv, ent.NewClient(ent.Driver(drv))
}

func (h *testBundle) tenant(t *testing.T, name string) tenancy.ID {
	t.Helper()
	row, err := h.client.Tenant.Create().SetName(name).SetSlug(name).Save(t.Context())
	require.NoError(t, err)
	id, err := tenancy.FromUUID(row.ID)
	require.NoError(t, err)
	_, err = h.client.Agent.Create().SetName(name + "1").Save(tenancy.With(t.Context(), id))
	require.NoError(t, err)
	return id
}

// begin opens a transaction that is rolled back after the test.
func (h *testBundle) begin(ctx context.Context, t *testing.T) dialect.Tx {
	t.Helper()
	tx, err := h.Tx(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func (h *testBundle) alter(t *testing.T, change string) {
	t.Helper()
	h.admin(t, "alter database "+rls.Quote(h.super.Config().Database)+" "+change)
}

// admin runs SQL as the superuser.
func (h *testBundle) admin(t *testing.T, query string) {
	t.Helper()
	_, err := h.super.Exec(t.Context(), query)
	require.NoError(t, err)
}

func (h *testBundle) inTx(ctx context.Context, fn func(context.Context, *ent.Tx) error) error {
	return pgtenant.InTx(ctx, h.client.Tx, fn)
}

func as(t *testing.T, id tenancy.ID) context.Context {
	t.Helper()
	return tenancy.With(t.Context(), id)
}

// count runs the query as the superuser, which bypasses RLS.
func (h *testBundle) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, h.super.QueryRow(context.WithoutCancel(t.Context()), query, args...).Scan(&n))
	return n
}

// names reads the visible agents' names by raw SQL, without a mixin.
func (h *testBundle) names(ctx context.Context, t *testing.T) string {
	t.Helper()
	return read[string](ctx, t, h, "select coalesce(string_agg(name, ',' order by name), '') from agents")
}

// healthy requires that the driver returns each tenant its rows.
func (h *testBundle) healthy(t *testing.T) {
	t.Helper()
	require.Equal(t, "a1", h.names(h.asA, t))
	require.Equal(t, "b1", h.names(h.asB, t))
	require.Empty(t, h.names(t.Context(), t))
}

// writeGlobal writes to a table without row-level security.
const writeGlobal = "insert into login_attempts (key, count, window_ends) values ($1, 1, now())"

func (h *testBundle) written(t *testing.T, key string) int {
	t.Helper()
	return h.count(t, "select count(*) from login_attempts where key = $1", key)
}

func unique() string { return uuid.NewString() }

func exec(ctx context.Context, q dialect.ExecQuerier, query string, args ...any) error {
	_, err := pgtenant.Exec(ctx, q, query, args...)
	return err
}

// read returns the first value of a query.
func read[T any](ctx context.Context, t *testing.T, q dialect.ExecQuerier, query string, args ...any) (value T) {
	t.Helper()
	require.NoError(t, pgtenant.QueryRow(ctx, q, query, args...).Scan(&value))
	return value
}

func openRows(ctx context.Context, t *testing.T, q dialect.ExecQuerier, query string, args ...any) *entsql.Rows {
	t.Helper()
	r := &entsql.Rows{}
	require.NoError(t, q.Query(ctx, query, args, r))
	return r
}

func (h *testBundle) pid(t *testing.T) int64 {
	t.Helper()
	return read[int64](t.Context(), t, h, "select pg_backend_pid()")
}
