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

// ours is the product's client on the product's driver. The tenant comes with the context, and the mixin adds its
// predicate.
type ours struct{ client *ent.Client }

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
	agents, err := o.client.Agent.Query().Order(agent.ByID()).Limit(pageSize).All(tenancy.With(ctx, j.tenant))
	return expect(pageSize, len(agents), err)
}

func (o ours) insert(ctx context.Context, j job) error {
	return o.client.Agent.Create().SetName(j.name).Exec(tenancy.With(ctx, j.tenant))
}

func (o ours) update(ctx context.Context, j job) error {
	return o.client.Agent.UpdateOneID(j.agent).SetName(j.name).Exec(tenancy.With(ctx, j.tenant))
}

func (o ours) unit(ctx context.Context, j job) error {
	return pgtenant.InTx(tenancy.With(ctx, j.tenant), o.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		return listInsertUpdate(ctx, ours{tx.Client()}, j)
	})
}

func (o ours) bulk(ctx context.Context, j job) error {
	agents := make([]*ent.AgentCreate, bulkSize)
	for i := range agents {
		agents[i] = o.client.Agent.Create().SetName(j.name)
	}
	return o.client.Agent.CreateBulk(agents...).Exec(tenancy.With(ctx, j.tenant))
}
