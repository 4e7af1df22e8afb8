package pgtenant_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// If the first batch fails, BEGIN may not have been sent, and later statements would commit on their own.
func TestFirstStatementFails(t *testing.T) {
	t.Parallel()
	failures := map[string]struct {
		query    string
		args     []any
		timeout  time.Duration
		canceled bool
	}{
		"by parse":                   {query: "selec 1"},
		"by an unknown table":        {query: "select name from nowhere"},
		"by encoding":                {query: "update agents set name = $1 where id = $2", args: []any{"x", "no uuid"}},
		"by the number of arguments": {query: "select $1::int", args: []any{1, 2}},
		"in the server":              {query: "select 1 / (select 0)"},
		"by a policy": {
			query: "insert into agents (id, tenant_id, name) values (gen_random_uuid(), gen_random_uuid(), 'x')",
		},
		"by canceling":                  {query: "select 1", canceled: true},
		"by canceling during execution": {query: slow, timeout: shortly},
		"by the statement timeout":      {query: "select pg_sleep(10)"},
	}
	for _, mode := range modes {
		for name, tc := range failures {
			t.Run(mode+" "+name, func(t *testing.T) {
				t.Parallel()
				h := setup(t)
				h.url += "&statement_timeout=300"
				h.use(h.open(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1)))
				key := unique()
				for _, rows := range []bool{false, true} {
					begin := func() dialect.Tx {
						tx := h.begin(h.asA, t)
						ctx, cancel := context.WithTimeout(h.asA, cmp.Or(tc.timeout, time.Minute))
						defer cancel()
						if tc.canceled {
							cancel()
						}
						if rows {
							require.Error(t, tx.Query(ctx, tc.query, tc.args, &entsql.Rows{}))
						} else {
							require.Error(t, exec(ctx, tx, tc.query, tc.args...))
						}
						return tx
					}
					for _, end := range []func(dialect.Tx) error{dialect.Tx.Rollback, dialect.Tx.Commit} {
						tx := begin()
						require.ErrorIs(t, exec(h.asA, tx, writeGlobal, key), pgtenant.ErrTxAborted)
						_ = end(tx)
						require.Zero(t, h.written(t, key), "written by an aborted transaction")
					}
					require.ErrorIs(t, begin().Commit(), pgtenant.ErrTxAborted)
				}
				h.healthy(t)
			})
		}
	}
}

// PostgreSQL answers the COMMIT of a failed transaction with ROLLBACK, not with an error.
func TestLaterStatementFails(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		for name, query := range map[string]string{"by parse": "selec 1", "in the server": "select 1 / (select 0)"} {
			t.Run(mode+" "+name, func(t *testing.T) {
				t.Parallel()
				h := setup(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
				ctx, key := h.asA, unique()
				tx := h.begin(h.asA, t)
				require.NoError(t, exec(ctx, tx, writeGlobal, key))
				require.Error(t, exec(ctx, tx, query))
				require.ErrorIs(t, exec(ctx, tx, writeGlobal, key+"2"), pgtenant.ErrTxAborted)
				require.ErrorIs(t, tx.Commit(), pgtenant.ErrTxAborted)
				require.Zero(t, h.written(t, key))
				h.healthy(t)
			})
		}
	}
}

func TestAbortedTransactionNamesTheCause(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ctx, tx := h.asA, h.begin(h.asA, t)
	require.Error(t, exec(ctx, tx, "select 1 / (select 0)"))
	for _, err := range []error{exec(ctx, tx, "select 1"), tx.Commit()} {
		require.ErrorIs(t, err, pgtenant.ErrTxAborted)
		requireCode(t, "22012", err)
	}
}

func TestRollbackKeepsItsConnection(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	before, boom := h.pid(t), errors.New("boom")
	require.ErrorIs(t, h.inTx(h.asA, func(ctx context.Context, tx *ent.Tx) error {
		require.NoError(t, tx.Agent.Create().SetName("lost").Exec(ctx))
		return boom
	}), boom)
	require.Equal(t, before, h.pid(t))
	h.healthy(t)
}

