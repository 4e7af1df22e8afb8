//go:build pooler

package pooler_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// What one client sets for its session, another client has. With a driver that did so, the tests of this package would
// be red; and ours sends its own setting with every statement, so that it does not even notice.
func TestASessionSettingReachesOtherClients(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, 1)
			one, other := h.connect(t), h.connect(t)

			require.Empty(t, plainNames(t, other), "before")
			_, err := one.Exec(t.Context(), "select set_config('app.current_tenant', $1, false)", h.a.String())
			require.NoError(t, err)
			require.Equal(t, "a1", plainNames(t, other), "another client, who has set nothing, sees a's rows: it leaks")

			require.Equal(t, "b1", h.names(as(t, h.b), t), "through the driver, b sees b's on the same connection")
			require.Empty(t, h.names(t.Context(), t), "and nobody sees nothing")
			_, err = pgtenant.Exec(t.Context(), h, "insert into agents (id, tenant_id, name) values (gen_random_uuid(), $1, 'x')", h.a.String())
			require.ErrorIs(t, err, tenancy.ErrNoTenant)
			require.Equal(t, "a1", plainNames(t, other), "the poison was there all the time")
		})
	}
}

// connect is a client of the pooler without any driver of ours.
func (h *house) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(h.bouncer.url)
	require.NoError(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func plainNames(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var names string
	require.NoError(t, conn.QueryRow(t.Context(), readNames).Scan(&names))
	return names
}

// SQLSTATE codes of a statement that is not prepared on the connection, or is by somebody else (appendix A).
var codesOfPreparing = []string{"26000", "42P05"}

// The mode for direct connections prepares statements, which this PgBouncer does not carry from client to client. That
// fails, with PostgreSQL's own words; it never answers with another tenant's rows.
func TestPreparedStatementsFailLoudly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "cache_statement", poolSize)
	var refused, served atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			id, want := h.a, "a1"
			if i%2 == 1 {
				id, want = h.b, "b1"
			}
			for range 20 {
				var names string
				var db *pgconn.PgError
				err := pgtenant.QueryRow(as(t, id), h, readNames, nil, &names)
				switch {
				case err == nil && names == want:
					served.Add(1)
				case errors.As(err, &db) && slices.Contains(codesOfPreparing, db.Code):
					refused.Add(1)
				default:
					t.Errorf("neither the tenant's rows nor the error of preparing: %q, %v", names, err)
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d refused, %d served", refused.Load(), served.Load())
	require.Positive(t, refused.Load(), "a pooler that carries prepared statements is not what this test is about")
}
