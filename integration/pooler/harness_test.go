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
	// poolSize is how many connections of the server's serve the clients of a test.
	poolSize = 2
	// clients is how many connections a driver may have to the pooler.
	clients = 24
)

// modes are the query modes that hold behind a pooler.
var modes = []string{"cache_describe", "exec"}

func TestMain(m *testing.M) { testdb.Main(m) }

// house is a database with two tenants, a's agent "a1" and b's agent "b1", behind a pooler.
type house struct {
	*pgtenant.Driver

	client  *ent.Client
	bouncer *bouncer
	super   *pgx.Conn // directly, past the pooler and every policy
	a, b    tenancy.ID
}

func newHouse(t *testing.T, mode string, poolSize int) *house {
	t.Helper()
	db := testdb.New(t)
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = super.Close(context.WithoutCancel(t.Context())) })
	h := &house{super: super, bouncer: newBouncer(t, db, poolSize)}
	h.Driver = h.open(t, mode)
	h.client = ent.NewClient(ent.Driver(h.Driver))
	h.a, h.b = h.tenant(t, "a"), h.tenant(t, "b")
	return h
}

func (h *house) open(t *testing.T, mode string) *pgtenant.Driver {
	t.Helper()
	drv, err := pgtenant.Open(t.Context(), h.bouncer.url,
		pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(clients), pgtenant.WithAcquireTimeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, drv.Close()) })
	return drv
}

// tenant is made by the superuser, so that it takes no query mode for a test to begin.
func (h *house) tenant(t *testing.T, name string) tenancy.ID {
	t.Helper()
	var text string
	require.NoError(t, h.super.QueryRow(t.Context(), `WITH made AS (
			INSERT INTO tenants (id, name, slug) VALUES (gen_random_uuid(), $1::text, $1::text) RETURNING id)
		INSERT INTO agents (id, tenant_id, name) SELECT gen_random_uuid(), id, $1::text || '1' FROM made RETURNING tenant_id::text`, name).Scan(&text))
	id, err := tenancy.Parse(text)
	require.NoError(t, err)
	return id
}

func as(t *testing.T, id tenancy.ID) context.Context {
	t.Helper()
	return tenancy.With(t.Context(), id)
}

// count asks the superuser.
func (h *house) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, h.super.QueryRow(context.WithoutCancel(t.Context()), query, args...).Scan(&n))
	return n
}

const readNames = "select coalesce(string_agg(name, ',' order by name), '') from agents"

// names reads the names of the agents that ctx may see, by raw SQL: no mixin stands before PostgreSQL here.
func (h *house) names(ctx context.Context, t *testing.T) string {
	t.Helper()
	var names string
	require.NoError(t, pgtenant.QueryRow(ctx, h, readNames).Scan(&names))
	return names
}

// healthy proves that each tenant is served its own, and nobody nothing, on whichever connection comes.
func (h *house) healthy(t *testing.T) {
	t.Helper()
	for range 2 * poolSize {
		require.Equal(t, "a1", h.names(as(t, h.a), t))
		require.Equal(t, "b1", h.names(as(t, h.b), t))
		require.Empty(t, h.names(t.Context(), t))
	}
}
