// Package tenancy says for which tenant a piece of work is done.
//
// It is the contract between the code that knows the tenant (an HTTP handler that has decided on access,
// an ingress that has resolved a workspace) and the code that must not work without it (the database driver,
// the Redis keys). The tenant travels in the [context.Context] and nowhere else:
//
//	ctx, err := …                        // a request's context
//	ctx = tenancy.With(ctx, id)          // from here on, this tenant and no other
//	agents, err := client.Agent.Query().All(ctx)
//
// A context has one tenant for its whole life. [With] over another tenant does not switch: it yields a context
// on which everything fails with [ErrTenantSwitch]. Work that really is another tenant's, or nobody's, starts
// from [Detach]. There is no bypass: no flag, no key and no build tag makes tenant data readable without a tenant.
//
// The package is a leaf: it imports nothing else of this module.
package tenancy
