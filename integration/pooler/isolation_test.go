//go:build pooler

//nolint:thelper // the functions passed to eachBundle are tests
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

// writeGlobal writes to a table without RLS, where a write outside a transaction would stay.
const writeGlobal = "insert into login_attempts (key, count, window_ends) values ($1, 1, now())"

// Many clients of two tenants share two connections.
func TestTenantsAlternate(t *testing.T) {
	t.Parallel()
	eachBundle(t, poolSize, func(t *testing.T, b *testBundle) {
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				id, want := b.a, "a1"
				if i%2 == 1 {
					id, want = b.b, "b1"
				}
				for range 20 {
					var names string
					if err := pgtenant.QueryRow(as(t, id), b, readNames).Scan(&names); err != nil || names != want {
						t.Errorf("%q instead of %q: %v", names, want, err)
						return
					}
				}
			})
		}
		wg.Wait()
		require.Greater(t, int(b.Pool().Stat().TotalConns()), poolSize, "more clients than connections")
		used := b.count(t, "select count(*) from pg_stat_activity where datname = current_database() and usename = 'konstruct_app'")
		require.Positive(t, used)
		require.LessOrEqual(t, used, poolSize, "the connections were shared")
		b.requireIsolation(t)
	})
}

func TestWithoutATenant(t *testing.T) {
	t.Parallel()
	eachBundle(t, poolSize, func(t *testing.T, b *testBundle) {
		require.Empty(t, b.names(t.Context(), t))
		err := b.insertFor(t.Context(), b.a)
		require.ErrorIs(t, err, tenancy.ErrNoTenant)
		requireCode(t, "42501", err)
		_, err = b.client.Agent.Query().All(t.Context())
		require.ErrorIs(t, err, tenancy.ErrNoTenant)
		b.requireIsolation(t)
	})
}

func TestAnotherTenant(t *testing.T) {
	t.Parallel()
	eachBundle(t, poolSize, func(t *testing.T, b *testBundle) {
		requireCode(t, "42501", b.insertFor(as(t, b.a), b.b))
		_, err := pgtenant.Exec(as(t, b.a), b, "update agents set tenant_id = $1", b.b.String())
		requireCode(t, "42501", err)
		n, err := pgtenant.Exec(as(t, b.a), b, "delete from agents where tenant_id = $1", b.b.String())
		require.NoError(t, err)
		require.Zero(t, n)
		n, err = pgtenant.Exec(as(t, b.a), b, "update agents set role = 'own'")
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "own rows can be written")
		b.requireIsolation(t)
	})
}

// A transaction keeps its server connection until its end, while other clients use the other one.
func TestTransactions(t *testing.T) {
	t.Parallel()
	eachBundle(t, poolSize, func(t *testing.T, b *testBundle) {
		boom := errors.New("boom")
		work := func(end func() error) error {
			return pgtenant.InTx(as(t, b.a), b.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
				require.NoError(t, tx.Agent.Create().SetName("mine").Exec(ctx))
				require.Equal(t, "b1", b.names(as(t, b.b), t), "another tenant during the transaction")
				require.Equal(t, 2, tx.Agent.Query().CountX(ctx))
				return end()
			})
		}
		require.ErrorIs(t, work(func() error { return boom }), boom)
		require.PanicsWithValue(t, "boom", func() { _ = work(func() error { panic("boom") }) })
		b.requireIsolation(t)
		require.NoError(t, work(func() error { return nil }))
		require.Equal(t, "a1,mine", b.names(as(t, b.a), t))
		require.Equal(t, "b1", b.names(as(t, b.b), t))
	})
}

// If the batch that begins a transaction fails, nothing may follow: behind a pooler it would be committed on any
// connection.
func TestFirstStatementFails(t *testing.T) {
	t.Parallel()
	eachBundle(t, poolSize, func(t *testing.T, b *testBundle) {
		for name, fail := range map[string]func(ctx context.Context, tx dialect.Tx) error{
			"parse error": func(ctx context.Context, tx dialect.Tx) error { return tx.Exec(ctx, "selec 1", []any{}, nil) },
			"runtime error": func(ctx context.Context, tx dialect.Tx) error {
				return tx.Exec(ctx, "select 1 / (select 0)", []any{}, nil)
			},
			"encoding error": func(ctx context.Context, tx dialect.Tx) error {
				return tx.Exec(ctx, "update agents set name = $1 where id = $2", []any{"x", "no uuid"}, nil)
			},
			"by cancellation": func(ctx context.Context, tx dialect.Tx) error {
				ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
				return tx.Exec(ctx, "select pg_sleep(2)", []any{}, nil)
			},
		} {
			ctx, key := as(t, b.a), uuid.NewString()
			tx, err := b.Tx(ctx)
			require.NoError(t, err, name)
			require.Error(t, fail(ctx, tx), name)
			require.Error(t, tx.Exec(ctx, writeGlobal, []any{key}, nil), name)
			require.NoError(t, tx.Rollback(), name)
			require.Zero(t, b.count(t, "select count(*) from login_attempts where key = $1", key), "committed: %s", name)
			b.requireIsolation(t)
		}
	})
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	eachBundle(t, poolSize, func(t *testing.T, b *testBundle) {
		for range 3 * poolSize {
			ctx, cancel := context.WithTimeout(as(t, b.a), 30*time.Millisecond)
			_, err := pgtenant.Exec(ctx, b, "select pg_sleep(2)")
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, "b1", b.names(as(t, b.b), t), "next on the connection")
		}
		b.requireIsolation(t)
	})
}

func TestServerConnectionTerminated(t *testing.T) {
	t.Parallel()
	eachBundle(t, poolSize, func(t *testing.T, b *testBundle) {
		ctx, key := as(t, b.a), uuid.NewString()
		tx, err := b.Tx(ctx)
		require.NoError(t, err)
		require.NoError(t, tx.Exec(ctx, writeGlobal, []any{key}, nil))
		require.Positive(t, b.count(t, `select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and usename = 'konstruct_app'`))
		require.Error(t, tx.Exec(ctx, writeGlobal, []any{key + "2"}, nil))
		require.ErrorIs(t, tx.Commit(), pgtenant.ErrTxAborted)
		require.Zero(t, b.count(t, "select count(*) from login_attempts where key like $1 || '%'", key))
		b.requireIsolation(t)
	})
}

func TestNoWrongRowUnderLoad(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		db := testdb.New(t)
		result := load.Run(t, db, newBouncer(t, db, poolSize).open(t, mode), load.Options{
			Tenants: 50, Goroutines: 32, For: 4 * time.Second, Disconnects: 200 * time.Millisecond,
		})
		t.Logf("%+v", result)
		require.Zero(t, result.Wrong)
		require.Positive(t, result.Checked)
	})
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var db *pgconn.PgError
	require.ErrorAs(t, err, &db)
	require.Equal(t, code, db.Code, db.Message)
}
