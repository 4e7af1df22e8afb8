// Package resolver finds the tenant of a workspace, before any tenant is known.
//
// A webhook names a workspace, and channel_connections is readable under a tenant only. So the question goes to the one
// SECURITY DEFINER function, resolve_tenant, which sees active connections of active tenants and returns a tenant's id or
// NULL. The answer is then confirmed by reading the connection itself under row-level security in that tenant:
//
//	r := resolver.New(drv, resolver.Options{})
//	found, err := r.Resolve(ctx, message.Slack, "T0123456789")     // errors.Is(err, resolver.ErrUnknownWorkspace)
//	ctx = tenancy.With(ctx, found.Tenant)
//
// Answers are cached in this process for some seconds, so that a busy workspace costs one round trip instead of two. Misses
// are not cached: a new connection resolves at once. Nothing goes to Redis, where such a key would have no tenant.
package resolver
