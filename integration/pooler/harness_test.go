//go:build pooler

package pooler_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	// poolSize is the number of server connections.
	poolSize = 2
	// clients is the maximum number of a driver's connections to the pooler.
	clients = 24
)

// modes are the query modes that are safe behind a pooler.
var modes = []string{"cache_describe", "exec"}

func TestMain(m *testing.M) { testdb.Main(m) }

// testBundle is a database behind a pooler, with two tenants, a with an agent "a1" and b with "b1".
type testBundle struct {
	*pgtenant.Driver

	client  *ent.Client
	bouncer *bouncer
	super   *pgx.Conn // not through the pooler
	a, b    tenancy.ID
}

func setup(t *testing.T, mode string, poolSize int) *testBundle {
	t.Helper()
	db := testdb.New(t)
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = super.Close(context.WithoutCancel(t.Context())) })
	b := &testBundle{super: super, bouncer: newBouncer(t, db, poolSize)}
	b.Driver = b.bouncer.open(t, mode)
	b.client = ent.NewClient(ent.Driver(b.Driver))
	b.a, b.b = b.tenant(t, "a"), b.tenant(t, "b")
	return b
}

// eachMode runs test in every query mode.
func eachMode(t *testing.T, test func(t *testing.T, mode string)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			test(t, mode)
		})
	}
}

func eachBundle(t *testing.T, poolSize int, test func(t *testing.T, b *testBundle)) {
	t.Helper()
	eachMode(t, func(t *testing.T, mode string) {
		t.Helper()
		test(t, setup(t, mode, poolSize))
	})
}

func (b *bouncer) open(t *testing.T, mode string) *pgtenant.Driver {
	t.Helper()
	drv, err := pgtenant.Open(t.Context(), b.url,
		pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(clients), pgtenant.WithAcquireTimeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, drv.Close()) })
	return drv
}

// tenant is created by the superuser, so that it depends on no query mode.
func (b *testBundle) tenant(t *testing.T, name string) tenancy.ID {
	t.Helper()
	var text string
	require.NoError(t, b.super.QueryRow(t.Context(), `WITH tenant AS (
			INSERT INTO tenants (id, name, slug) VALUES (gen_random_uuid(), $1::text, $1::text) RETURNING id)
		INSERT INTO agents (id, tenant_id, name) SELECT gen_random_uuid(), id, $1::text || '1' FROM tenant RETURNING tenant_id::text`, name).Scan(&text))
	id, err := tenancy.Parse(text)
	require.NoError(t, err)
	return id
}

func as(t *testing.T, id tenancy.ID) context.Context {
	t.Helper()
	return tenancy.With(t.Context(), id)
}

func (b *testBundle) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, b.super.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

// insertFor creates an agent of the tenant. Raw SQL bypasses the mixin.
func (b *testBundle) insertFor(ctx context.Context, id tenancy.ID) error {
	const insert = "insert into agents (id, tenant_id, name) values (gen_random_uuid(), $1, 'x')"
	_, err := pgtenant.Exec(ctx, b, insert, id.String())
	return err
}

func (b *testBundle) setRole(ctx context.Context, role string) error {
	return pgtenant.InTx(ctx, b.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		return tx.Agent.Update().SetRole(role).Exec(ctx)
	})
}

const readNames = "select coalesce(string_agg(name, ',' order by name), '') from agents"

// names returns the agents that RLS shows to ctx.
func (b *testBundle) names(ctx context.Context, t *testing.T) (names string) {
	t.Helper()
	require.NoError(t, pgtenant.QueryRow(ctx, b, readNames).Scan(&names))
	return names
}

// requireIsolation checks what each tenant, and no tenant, sees on every connection.
func (b *testBundle) requireIsolation(t *testing.T) {
	t.Helper()
	for range 2 * poolSize {
		require.Equal(t, "a1", b.names(as(t, b.a), t))
		require.Equal(t, "b1", b.names(as(t, b.b), t))
		require.Empty(t, b.names(t.Context(), t))
	}
}
