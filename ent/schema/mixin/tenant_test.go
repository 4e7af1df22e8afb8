package mixin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/agent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// testBundle is a client of a superuser, who bypasses the policies: only the mixin isolates.
type testBundle struct {
	*ent.Client

	trips    pgtenant.RoundTrips
	one, two tenancy.ID
	agents   map[tenancy.ID]*ent.Agent
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{agents: map[tenancy.ID]*ent.Agent{}}
	drv, err := pgtenant.Open(t.Context(), testdb.New(t).SuperURL, pgtenant.WithRoundTrips(&b.trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	b.Client = ent.NewClient(ent.Driver(drv))
	b.one, b.two = b.tenant(t, "a"), b.tenant(t, "b")
	return b
}

func (b *testBundle) tenant(t *testing.T, name string) tenancy.ID {
	t.Helper()
	id, err := tenancy.FromUUID(b.Tenant.Create().SetName(name).SetSlug(name).SaveX(t.Context()).ID)
	require.NoError(t, err)
	b.agents[id] = b.Agent.Create().SetName(name).SaveX(tenancy.With(t.Context(), id))
	require.Equal(t, id.UUID(), b.agents[id].TenantID, "a create is stamped")
	return id
}

func TestTheMixinAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, own, foreign := tenancy.With(t.Context(), b.one), b.agents[b.one], b.agents[b.two]

	names, err := b.Agent.Query().Select(agent.FieldName).Strings(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, names)
	require.Equal(t, 1, b.Agent.Query().CountX(ctx))
	_, err = b.Agent.Get(ctx, foreign.ID)
	require.True(t, ent.IsNotFound(err), "%v", err)
	require.Equal(t, "a", b.Agent.GetX(ctx, own.ID).Name)

	require.Equal(t, 1, b.Agent.Update().SetRole("all of them").SaveX(ctx))
	err = b.Agent.UpdateOneID(foreign.ID).SetRole("that one").Exec(ctx)
	require.True(t, ent.IsNotFound(err), "%v", err)
	require.NoError(t, b.Agent.UpdateOneID(own.ID).SetRole("own").Exec(ctx))

	err = b.Agent.DeleteOneID(foreign.ID).Exec(ctx)
	require.True(t, ent.IsNotFound(err), "%v", err)
	require.Equal(t, 1, b.Agent.Delete().ExecX(ctx))
	left := b.Agent.GetX(tenancy.With(t.Context(), b.two), foreign.ID)
	require.Equal(t, foreign.Role, left.Role)
}

func TestWithoutATenantNothingIsSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	second := func(_ any, err error) error { return err }
	for name, do := range map[string]func(ctx context.Context) error{
		"query":  func(ctx context.Context) error { return second(b.Agent.Query().All(ctx)) },
		"count":  func(ctx context.Context) error { return second(b.Agent.Query().Count(ctx)) },
		"get":    func(ctx context.Context) error { return second(b.Agent.Get(ctx, b.agents[b.one].ID)) },
		"create": func(ctx context.Context) error { return b.Agent.Create().SetName("x").Exec(ctx) },
		"bulk create": func(ctx context.Context) error {
			return b.Agent.CreateBulk(b.Agent.Create().SetName("x")).Exec(ctx)
		},
		"update": func(ctx context.Context) error { return b.Agent.Update().SetName("x").Exec(ctx) },
		"update one": func(ctx context.Context) error {
			return b.Agent.UpdateOne(b.agents[b.one]).SetName("x").Exec(ctx)
		},
		"delete":     func(ctx context.Context) error { return second(b.Agent.Delete().Exec(ctx)) },
		"delete one": func(ctx context.Context) error { return b.Agent.DeleteOne(b.agents[b.one]).Exec(ctx) },
	} {
		before := b.trips.Count()
		require.ErrorIs(t, do(t.Context()), tenancy.ErrNoTenant, name)
		require.ErrorIs(t, do(tenancy.With(tenancy.With(t.Context(), b.one), b.two)), tenancy.ErrTenantSwitch, name)
		require.Equal(t, before, b.trips.Count(), "%s: refused before any SQL", name)
	}
}

func TestACreateCannotNameAnotherTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := tenancy.With(t.Context(), b.one)
	naming := func(id tenancy.ID) *ent.AgentCreate { return b.Agent.Create().SetName("x").SetTenantID(id.UUID()) }
	require.ErrorIs(t, naming(b.two).Exec(ctx), tenancy.ErrTenantMismatch)
	require.ErrorIs(t, b.Agent.CreateBulk(naming(b.one), naming(b.two)).Exec(ctx), tenancy.ErrTenantMismatch)
	require.NoError(t, naming(b.one).Exec(ctx), "naming the context's tenant is allowed")
	require.Equal(t, 1, b.Agent.Query().CountX(tenancy.With(t.Context(), b.two)))
}
