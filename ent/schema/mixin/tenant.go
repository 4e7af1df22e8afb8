package mixin

import (
	"context"
	"fmt"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	entmixin "entgo.io/ent/schema/mixin"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// TenantColumn makes a table tenant-scoped, for the mixin, the migration planner and the doctor.
const TenantColumn = "tenant_id"

// Tenant makes a schema tenant-scoped. Creates get the context's tenant; updates, deletes and every query step, eager
// loading included, reach only its rows. Without a tenant they fail with [tenancy.ErrNoTenant] before any SQL. A create
// that names another tenant fails with [tenancy.ErrTenantMismatch].
type Tenant struct{ entmixin.Schema }

// Fields implements [ent.Mixin].
func (Tenant) Fields() []ent.Field {
	return []ent.Field{
		field.UUID(TenantColumn, uuid.UUID{}).Immutable().Annotations(entsql.DefaultExpr(rls.CurrentTenant)),
	}
}

// Indexes implements [ent.Mixin]. Composite foreign keys need the unique (tenant_id, id), and keyset pages use it.
func (Tenant) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields(TenantColumn, "id").Unique(),
	}
}

// Hooks implements [ent.Mixin].
func (Tenant) Hooks() []ent.Hook {
	return []ent.Hook{confineMutations}
}

// Interceptors implements [ent.Mixin].
func (Tenant) Interceptors() []ent.Interceptor {
	return []ent.Interceptor{confinement{}}
}

// predicated is implemented by queries and mutations generated with [Template].
type predicated interface {
	ReplaceP(p func(*sql.Selector))
}

func confineMutations(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		id, err := tenancy.From(ctx)
		switch {
		case err != nil:
		case m.Op().Is(ent.OpCreate):
			err = stamp(m, id)
		default:
			err = confine(m, id)
		}
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", m.Op(), m.Type(), err)
		}
		return next.Mutate(ctx, m)
	})
}

// stamp sets a create's tenant, or compares the one that is set with the context's.
func stamp(m ent.Mutation, id tenancy.ID) error {
	if set, ok := m.Field(TenantColumn); ok {
		if set != id.UUID() {
			return tenancy.ErrTenantMismatch
		}
		return nil
	}
	return m.SetField(TenantColumn, id.UUID())
}

// confinement is the queries' interceptor. Ent passes each step of a traversal to Traverse alone, and the executed
// query to both.
type confinement struct{}

var (
	_ ent.Interceptor = confinement{}
	_ ent.Traverser   = confinement{}
)

// Traverse implements [ent.Traverser]: it confines a step to the context's tenant.
func (confinement) Traverse(ctx context.Context, q ent.Query) error {
	id, err := tenancy.From(ctx)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	return confine(q, id)
}

// Intercept implements [ent.Interceptor]. It runs a copy of the query: eager loading adds keys to the edges' builders,
// where the next run would find them.
func (confinement) Intercept(next ent.Querier) ent.Querier {
	return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		if d, ok := q.(detachable); ok {
			q = d.Detach()
		}
		return next.Query(ctx, q)
	})
}

// confine sets tenant_id = id on a query, an update or a delete, and replaces an earlier run's predicate.
func confine(target any, id tenancy.ID) error {
	p, ok := target.(predicated)
	if !ok {
		return fmt.Errorf("%T has no ReplaceP: generate the client with mixin.Template", target)
	}
	p.ReplaceP(ofTenant(id))
	return nil
}

// ofTenant is the predicate tenant_id = id. [ReplaceP] recognizes its code, which inlining would duplicate.
//
//go:noinline
func ofTenant(id tenancy.ID) func(*sql.Selector) {
	value := id.UUID()
	return func(s *sql.Selector) { s.Where(sql.EQ(s.C(TenantColumn), value)) }
}
