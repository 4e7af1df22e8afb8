package pgtenant_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestTransaction(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kept bool
		do   func(h *testBundle, ctx context.Context, tx *ent.Tx) error
	}{
		"commit":              {true, func(*testBundle, context.Context, *ent.Tx) error { return nil }},
		"an error rolls back": {false, func(*testBundle, context.Context, *ent.Tx) error { return errors.New("boom") }},
		"a transaction inside is refused, the outer one continues": {
			true, func(h *testBundle, ctx context.Context, _ *ent.Tx) error {
				err := h.inTx(ctx, func(context.Context, *ent.Tx) error { return nil })
				return expect(err, pgtenant.ErrNestedTx)
			},
		},
		"a transaction of the client's inside is refused": {
			true, func(h *testBundle, ctx context.Context, _ *ent.Tx) error {
				return expect(second(h.client.Tx(ctx)), pgtenant.ErrNestedTx)
			},
		},
		"the pool's client inside is refused": {true, func(h *testBundle, ctx context.Context, _ *ent.Tx) error {
			return expect(second(h.client.Agent.Query().All(ctx)), pgtenant.ErrPoolInTx)
		}},
		"another tenant inside is refused": {true, func(h *testBundle, ctx context.Context, tx *ent.Tx) error {
			_, err := tx.Agent.Query().All(tenancy.With(tenancy.Detach(ctx), h.b))
			return expect(err, tenancy.ErrTenantMismatch)
		}},
		"a switched context inside is refused": {true, func(h *testBundle, ctx context.Context, tx *ent.Tx) error {
			return expect(second(tx.Tenant.Query().All(tenancy.With(ctx, h.b))), tenancy.ErrTenantSwitch)
		}},
		"no tenant inside a tenant's transaction is refused": {
			true, func(_ *testBundle, ctx context.Context, tx *ent.Tx) error {
				return expect(second(tx.Tenant.Query().All(tenancy.Detach(ctx))), tenancy.ErrTenantMismatch)
			},
		},
		"a failed statement can't be committed, even if its error is dropped": {
			false, func(_ *testBundle, ctx context.Context, tx *ent.Tx) error {
				return tx.Agent.Create().SetName("  ").Exec(ctx) // a CHECK refuses it
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setup(t)
			var failure error
			err := h.inTx(h.asA, func(ctx context.Context, tx *ent.Tx) error {
				require.NoError(t, tx.Agent.Create().SetName("kept").Exec(ctx))
				failure = tc.do(h, ctx, tx)
				return failure
			})
			require.ErrorIs(t, err, failure)
			require.Equal(t, tc.kept, failure == nil, "%v", failure)
			require.Equal(t, tc.kept, h.count(t, "select count(*) from agents where name = 'kept'") == 1)
		})
	}
}

func expect(got, want error) error {
	if !errors.Is(got, want) {
		return errors.Join(errors.New("unexpected"), got)
	}
	return nil
}

func TestPanicRollsBack(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	require.PanicsWithValue(t, "boom", func() {
		_ = h.inTx(h.asA, func(ctx context.Context, tx *ent.Tx) error {
			require.NoError(t, tx.Agent.Create().SetName("lost").Exec(ctx))
			panic("boom")
		})
	})
	h.healthy(t) // the only connection was released
}

func TestContextEndsBeforeCommit(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx, cancel := context.WithCancel(h.asA)
		err := h.inTx(ctx, func(ctx context.Context, tx *ent.Tx) error {
			require.NoError(t, tx.Agent.Create().SetName("lost").Exec(ctx))
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		h.healthy(t)
	})
}

func second[T any](_ T, err error) error { return err }
