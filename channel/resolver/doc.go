// Package resolver finds the tenant of a workspace, before any tenant is known.
//
// A webhook names a workspace, but channel_connections is readable only under a tenant. The SECURITY DEFINER function
// resolve_tenant sees active connections of active tenants and returns a tenant's id or NULL. Its answer is confirmed
// by reading the connection under row-level security, as that tenant:
//
//	r := resolver.New(drv, resolver.TTL)
//	found, err := r.Resolve(ctx, message.Slack, "T0123456789")     // errors.Is(err, resolver.ErrUnknownWorkspace)
//	ctx = tenancy.With(ctx, found.Tenant)
//
// Tenant ids are cached in this process for a few seconds, which saves one of two round trips. Misses are not cached,
// so a new connection resolves at once. Nothing is cached in Redis, where such a key would have no tenant.
package resolver
