package pgtenant_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// joinBundle has a client of the plain driver, and one of the joining driver.
type joinBundle struct {
	*testBundle

	t       *testing.T
	joining dialect.Driver
	joins   *ent.Client
}

func setupJoining(t *testing.T, opts ...pgtenant.Option) *joinBundle {
	t.Helper()
	return setup(t, opts...).join(t)
}

func (h *testBundle) join(t *testing.T) *joinBundle {
	t.Helper()
	drv := h.Joining()
	return &joinBundle{testBundle: h, t: t, joining: drv, joins: ent.NewClient(ent.Driver(drv))}
}

// hire is an operation with a transaction of its own.
func (h *joinBundle) hire(ctx context.Context, name string, then func(ctx context.Context, tx *ent.Tx) error) error {
	return pgtenant.InTx(ctx, h.joins.Tx, func(ctx context.Context, tx *ent.Tx) error {
		if err := tx.Agent.Create().SetName(name).Exec(ctx); err != nil {
			return err
		}
		return then(ctx, tx)
	})
}

func (h *joinBundle) beginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	h.t.Helper()
	beginner, ok := h.joining.(interface {
		BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error)
	})
	require.True(h.t, ok)
	return beginner.BeginTx(ctx, opts)
}

func (h *joinBundle) agents(name string) int {
	h.t.Helper()
	return h.count(h.t, "select count(*) from agents where name = $1", name)
}

func nothing(context.Context, *ent.Tx) error { return nil }

