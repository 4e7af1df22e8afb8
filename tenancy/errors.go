package tenancy

import "errors"

// The errors of tenancy. They are matched with [errors.Is]; every layer that enforces the tenant (this package,
// the mixin, the driver, the Redis keys) returns these and no others for the same faults.
var (
	// ErrNoTenant means that tenant data was asked for with no tenant in the context.
	ErrNoTenant = errors.New("tenancy: no tenant in the context")
	// ErrTenantMismatch means that a value or a statement belongs to another tenant than the context's, or than the
	// transaction's that it runs in.
	ErrTenantMismatch = errors.New("tenancy: tenant differs from the one at hand")
	// ErrTenantSwitch means that With was called over a different tenant. The context is unusable; see Detach.
	ErrTenantSwitch = errors.New("tenancy: the context belongs to another tenant")
	// ErrInvalidID means that a tenant's id is malformed, or zero.
	ErrInvalidID = errors.New("tenancy: invalid tenant id")
	// ErrRecycledContext means that the context is, or derives from, a *gin.Context. Gin hands the same object to the
	// next request, so whoever still holds it reads that request's tenant. Use the request's own context.
	ErrRecycledContext = errors.New("tenancy: a *gin.Context is reused by the next request; use Request.Context()")
)
