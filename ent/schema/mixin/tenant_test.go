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

// house is a client whose login stands under no policy: what is isolated here, the mixin isolates alone.
type house struct {
	*ent.Client

	trips pgtenant.RoundTrips
	a, b  tenancy.ID
	of    map[tenancy.ID]*ent.Agent
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{of: map[tenancy.ID]*ent.Agent{}}
	drv, err := pgtenant.Open(t.Context(), testdb.New(t).SuperURL, pgtenant.WithRoundTrips(&h.trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	h.Client = ent.NewClient(ent.Driver(drv))
	h.a, h.b = h.tenant(t, "a"), h.tenant(t, "b")
	return h
}

func (h *house) tenant(t *testing.T, name string) tenancy.ID {
	t.Helper()
	id, err := tenancy.FromUUID(h.Tenant.Create().SetName(name).SetSlug(name).SaveX(t.Context()).ID)
	require.NoError(t, err)
	h.of[id] = h.Agent.Create().SetName(name).SaveX(tenancy.With(t.Context(), id))
	require.Equal(t, id.UUID(), h.of[id].TenantID, "a create is stamped")
	return id
}

func TestTheMixinAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, own, foreign := tenancy.With(t.Context(), h.a), h.of[h.a], h.of[h.b]

	names, err := h.Agent.Query().Select(agent.FieldName).Strings(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, names)
	require.Equal(t, 1, h.Agent.Query().CountX(ctx))
	_, err = h.Agent.Get(ctx, foreign.ID)
	require.True(t, ent.IsNotFound(err), "%v", err)
	require.Equal(t, "a", h.Agent.GetX(ctx, own.ID).Name)

	require.Equal(t, 1, h.Agent.Update().SetRole("all of them").SaveX(ctx))
	err = h.Agent.UpdateOneID(foreign.ID).SetRole("that one").Exec(ctx)
	require.True(t, ent.IsNotFound(err), "%v", err)
	require.NoError(t, h.Agent.UpdateOneID(own.ID).SetRole("own").Exec(ctx))

	err = h.Agent.DeleteOneID(foreign.ID).Exec(ctx)
	require.True(t, ent.IsNotFound(err), "%v", err)
	require.Equal(t, 1, h.Agent.Delete().ExecX(ctx))
	left := h.Agent.GetX(tenancy.With(t.Context(), h.b), foreign.ID)
	require.Equal(t, foreign.Role, left.Role)
}

func TestWithoutATenantNothingIsSent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second := func(_ any, err error) error { return err }
	for name, do := range map[string]func(ctx context.Context) error{
		"query":       func(ctx context.Context) error { return second(h.Agent.Query().All(ctx)) },
		"count":       func(ctx context.Context) error { return second(h.Agent.Query().Count(ctx)) },
		"get":         func(ctx context.Context) error { return second(h.Agent.Get(ctx, h.of[h.a].ID)) },
		"create":      func(ctx context.Context) error { return h.Agent.Create().SetName("x").Exec(ctx) },
		"bulk create": func(ctx context.Context) error { return h.Agent.CreateBulk(h.Agent.Create().SetName("x")).Exec(ctx) },
		"update":      func(ctx context.Context) error { return h.Agent.Update().SetName("x").Exec(ctx) },
		"update one":  func(ctx context.Context) error { return h.Agent.UpdateOne(h.of[h.a]).SetName("x").Exec(ctx) },
		"delete":      func(ctx context.Context) error { return second(h.Agent.Delete().Exec(ctx)) },
		"delete one":  func(ctx context.Context) error { return h.Agent.DeleteOne(h.of[h.a]).Exec(ctx) },
	} {
		before := h.trips.Count()
		require.ErrorIs(t, do(t.Context()), tenancy.ErrNoTenant, name)
		require.ErrorIs(t, do(tenancy.With(tenancy.With(t.Context(), h.a), h.b)), tenancy.ErrTenantSwitch, name)
		require.Equal(t, before, h.trips.Count(), "%s: refused before any SQL", name)
	}
}

func TestACreateCannotNameAnotherTenant(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := tenancy.With(t.Context(), h.a)
	naming := func(id tenancy.ID) *ent.AgentCreate { return h.Agent.Create().SetName("x").SetTenantID(id.UUID()) }
	require.ErrorIs(t, naming(h.b).Exec(ctx), tenancy.ErrTenantMismatch)
	require.ErrorIs(t, h.Agent.CreateBulk(naming(h.a), naming(h.b)).Exec(ctx), tenancy.ErrTenantMismatch)
	require.NoError(t, naming(h.a).Exec(ctx), "its own it may name")
	require.Equal(t, 1, h.Agent.Query().CountX(tenancy.With(t.Context(), h.b)))
}