// Each case runs in a transaction that has written an agent. It returns the error of that transaction's function.
func TestJoining(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		want   error // of the outer transaction
		joined int   // agents written inside
		do     func(h *joinBundle, ctx context.Context) error
	}{
		"statements join": {nil, 1, func(h *joinBundle, ctx context.Context) error {
			require.NoError(h.t, h.joins.Agent.Create().SetName("joined").Exec(ctx))
			require.Equal(h.t, 3, h.joins.Agent.Query().CountX(ctx), "it sees what is not committed")
			require.Equal(h.t, "a1,joined,outer", read[string](ctx, h.t, h.joining,
				"select string_agg(name, ',' order by name) from agents"))
			require.Zero(h.t, h.agents("joined"), "committed early")
			return nil
		}},
		"a transaction joins": {nil, 1, func(h *joinBundle, ctx context.Context) error {
			require.NoError(h.t, h.hire(ctx, "joined", nothing))
			require.Zero(h.t, h.agents("joined"), "committed early")
			return h.joins.Agent.Update().SetRole("later").Exec(ctx)
		}},
		"two levels join": {nil, 1, func(h *joinBundle, ctx context.Context) error {
			return h.hire(ctx, "middle", func(ctx context.Context, _ *ent.Tx) error {
				require.NoError(h.t, h.hire(ctx, "joined", nothing))
				return h.joins.Agent.Update().SetRole("later").Exec(ctx)
			})
		}},
		"an error inside": {boom, 0, func(h *joinBundle, ctx context.Context) error {
			return h.hire(ctx, "joined", func(context.Context, *ent.Tx) error { return boom })
		}},
		"a dropped error inside": {pgtenant.ErrTxAborted, 0, func(h *joinBundle, ctx context.Context) error {
			require.ErrorIs(h.t, h.hire(ctx, "joined", func(context.Context, *ent.Tx) error { return boom }), boom)
			require.ErrorIs(h.t, h.hire(ctx, "joined", nothing), pgtenant.ErrTxAborted)
			require.ErrorIs(h.t, exec(ctx, h.joining, "select 1"), pgtenant.ErrTxAborted)
			return nil
		}},
		"a dropped rollback of an unused one": {
			pgtenant.ErrTxAborted, 0, func(h *joinBundle, ctx context.Context) error {
				tx, err := h.joining.Tx(ctx)
				require.NoError(h.t, err)
				return expect(tx.Rollback(), nil)
			},
		},
		"a failed statement inside": {pgtenant.ErrTxAborted, 0, func(h *joinBundle, ctx context.Context) error {
			tx, err := h.joins.Tx(ctx)
			require.NoError(h.t, err)
			requireCode(h.t, "23514", tx.Agent.Create().SetName("  ").Exec(ctx)) // a CHECK refuses it
			require.ErrorIs(h.t, tx.Commit(), pgtenant.ErrTxAborted)
			return nil
		}},
		"a recovered panic inside": {pgtenant.ErrTxAborted, 0, func(h *joinBundle, ctx context.Context) error {
			require.PanicsWithValue(h.t, "boom", func() {
				_ = h.hire(ctx, "joined", func(context.Context, *ent.Tx) error { panic("boom") })
			})
			return nil
		}},
		"a context that ends inside": {context.Canceled, 0, func(h *joinBundle, ctx context.Context) error {
			inner, cancel := context.WithCancel(ctx)
			err := h.hire(inner, "joined", func(context.Context, *ent.Tx) error { cancel(); return nil })
			require.ErrorIs(h.t, err, context.Canceled)
			return nil
		}},
		"a deferred rollback after the commit": {nil, 0, func(h *joinBundle, ctx context.Context) error {
			tx, err := h.joining.Tx(ctx)
			require.NoError(h.t, err)
			require.NoError(h.t, exec(ctx, tx, "select 1"))
			require.NoError(h.t, tx.Commit())
			require.ErrorIs(h.t, tx.Rollback(), sql.ErrTxDone)
			require.ErrorIs(h.t, tx.Commit(), sql.ErrTxDone)
			require.ErrorIs(h.t, exec(ctx, tx, "select 1"), sql.ErrTxDone)
			require.ErrorIs(h.t, pgtenant.QueryRow(ctx, tx, "select 1").Scan(new(int)), sql.ErrTxDone)
			return nil
		}},
		"another tenant": {nil, 0, func(h *joinBundle, ctx context.Context) error {
			for _, foreign := range []context.Context{
				tenancy.Detach(ctx), tenancy.With(tenancy.Detach(ctx), h.b),
			} {
				require.ErrorIs(h.t, exec(foreign, h.joining, "select 1"), tenancy.ErrTenantMismatch)
				require.ErrorIs(h.t, h.hire(foreign, "joined", nothing), tenancy.ErrTenantMismatch)
				require.ErrorIs(h.t, second(h.joining.Tx(foreign)), tenancy.ErrTenantMismatch)
			}
			require.ErrorIs(h.t, h.hire(tenancy.With(ctx, h.b), "joined", nothing), tenancy.ErrTenantSwitch)
			return nil
		}},
		"the plain driver": {nil, 1, func(h *joinBundle, ctx context.Context) error {
			require.ErrorIs(h.t, h.inTx(ctx, nothing), pgtenant.ErrNestedTx)
			require.ErrorIs(h.t, second(h.client.Tx(ctx)), pgtenant.ErrNestedTx)
			require.ErrorIs(h.t, second(h.client.Agent.Query().All(ctx)), pgtenant.ErrPoolInTx)
			return h.hire(ctx, "joined", func(ctx context.Context, tx *ent.Tx) error { // as in the outer one
				require.ErrorIs(h.t, h.inTx(ctx, nothing), pgtenant.ErrNestedTx)
				require.ErrorIs(h.t, pgtenant.InTx(ctx, tx.Client().Tx, nothing), pgtenant.ErrNestedTx)
				return expect(second(h.client.Agent.Query().All(ctx)), pgtenant.ErrPoolInTx)
			})
		}},
		"a begin that ignores its context": {nil, 0, func(h *joinBundle, ctx context.Context) error {
			var begun dialect.Tx
			err := pgtenant.InTx(ctx, func(context.Context) (tx dialect.Tx, err error) {
				begun, err = h.joining.Tx(h.asA)
				return begun, err
			}, func(context.Context, dialect.Tx) error { return nil })
			require.ErrorIs(h.t, err, pgtenant.ErrNestedTx)
			require.ErrorIs(h.t, begun.Commit(), sql.ErrTxDone, "not rolled back")
			return nil
		}},
		"another driver": {nil, 0, func(h *joinBundle, ctx context.Context) error {
			other := h.open(h.t).Joining()
			require.ErrorIs(h.t, pgtenant.InTx(ctx, other.Tx, func(context.Context, dialect.Tx) error { return nil }),
				pgtenant.ErrNestedTx)
			require.Equal(h.t, "a1", read[string](ctx, h.t, other, "select string_agg(name, ',') from agents"))
			return nil
		}},
		"options": {nil, 0, func(h *joinBundle, ctx context.Context) error {
			for _, opts := range []*sql.TxOptions{
				{ReadOnly: true}, {Isolation: sql.LevelSerializable}, {Isolation: sql.LevelLinearizable},
			} {
				require.ErrorIs(h.t, second(h.beginTx(ctx, opts)), pgtenant.ErrArgument)
			}
			tx, err := h.beginTx(ctx, &sql.TxOptions{})
			require.NoError(h.t, err)
			return tx.Commit()
		}},
		"an open result": {nil, 1, func(h *joinBundle, ctx context.Context) error {
			r := openRows(ctx, h.t, h.joining, "select generate_series(1, 3)")
			require.ErrorIs(h.t, exec(ctx, h.joining, "select 1"), pgtenant.ErrRowsOpen)
			require.NoError(h.t, r.Close())
			return h.hire(ctx, "joined", nothing)
		}},
		"an open result at the commit": {pgtenant.ErrRowsOpen, 0, func(h *joinBundle, ctx context.Context) error {
			tx, err := h.joining.Tx(ctx)
			require.NoError(h.t, err)
			r := openRows(ctx, h.t, tx, "select generate_series(1, 3)")
			require.ErrorIs(h.t, tx.Commit(), pgtenant.ErrRowsOpen)
			require.NoError(h.t, r.Close())
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, outerJoins := range []bool{false, true} {
				h := setupJoining(t)
				begin := h.client.Tx
				if outerJoins {
					begin = h.joins.Tx
				}
				err := pgtenant.InTx(h.asA, begin, func(ctx context.Context, tx *ent.Tx) error {
					require.NoError(t, tx.Agent.Create().SetName("outer").Exec(ctx))
					return tc.do(h, ctx)
				})
				require.ErrorIs(t, err, tc.want)
				require.Equal(t, tc.want == nil, h.agents("outer") == 1)
				require.Equal(t, tc.joined, h.agents("joined"))
				h.requireIdle(t)
			}
		})
	}
}
