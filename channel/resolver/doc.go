// Package resolver finds the tenant of a workspace, before any tenant is known.
//
// A webhook names a workspace, and channel_connections is readable under a tenant only. So the question goes to the one
// SECURITY DEFINER function, resolve_tenant, which knows active connections of active tenants and answers with a
// tenant's id or nothing. What it says is then held against the connection itself, read under row-level security in
// that tenant:
//
//	r := resolver.New(drv, resolver.Options{})
//	found, err := r.Resolve(ctx, message.Slack, "T0123456789")     // errors.Is(err, resolver.ErrUnknownWorkspace)
//	ctx = tenancy.With(ctx, found.Tenant)
//
// Answers are kept in this process for some seconds, so that a busy workspace costs one round trip and not two. Misses are
// not kept: a connection that was just made resolves at once. Nothing goes to Redis, where such a key would have no
// tenant.
package resolver
