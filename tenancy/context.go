package tenancy

import (
	"context"
	"errors"
)

// binding is what a context says about its tenant: one tenant, or the reason why it can have none.
type binding struct {
	id  ID
	err error
}

type bindingKey struct{}

// ginContextKey is the key under which a *gin.Context, and every context that derives from one, answers with the
// *gin.Context itself (gin's ContextKey). Asking for it keeps gin out of this package's imports.
const ginContextKey = "_gin-gonic/gin/contextkey"

// With returns a context that works for the tenant id, down to every statement sent with it.
//
// It has no error result, so that it can stand where a context is passed; what is wrong is reported by everything
// that uses the context: [ErrInvalidID] for the zero ID, [ErrTenantSwitch] when ctx belongs to another tenant,
// [ErrRecycledContext] for a *gin.Context. The same tenant again is no change.
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

// From returns the tenant that ctx works for. The error is [ErrNoTenant] where there is none, or what [With]
// found wrong.
func From(ctx context.Context) (ID, error) {
	b := lookup(ctx)
	return b.id, b.err
}

// Detach returns a context for work that outlives ctx or is not its tenant's: without tenant, deadline and
// cancellation, but with the other values (a trace, a request id). It is the only way from one tenant to
// another, and it is meant to be seen in review. A *gin.Context can't be detached from: see [ErrRecycledContext].
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
