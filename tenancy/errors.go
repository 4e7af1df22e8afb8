package tenancy

import "errors"

// The errors of every layer that enforces the tenant: this package, the mixin, the driver and the Redis keys. Match them
// with [errors.Is].
var (
	// ErrNoTenant is returned when tenant data is accessed without a tenant in the context.
	ErrNoTenant = errors.New("tenancy: no tenant in the context")
	// ErrTenantMismatch is returned when the tenant of a value or a statement is not that of the context or the transaction.
	ErrTenantMismatch = errors.New("tenancy: tenant mismatch")
	// ErrTenantSwitch is returned for a context on which With was called with two tenants. See Detach.
	ErrTenantSwitch = errors.New("tenancy: the context belongs to another tenant")
	// ErrInvalidID is returned for a malformed or zero tenant id.
	ErrInvalidID = errors.New("tenancy: invalid tenant id")
	// ErrRecycledContext is returned for a *gin.Context or a context derived from one. Gin reuses the object, so work that
	// outlives the handler would read the next request's tenant. Use the request's context.
	ErrRecycledContext = errors.New("tenancy: a *gin.Context is reused by the next request; use Request.Context()")
)
