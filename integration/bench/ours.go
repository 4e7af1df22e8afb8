package bench

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/agent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// ours is the product's client and driver. The context carries the tenant, and the mixin adds its predicate.
type ours struct{ ent *ent.Client }

func openOurs(tb testing.TB, dsn string) ours {
	tb.Helper()
	return ours{ent.NewClient(ent.Driver(openDriver(tb, dsn, connections)))}
}

func openDriver(tb testing.TB, dsn string, conns int32) *pgtenant.Driver {
	tb.Helper()
	driver, err := pgtenant.Open(tb.Context(), dsn, pgtenant.WithMaxConns(conns))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = driver.Close() })
	return driver
}

func (o ours) list(ctx context.Context, j job) error {
	agents, err := o.ent.Agent.Query().Order(agent.ByID()).Limit(pageSize).All(tenancy.With(ctx, j.tenant))
	return expect(pageSize, len(agents), err)
}

func (o ours) insert(ctx context.Context, j job) error {
	return o.ent.Agent.Create().SetName(j.name).Exec(tenancy.With(ctx, j.tenant))
}

func (o ours) update(ctx context.Context, j job) error {
	return o.ent.Agent.UpdateOneID(j.agent).SetName(j.name).Exec(tenancy.With(ctx, j.tenant))
}

func (o ours) bulk(ctx context.Context, j job) error {
	set := func(create *ent.AgentCreate, _ int) { create.SetName(j.name) }
	return o.ent.Agent.MapCreateBulk(make([]struct{}, bulkSize), set).Exec(tenancy.With(ctx, j.tenant))
}

func (o ours) inTx(ctx context.Context, j job, do []operation) error {
	return pgtenant.InTx(tenancy.With(ctx, j.tenant), o.ent.Tx, func(ctx context.Context, tx *ent.Tx) error {
		return inOrder(ctx, ours{tx.Client()}, j, do)
	})
}
