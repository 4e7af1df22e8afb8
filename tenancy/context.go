package tenancy

import (
	"context"
	"errors"
)

// binding is a context's tenant, or the reason why it has none.
type binding struct {
	id  ID
	err error
}

type bindingKey struct{}

// ginContextKey is gin's ContextKey, the key of the *gin.Context in itself and in every context derived from it. It avoids
// an import of gin.
const ginContextKey = "_gin-gonic/gin/contextkey"

// With returns a context of the tenant id. If ctx has that tenant already, it returns ctx.
//
// Misuse is reported by [From], and so by everything that uses the context: [ErrInvalidID] for the zero ID,
// [ErrTenantSwitch] if ctx has another tenant, [ErrRecycledContext] for a *gin.Context.
func With(ctx context.Context, id ID) context.Context {
	current := lookup(ctx)
	switch {
	case current.err != nil && !errors.Is(current.err, ErrNoTenant):
		return context.WithValue(ctx, bindingKey{}, current)
	case id.IsZero():
		return context.WithValue(ctx, bindingKey{}, binding{err: ErrInvalidID})
	case current.err == nil && current.id != id:
		return context.WithValue(ctx, bindingKey{}, binding{err: ErrTenantSwitch})
	case current.err == nil:
		return ctx
	}
	return context.WithValue(ctx, bindingKey{}, binding{id: id})
}

// From returns the tenant of ctx. It returns [ErrNoTenant] if it has no tenant, or the error that [With] found.
func From(ctx context.Context) (ID, error) {
	b := lookup(ctx)
	return b.id, b.err
}

// Detach returns a context without tenant, deadline and cancellation, but with the other values of ctx (a trace, a request
// id), for work that outlives ctx or is another tenant's. It is the only way from one tenant to another, so look for it in
// reviews. A *gin.Context can't be detached: see [ErrRecycledContext].
func Detach(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), bindingKey{}, binding{err: ErrNoTenant})
}

func lookup(ctx context.Context) binding {
	if ctx.Value(ginContextKey) != nil {
		return binding{err: ErrRecycledContext}
	}
	if b, ok := ctx.Value(bindingKey{}).(binding); ok {
		return b
	}
	return binding{err: ErrNoTenant}
}