// A COMMIT sent as a statement ends the transaction; later statements must not commit on their own.
func TestCommitAsStatement(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"commit", "rollback", "commit and chain"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			h := setup(t, pgtenant.WithMaxConns(1))
			ctx, key := h.asA, unique()
			tx := h.begin(h.asA, t)
			require.NoError(t, exec(ctx, tx, "select 1"))
			err := exec(ctx, tx, end)
			if err == nil { // a chained transaction continues, under the same tenant
				require.Equal(t, "commit and chain", end)
				require.Equal(t, "a1", read[string](ctx, t, tx, "select string_agg(name, ',') from agents"))
			} else {
				require.ErrorIs(t, exec(ctx, tx, writeGlobal, key), pgtenant.ErrTxAborted)
				require.ErrorIs(t, tx.Commit(), pgtenant.ErrTxAborted)
			}
			_ = tx.Rollback()
			require.Zero(t, h.written(t, key))
			h.healthy(t)
		})
	}
}

// In PostgreSQL a setting changed in a savepoint survives RELEASE; every statement sets its tenant again.
func TestSavepointCannotSwitchTheTenant(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ctx, tx := h.asA, h.begin(h.asA, t)
	for _, query := range []string{
		"savepoint s", "select set_config('app.current_tenant', '" + h.b.String() + "', true)", "release s",
	} {
		require.NoError(t, exec(ctx, tx, query))
	}
	require.Equal(t, "a1", read[string](ctx, t, tx, "select string_agg(name, ',') from agents"))
	require.NoError(t, tx.Rollback())
}

func TestResultLeftOpenInTransaction(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	ctx := h.asA
	begin := func() (dialect.Tx, *entsql.Rows) {
		tx := h.begin(h.asA, t)
		r := openRows(ctx, t, tx, "select generate_series(1, 3)")
		require.True(t, r.Next())
		return tx, r
	}
	tx, r := begin()
	require.ErrorIs(t, exec(ctx, tx, "select 1"), pgtenant.ErrRowsOpen)
	require.NoError(t, r.Close())
	require.NoError(t, exec(ctx, tx, "select 1"), "the transaction continues after Close")
	require.NoError(t, tx.Commit())

	tx, r = begin()
	require.ErrorIs(t, tx.Commit(), pgtenant.ErrRowsOpen)
	require.Error(t, r.Close(), "the result ended with its transaction")
	h.healthy(t)

	tx, r = begin()
	require.NoError(t, tx.Rollback())
	require.Error(t, r.Close())
	h.healthy(t)
}

// After a transaction another user has the connection and the buffer of the rows.
func TestResultEndsWithItsTransaction(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	for _, end := range []func(dialect.Tx) error{dialect.Tx.Commit, dialect.Tx.Rollback} {
		for _, begun := range []bool{true, false} {
			tx := h.begin(h.asA, t)
			r := openRows(h.asA, t, tx, "select name from agents, generate_series(1, 3)")
			if begun {
				require.True(t, r.Next())
			}
			_ = end(tx)
			require.Equal(t, "b1", h.names(h.asB, t))
			var name string
			require.Error(t, r.Scan(&name))
			require.False(t, r.Next())
			require.ErrorIs(t, r.Err(), sql.ErrTxDone)
			require.Empty(t, name)
		}
	}
	h.healthy(t)
}

// readBeside reads the names of tenant a in a goroutine, and returns a function that waits for it.
func readBeside(t *testing.T, r *entsql.Rows) (wait func()) {
	t.Helper()
	var reading sync.WaitGroup
	reading.Go(func() {
		for r.Next() {
			var name string
			if r.Scan(&name) == nil && name != "a1" {
				t.Errorf("a reads %q", name)
			}
		}
	})
	return reading.Wait
}

func TestTransactionEndsWhileItsResultIsRead(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	for range 10 {
		tx := h.begin(h.asA, t)
		wait := readBeside(t, openRows(h.asA, t, tx, "select name from agents, generate_series(1, 10000)"))
		require.NoError(t, tx.Rollback())
		require.Equal(t, "b1", h.names(h.asB, t))
		wait()
	}
	h.healthy(t)
}

