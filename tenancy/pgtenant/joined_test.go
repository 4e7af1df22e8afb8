package pgtenant_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/hook"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestJoiningPanicRollsBack(t *testing.T) {
	t.Parallel()
	h := setupJoining(t, pgtenant.WithMaxConns(1))
	require.PanicsWithValue(t, "boom", func() {
		_ = h.hire(h.asA, "lost", func(ctx context.Context, _ *ent.Tx) error {
			return h.hire(ctx, "lost too", func(context.Context, *ent.Tx) error { panic("boom") })
		})
	})
	h.healthy(t) // the only connection was released
}

// Outside of a transaction the joining driver is the driver.
func TestJoiningAlone(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, plain *testBundle) {
		h, boom := plain.join(t), errors.New("boom")
		require.NoError(t, h.hire(h.asA, "kept", nothing))
		require.ErrorIs(t, h.hire(h.asA, "lost", func(context.Context, *ent.Tx) error { return boom }), boom)
		tx, err := h.beginTx(h.asA, &sql.TxOptions{ReadOnly: true})
		require.NoError(t, err)
		requireCode(t, "25006", exec(h.asA, tx, writeGlobal, unique()))
		require.NoError(t, tx.Rollback())
		for ctx, want := range map[context.Context]string{h.asA: "a1,kept", h.asB: "b1", t.Context(): ""} {
			got, err := pgtenant.Collect(pgtenant.Query(ctx, h.joining, "select coalesce(string_agg(name, ','), '') "+
				"from (select name from agents order by name) as agents"), pgtenant.RowTo[string])
			require.NoError(t, err)
			require.Equal(t, []string{want}, got)
		}
		require.ErrorIs(t, h.joins.Agent.Create().SetName("x").Exec(t.Context()), tenancy.ErrNoTenant)
	})
}

func TestJoiningReadOnlyTransaction(t *testing.T) {
	t.Parallel()
	h := setupJoining(t)
	opts := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	begin := func(ctx context.Context) (*ent.Tx, error) { return h.joins.BeginTx(ctx, opts) }
	require.NoError(t, pgtenant.InTx(h.asA, begin, func(ctx context.Context, _ *ent.Tx) error {
		require.ErrorIs(t, second(h.beginTx(ctx, &sql.TxOptions{ReadOnly: true})), pgtenant.ErrArgument)
		for _, same := range []*sql.TxOptions{nil, {}, opts} {
			tx, err := h.beginTx(ctx, same)
			require.NoError(t, err)
			require.Equal(t, "repeatable read", read[string](ctx, t, tx, "select current_setting('transaction_isolation')"))
			require.NoError(t, tx.Commit())
		}
		return nil
	}))
}

// n statements cost n + 1 round trips, whichever way they join.
func TestJoiningRoundTrips(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, plain *testBundle) {
		h := plain.join(t)
		inner := func(ctx context.Context, tx *ent.Tx) error { return tx.Agent.Update().SetRole("r").Exec(ctx) }
		for trips, do := range []func() error{
			func() error {
				return h.inTx(h.asA, func(ctx context.Context, _ *ent.Tx) error {
					return pgtenant.InTx(ctx, h.joins.Tx, nothing)
				})
			},
			func() error { return second(h.joins.Agent.Query().Count(h.asA)) },
			func() error { return h.hire(h.asA, "alone", nothing) },
			func() error {
				return h.inTx(h.asA, func(ctx context.Context, _ *ent.Tx) error { return h.hire(ctx, "in", inner) })
			},
			func() error {
				return h.hire(h.asA, "in", func(ctx context.Context, _ *ent.Tx) error {
					err := pgtenant.InTx(ctx, h.joins.Tx, inner)
					return errors.Join(err, second(h.joins.Agent.Query().Count(ctx)))
				})
			},
		} {
			require.NoError(t, do()) // prepares
			before := h.trips.Count()
			require.NoError(t, do())
			require.EqualValues(t, trips, h.trips.Count()-before)
		}
	})
}

