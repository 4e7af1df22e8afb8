// Package tenancy puts the tenant into the [context.Context].
//
// It is the contract between the code that determines the tenant (an HTTP handler after authorization, an ingress after
// resolving a workspace) and the code that requires it (the database driver, the Redis keys). The tenant is passed in the
// context and nowhere else:
//
//	ctx, err := …                        // a request's context
//	ctx = tenancy.With(ctx, id)          // from here on, this tenant and no other
//	agents, err := client.Agent.Query().All(ctx)
//
// A context never changes its tenant: [With] for another one returns a context on which everything fails with
// [ErrTenantSwitch]. Work for another tenant, or for none, starts from [Detach]. There is no bypass: no flag, key or build
// tag makes tenant data readable without a tenant.
package tenancy