// Another goroutine closes rows outside of a transaction.
func TestRowsAreClosedWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	for range 10 {
		r := openRows(h.asA, t, h, "select name from agents, generate_series(1, 10000)")
		wait := readBeside(t, r)
		require.NoError(t, r.Close())
		require.Equal(t, "b1", h.names(h.asB, t))
		wait()
	}
	h.healthy(t)
}

// A Scanner that uses or ends its transaction causes no deadlock.
func TestScannerUsesItsTransaction(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	ctx := h.asA
	for name, use := range map[string]func(tx dialect.Tx, r *entsql.Rows){
		"statement": func(tx dialect.Tx, _ *entsql.Rows) {
			require.ErrorIs(t, exec(ctx, tx, "select 1"), pgtenant.ErrRowsOpen)
		},
		"next":  func(_ dialect.Tx, r *entsql.Rows) { require.True(t, r.Next()) },
		"close": func(_ dialect.Tx, r *entsql.Rows) { require.NoError(t, r.Close()) },
		"commit": func(tx dialect.Tx, _ *entsql.Rows) {
			require.ErrorIs(t, tx.Commit(), pgtenant.ErrRowsOpen)
		},
		"rollback":           func(tx dialect.Tx, _ *entsql.Rows) { require.NoError(t, tx.Rollback()) },
		"rollback and panic": func(tx dialect.Tx, _ *entsql.Rows) { _ = tx.Rollback(); panic("boom") },
	} {
		tx, text := h.begin(h.asA, t), ""
		r := openRows(ctx, t, tx, "select name, 1, role || 'x' from agents, generate_series(1, 1000)")
		require.True(t, r.Next())
		vanish(func() { require.NoError(t, r.Scan(&text, explosive{func() { use(tx, r) }}, &text), name) })
		_ = tx.Rollback()
		h.requireIdle(t, name)
		h.healthy(t)
	}
}

func TestTransactionIsOverOnce(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ctx := h.asA
	for _, end := range []func(dialect.Tx) error{dialect.Tx.Commit, dialect.Tx.Rollback} {
		tx := h.begin(h.asA, t)
		require.NoError(t, exec(ctx, tx, "select 1"))
		require.NoError(t, end(tx))
		require.ErrorIs(t, exec(ctx, tx, "select 1"), sql.ErrTxDone)
		require.ErrorIs(t, tx.Commit(), sql.ErrTxDone)
		require.ErrorIs(t, tx.Rollback(), sql.ErrTxDone)
	}
}

func TestTransactionOptions(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ctx := h.asA
	tx, err := h.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
	require.NoError(t, err)
	require.Equal(t, "serializable on", read[string](ctx, t, tx, "select concat_ws(' ', "+
		"current_setting('transaction_isolation'), current_setting('transaction_read_only'))"))
	requireCode(t, "25006", exec(ctx, tx, writeGlobal, unique()))
	require.NoError(t, tx.Rollback())

	_, err = h.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelLinearizable})
	require.ErrorIs(t, err, pgtenant.ErrArgument)
}

func TestTransactionWithoutATenant(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ctx := t.Context()
	require.NoError(t, h.inTx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		require.Equal(t, 2, tx.Tenant.Query().CountX(ctx))
		require.ErrorIs(t, second(tx.Agent.Query().All(tenancy.With(ctx, h.a))), tenancy.ErrTenantMismatch)
		require.ErrorIs(t, second(tx.Agent.Query().All(ctx)), tenancy.ErrNoTenant)
		return nil
	}))
}

func TestTransactionIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	h := setup(t)
	require.NoError(t, h.inTx(h.asA, func(ctx context.Context, tx *ent.Tx) error {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := tx.Agent.Query().Count(ctx); err != nil && !errors.Is(err, pgtenant.ErrRowsOpen) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return tx.Agent.Create().SetName("after").Exec(ctx)
	}))
	require.Equal(t, "a1,after", h.names(h.asA, t))
}
