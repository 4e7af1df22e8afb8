//go:build pooler

package pooler_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/load"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// writeGlobal writes to a table without row-level security, in which whatever is written outside of a transaction stays.
const writeGlobal = "insert into login_attempts (key, count, window_ends) values ($1, 1, now())"

// Many clients of two tenants take turns on two connections, and none sees the other's.
func TestTenantsAlternate(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, poolSize)
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() {
					id, want := h.a, "a1"
					if i%2 == 1 {
						id, want = h.b, "b1"
					}
					for range 20 {
						var names string
						if err := pgtenant.QueryRow(as(t, id), h, readNames).Scan(&names); err != nil || names != want {
							t.Errorf("%q instead of %q: %v", names, want, err)
							return
						}
					}
				})
			}
			wg.Wait()
			require.Greater(t, int(h.Pool().Stat().TotalConns()), poolSize, "more clients than connections")
			used := h.count(t, "select count(*) from pg_stat_activity where datname = current_database() and usename = 'konstruct_app'")
			require.Positive(t, used)
			require.LessOrEqual(t, used, poolSize, "the connections were shared")
			h.healthy(t)
		})
	}
}

func TestWithoutATenant(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, poolSize)
			require.Empty(t, h.names(t.Context(), t))
			_, err := pgtenant.Exec(t.Context(), h, "insert into agents (id, tenant_id, name) values (gen_random_uuid(), $1, 'x')", h.a.String())
			require.ErrorIs(t, err, tenancy.ErrNoTenant)
			requireCode(t, "42501", err)
			_, err = h.client.Agent.Query().All(t.Context())
			require.ErrorIs(t, err, tenancy.ErrNoTenant)
			h.healthy(t)
		})
	}
}

func TestAnotherTenant(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, poolSize)
			_, err := pgtenant.Exec(as(t, h.a), h, "insert into agents (id, tenant_id, name) values (gen_random_uuid(), $1, 'x')", h.b.String())
			requireCode(t, "42501", err)
			_, err = pgtenant.Exec(as(t, h.a), h, "update agents set tenant_id = $1", h.b.String())
			requireCode(t, "42501", err)
			n, err := pgtenant.Exec(as(t, h.a), h, "delete from agents where tenant_id = $1", h.b.String())
			require.NoError(t, err)
			require.Zero(t, n)
			n, err = pgtenant.Exec(as(t, h.a), h, "update agents set role = 'own'")
			require.NoError(t, err)
			require.EqualValues(t, 1, n, "one's own can be written")
			h.healthy(t)
		})
	}
}

// A transaction keeps its connection of the server's until its end, while others come and go on the other one.
func TestTransactions(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, poolSize)
			boom := errors.New("boom")
			work := func(end func() error) error {
				return pgtenant.InTx(as(t, h.a), h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
					require.NoError(t, tx.Agent.Create().SetName("mine").Exec(ctx))
					require.Equal(t, "b1", h.names(as(t, h.b), t), "another tenant, meanwhile")
					require.Equal(t, 2, tx.Agent.Query().CountX(ctx))
					return end()
				})
			}
			require.ErrorIs(t, work(func() error { return boom }), boom)
			require.PanicsWithValue(t, "boom", func() { _ = work(func() error { panic("boom") }) })
			h.healthy(t)
			require.NoError(t, work(func() error { return nil }))
			require.Equal(t, "a1,mine", h.names(as(t, h.a), t))
			require.Equal(t, "b1", h.names(as(t, h.b), t))
		})
	}
}

// If the batch that opens a transaction fails, nothing may follow it: behind a pooler it would be committed on
// whichever connection comes.
func TestFirstStatementFails(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, poolSize)
			for name, fail := range map[string]func(ctx context.Context, tx dialect.Tx) error{
				"by parse": func(ctx context.Context, tx dialect.Tx) error { return tx.Exec(ctx, "selec 1", []any{}, nil) },
				"in the server": func(ctx context.Context, tx dialect.Tx) error {
					return tx.Exec(ctx, "select 1 / (select 0)", []any{}, nil)
				},
				"by encoding": func(ctx context.Context, tx dialect.Tx) error {
					return tx.Exec(ctx, "update agents set name = $1 where id = $2", []any{"x", "no uuid"}, nil)
				},
				"by cancelling under way": func(ctx context.Context, tx dialect.Tx) error {
					ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
					defer cancel()
					return tx.Exec(ctx, "select pg_sleep(2)", []any{}, nil)
				},
			} {
				ctx, key := as(t, h.a), uuid.NewString()
				tx, err := h.Tx(ctx)
				require.NoError(t, err, name)
				require.Error(t, fail(ctx, tx), name)
				require.Error(t, tx.Exec(ctx, writeGlobal, []any{key}, nil), name)
				require.NoError(t, tx.Rollback(), name)
				require.Zero(t, h.count(t, "select count(*) from login_attempts where key = $1", key), "it survived: %s", name)
				h.healthy(t)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, poolSize)
			for range 3 * poolSize {
				ctx, cancel := context.WithTimeout(as(t, h.a), 30*time.Millisecond)
				_, err := pgtenant.Exec(ctx, h, "select pg_sleep(2)")
				cancel()
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, "b1", h.names(as(t, h.b), t), "the next on the connection")
			}
			h.healthy(t)
		})
	}
}

func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, poolSize)
			ctx, key := as(t, h.a), uuid.NewString()
			tx, err := h.Tx(ctx)
			require.NoError(t, err)
			require.NoError(t, tx.Exec(ctx, writeGlobal, []any{key}, nil))
			require.Positive(t, h.count(t, `select count(pg_terminate_backend(pid)) from pg_stat_activity
			where datname = current_database() and usename = 'konstruct_app'`))
			require.Error(t, tx.Exec(ctx, writeGlobal, []any{key + "2"}, nil))
			require.ErrorIs(t, tx.Commit(), pgtenant.ErrTxAborted)
			require.Zero(t, h.count(t, "select count(*) from login_attempts where key like $1 || '%'", key))
			h.healthy(t)
		})
	}
}

// Everything that goes wrong, at once and for a while.
func TestNoWrongRowUnderLoad(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			db := testdb.New(t)
			drv, err := pgtenant.Open(t.Context(), newBouncer(t, db, poolSize).url,
				pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(clients), pgtenant.WithAcquireTimeout(time.Minute))
			require.NoError(t, err)
			defer func() { require.NoError(t, drv.Close()) }()
			tally := load.Run(t, db, drv, load.Options{
				Tenants: 50, Goroutines: 32, For: 4 * time.Second, Disconnects: 200 * time.Millisecond,
			})
			t.Logf("%+v", tally)
			require.Zero(t, tally.Wrong)
			require.Positive(t, tally.Checked)
		})
	}
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var db *pgconn.PgError
	require.ErrorAs(t, err, &db)
	require.Equal(t, code, db.Code, db.Message)
}
