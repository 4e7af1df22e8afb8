package mixin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy"
)

func newContext(t *testing.T) context.Context {
	t.Helper()
	id, err := tenancy.FromUUID(uuid.New())
	require.NoError(t, err)
	return tenancy.With(t.Context(), id)
}

// The generator and the planner read these.
func TestTenantSchema(t *testing.T) {
	t.Parallel()
	fields := mixin.Tenant{}.Fields()
	require.Len(t, fields, 1)
	column := fields[0].Descriptor()
	require.Equal(t, mixin.TenantColumn, column.Name)
	require.True(t, column.Immutable)
	require.False(t, column.Optional)
	require.Contains(t, column.Annotations,
		entsql.DefaultExpr("NULLIF(current_setting('app.current_tenant', true), '')::uuid"))

	indexes := mixin.Tenant{}.Indexes()
	require.Len(t, indexes, 1)
	require.Equal(t, []string{mixin.TenantColumn, "id"}, indexes[0].Descriptor().Fields)
	require.True(t, indexes[0].Descriptor().Unique)
}

// A client generated without the template cannot be confined, so it must not query.
func TestClientWithoutTheTemplateIsRefused(t *testing.T) {
	t.Parallel()
	traverser, ok := mixin.Tenant{}.Interceptors()[0].(ent.Traverser)
	require.True(t, ok)
	require.ErrorContains(t, traverser.Traverse(newContext(t), struct{}{}), "ReplaceP")

	for _, op := range []ent.Op{ent.OpUpdate, ent.OpUpdateOne, ent.OpDelete, ent.OpDeleteOne} {
		_, err := hook(t)(newContext(t), &mutation{op: op})
		require.ErrorContains(t, err, "ReplaceP", op)
	}
}

func TestCreateThatCannotBeStampedFails(t *testing.T) {
	t.Parallel()
	refused := errors.New("unknown field")
	_, err := hook(t)(newContext(t), &mutation{op: ent.OpCreate, err: refused})
	require.ErrorIs(t, err, refused)
}

// hook is the mixin's, before a mutator that must not be called.
func hook(t *testing.T) func(context.Context, ent.Mutation) (ent.Value, error) {
	t.Helper()
	return mixin.Tenant{}.Hooks()[0](ent.MutateFunc(func(context.Context, ent.Mutation) (ent.Value, error) {
		require.Fail(t, "the mutation was carried out")
		return nil, nil
	})).Mutate
}

type mutation struct {
	ent.Mutation

	op  ent.Op
	err error
}

func (m *mutation) Op() ent.Op                       { return m.op }
func (*mutation) Type() string                       { return "Note" }
func (*mutation) Field(string) (ent.Value, bool)     { return nil, false }
func (m *mutation) SetField(string, ent.Value) error { return m.err }

func TestTimes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := tenancy.With(t.Context(), b.one)
	before := time.Now().Truncate(time.Microsecond)
	made := b.Agent.Create().SetName("Ada").SaveX(ctx)
	for _, at := range []time.Time{made.CreatedAt, made.UpdatedAt} {
		require.WithinRange(t, at, before, time.Now())
		require.Equal(t, time.UTC, at.Location())
		require.Equal(t, at, at.Truncate(time.Microsecond))
	}
	require.Equal(t, made.CreatedAt, b.Agent.GetX(ctx, made.ID).CreatedAt)
	changed := b.Agent.UpdateOne(made).SetRole("x").SaveX(ctx)
	require.True(t, changed.UpdatedAt.After(made.UpdatedAt))
	require.Equal(t, made.CreatedAt, changed.CreatedAt)
}