// A context that outlives its transaction runs nothing outside of it.
func TestJoiningLeftoverContext(t *testing.T) {
	t.Parallel()
	h, ended := setupJoining(t), []context.Context{}
	for _, want := range []error{nil, errors.New("boom")} {
		require.ErrorIs(t, h.hire(h.asA, unique(), func(ctx context.Context, _ *ent.Tx) error {
			ended = append(ended, ctx)
			return want
		}), want)
	}
	before := h.trips.Count()
	for _, left := range ended {
		require.ErrorIs(t, exec(left, h.joining, writeGlobal, unique()), sql.ErrTxDone)
		require.ErrorIs(t, second(h.joins.Agent.Query().All(left)), sql.ErrTxDone)
		require.ErrorIs(t, second(h.joins.Tx(left)), sql.ErrTxDone)
		require.ErrorIs(t, h.hire(left, "lost", nothing), sql.ErrTxDone)
		require.ErrorIs(t, second(h.client.Agent.Query().All(left)), pgtenant.ErrPoolInTx)
		require.ErrorIs(t, h.inTx(left, nothing), pgtenant.ErrNestedTx)
	}
	require.Equal(t, before, h.trips.Count(), "nothing was sent")
}

// A transaction that joined ends with the outer one, too.
func TestJoiningOutlivesTheOuterTransaction(t *testing.T) {
	t.Parallel()
	h := setupJoining(t)
	var left []dialect.Tx
	require.NoError(t, h.hire(h.asA, "kept", func(ctx context.Context, _ *ent.Tx) error {
		for range 3 {
			tx, err := h.joining.Tx(ctx)
			require.NoError(t, err)
			left = append(left, tx)
		}
		return nil
	}))
	require.ErrorIs(t, exec(h.asA, left[0], writeGlobal, unique()), sql.ErrTxDone)
	require.ErrorIs(t, left[1].Commit(), sql.ErrTxDone)
	require.ErrorIs(t, left[2].Rollback(), sql.ErrTxDone)
	require.Equal(t, 1, h.agents("kept"))
}

// Hooks run as by itself. Those of the inner commit run before the data is committed.
func TestJoiningRunsHooks(t *testing.T) {
	t.Parallel()
	h := setupJoining(t)
	var seen []string
	h.joins.Agent.Use(func(next ent.Mutator) ent.Mutator {
		return hook.AgentFunc(func(ctx context.Context, m *ent.AgentMutation) (ent.Value, error) {
			name, _ := m.Name()
			seen = append(seen, name)
			if name == "audited" { // a hook that writes, too
				return next.Mutate(ctx, m)
			}
			if err := h.joins.Agent.Create().SetName("audited").Exec(ctx); err != nil {
				return nil, err
			}
			return next.Mutate(ctx, m)
		})
	})
	require.NoError(t, h.inTx(h.asA, func(ctx context.Context, _ *ent.Tx) error {
		require.NoError(t, h.joins.Agent.Create().SetName("one").Exec(ctx))
		return h.hire(ctx, "two", func(_ context.Context, tx *ent.Tx) error {
			tx.OnCommit(func(next ent.Committer) ent.Committer {
				return ent.CommitFunc(func(ctx context.Context, tx *ent.Tx) error {
					err := next.Commit(ctx, tx)
					seen = append(seen, "committed")
					require.Zero(t, h.agents("two"))
					return err
				})
			})
			return nil
		})
	}))
	require.Equal(t, []string{"one", "audited", "two", "audited", "committed"}, seen)
	require.Equal(t, "a1,audited,audited,one,two", h.names(h.asA, t))
}

func TestJoiningIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	h := setupJoining(t)
	errs := make([]error, 8)
	require.NoError(t, h.inTx(h.asA, func(ctx context.Context, _ *ent.Tx) error {
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = h.hire(ctx, "joined", nothing) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}))
	require.Equal(t, len(errs), h.agents("joined"))
}
