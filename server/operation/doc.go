// Package operation implements the API's operations without HTTP. Each method is one unit of work on tenants, agents or
// channel connections; its transaction has ended when it returns.
//
//	agents := operation.NewAgents(client, pages, time.Now)
//	list, err := agents.List(tenancy.With(ctx, id), operation.Page{Limit: 50})
//
// [Agents] and [Connections] use the context's tenant; a row of another tenant is [ErrNotFound]. [Tenants] uses the
// platform's own table, with a context that has no tenant. Callers must authorize first: nothing is authorized here.
//
// The version of a row is its updated_at. A change names the versions it may replace ([Match]) and sets a later one,
// whatever the clock.
//
// The package imports ent, channel/secrets, the driver and tenancy.
package operation
