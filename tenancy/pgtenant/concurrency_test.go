package pgtenant_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Fifty goroutines share four connections and end their statements in every way.
func TestNoWrongRowUnderConcurrency(t *testing.T) {
	t.Parallel()
	const goroutines, rounds = 50, 40
	h := setup(t, pgtenant.WithMaxConns(4), pgtenant.WithAcquireTimeout(time.Minute))
	var checked, wrong atomic.Int64
	check := func(id tenancy.ID, agents []*ent.Agent) {
		for _, a := range agents {
			checked.Add(1)
			if a.TenantID != id.UUID() {
				wrong.Add(1)
			}
		}
	}
	var wg sync.WaitGroup
	for i := range goroutines {
		id := []tenancy.ID{h.a, h.b}[i%2]
		wg.Go(func() {
			for range rounds {
				ctx, cancel := context.WithTimeout(as(t, id), time.Duration(rand.IntN(20))*time.Millisecond)
				h.visit(ctx, id, check)
				cancel()
				agents, err := h.client.Agent.Query().All(as(t, id))
				if err != nil {
					t.Error(err)
					return
				}
				check(id, agents)
			}
		})
	}
	wg.Wait()
	require.Zero(t, wrong.Load())
	require.GreaterOrEqual(t, checked.Load(), int64(goroutines*rounds))
}

func (h *testBundle) visit(ctx context.Context, id tenancy.ID, check func(tenancy.ID, []*ent.Agent)) {
	defer func() { _ = recover() }()
	switch rand.IntN(4) {
	case 0:
		_, _ = pgtenant.Exec(ctx, h, "select pg_sleep(0.01)")
	case 1:
		agents, _ := h.client.Agent.Query().All(ctx)
		check(id, agents)
	default:
		_ = h.inTx(ctx, func(ctx context.Context, tx *ent.Tx) error {
			agents, _ := tx.Agent.Query().All(ctx)
			check(id, agents)
			switch rand.IntN(3) {
			case 0:
				panic("boom")
			case 1:
				return errors.New("boom")
			}
			return nil
		})
	}
}
