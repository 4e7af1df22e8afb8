package pgtenant_test

import (
	"context"
	"database/sql/driver"
	"runtime"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// explosive is an argument and a destination that panics or ends its goroutine.
type explosive struct{ do func() }

func (e explosive) Value() (driver.Value, error) { e.do(); return nil, nil } //nolint:nilnil // never reached
func (e explosive) Scan(any) error               { e.do(); return nil }

// scanOne leaves its rows open.
func scanOne(ctx context.Context, q dialect.ExecQuerier, dest any) {
	var r entsql.Rows
	if q.Query(ctx, "select generate_series(1, 100000)", []any{}, &r) == nil && r.Next() {
		_ = r.Scan(dest)
	}
}

// vanish runs f on a goroutine that a panic or Goexit may end.
func vanish(f func()) {
	var done sync.WaitGroup
	done.Go(func() {
		defer func() { _ = recover() }()
		f()
	})
	done.Wait()
}

// After a panic or Goexit, connection and slot are released, and the connection is closed.
func TestPanicsLeakNothing(t *testing.T) {
	t.Parallel()
	ends := map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit}
	uses := func(ctx context.Context, e explosive) map[string]func(q dialect.ExecQuerier) {
		query := func(query string, arg any) func(q dialect.ExecQuerier) {
			return func(q dialect.ExecQuerier) { _ = q.Query(ctx, query, []any{arg}, &entsql.Rows{}) }
		}
		return map[string]func(q dialect.ExecQuerier){
			"argument of Exec":  func(q dialect.ExecQuerier) { _ = exec(ctx, q, "select $1", e) },
			"argument of Query": query("select $1", e),
			"element of an argument of Exec": func(q dialect.ExecQuerier) {
				_ = exec(ctx, q, "select $1::text[]", []explosive{e})
			},
			"element of an argument of Query": query("select $1::text[]", []explosive{e}),
			"element of an argument of a write with rows": query(
				"update agents set role = 'x' where name = any($1) returning id", []explosive{e}),
			"destination": func(q dialect.ExecQuerier) {
				_ = pgtenant.QueryRow(ctx, q, "select generate_series(1, 1000)").Scan(&e)
			},
			"destination of rows that are not closed": func(q dialect.ExecQuerier) { scanOne(ctx, q, &e) },
			"destination of a write": func(q dialect.ExecQuerier) {
				_ = pgtenant.QueryRow(ctx, q, "update agents set role = role returning name").Scan(&e)
			},
		}
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := setup(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(2)) // one slot per tenant
			ctx := h.asA
			for end, do := range ends {
				for name, use := range uses(ctx, explosive{do}) {
					vanish(func() { use(h) })
					h.requireIdle(t, "%s: %s", end, name)
					h.healthy(t)

					tx := h.begin(h.asA, t)
					require.NoError(t, exec(ctx, tx, "select 1"))
					vanish(func() { use(tx) })
					_ = tx.Rollback()
					h.requireIdle(t, "in a transaction, %s: %s", end, name)
					h.healthy(t)

					tx = h.begin(h.asA, t)
					vanish(func() { use(tx) })
					_ = tx.Commit()
					h.requireIdle(t, "first in a transaction, %s: %s", end, name)
					h.healthy(t)
				}
			}
		})
	}
}

// A transaction in which a statement panicked releases its connection at once and can't commit.
func TestPanicEndsATransaction(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	ctx, key := h.asA, unique()
	tx := h.begin(h.asA, t)
	require.NoError(t, exec(ctx, tx, writeGlobal, key))
	require.Panics(t, func() {
		_ = exec(ctx, tx, "select $1::text[]", []explosive{{func() { panic("boom") }}})
	})
	h.requireIdle(t)
	require.ErrorIs(t, exec(ctx, tx, writeGlobal, key+"2"), pgtenant.ErrTxAborted)
	require.ErrorIs(t, tx.Commit(), pgtenant.ErrTxAborted)
	require.Zero(t, h.written(t, key))
	h.healthy(t)
}

// Ent does not end its transactions if the caller's code panics.
func TestTransactionNeverEnded(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(2))
	ends := explosive{func() { panic("boom") }}
	for name, use := range map[string]func(ctx context.Context, cancel func(), tx dialect.Tx){
		"argument":               func(ctx context.Context, _ func(), tx dialect.Tx) { _ = exec(ctx, tx, "select $1", ends) },
		"destination":            func(ctx context.Context, _ func(), tx dialect.Tx) { scanOne(ctx, tx, &ends) },
		"the end of the context": func(_ context.Context, cancel func(), _ dialect.Tx) { cancel() },
		"the end of the context under a result": func(ctx context.Context, cancel func(), tx dialect.Tx) {
			var r entsql.Rows
			if err := tx.Query(
				context.WithoutCancel(ctx), "select generate_series(1, 100000)", []any{}, &r,
			); err != nil {
				t.Error(err)
				return
			}
			cancel()
			h.requireIdle(t)
			for r.Next() {
				t.Error("unexpected row")
			}
			require.ErrorIs(t, r.Err(), context.Canceled)
		},
	} {
		ctx, cancel := context.WithCancel(h.asA)
		t.Cleanup(cancel)
		tx, key := h.begin(ctx, t), unique()
		require.NoError(t, exec(ctx, tx, writeGlobal, key))
		vanish(func() { use(ctx, cancel, tx) })
		h.requireIdle(t, name)
		h.healthy(t) // needs the tenant's only slot
		require.ErrorIs(t, exec(h.asA, tx, writeGlobal, key+"2"), pgtenant.ErrTxAborted, name)
		require.Error(t, tx.Commit(), name)
		require.Zero(t, h.written(t, key), name)
	}
}

// A caller that panics does not close its rows.
func TestRowsNeverClosed(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		for _, rows := range []int{2, 100_000} {
			ctx, cancel := context.WithCancel(h.asA)
			r := openRows(ctx, t, h, "select generate_series(1, $1)", rows)
			require.True(t, r.Next())
			cancel()
			h.requireIdle(t)
			h.healthy(t)
			require.False(t, r.Next())
			require.ErrorIs(t, r.Err(), context.Canceled, "a truncated result")
		}
	})
}

func TestPanicCostsTheConnection(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	ctx := h.asA
	before := h.pid(t)
	vanish(func() {
		_ = h.Query(ctx, "select $1::text[]", []any{[]explosive{{func() { panic("boom") }}}}, &entsql.Rows{})
	})
	require.NotEqual(t, before, h.pid(t))
}

// requireIdle requires that all connections are released. The pool counts destroyed ones until they are closed.
func (h *testBundle) requireIdle(t *testing.T, msg ...any) {
	t.Helper()
	require.Eventually(t, func() bool { return h.Pool().Stat().AcquiredConns() == 0 },
		10*time.Second, time.Millisecond, msg...)
}
