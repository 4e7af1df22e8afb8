// Package operation is what the API does, without HTTP: one method is one unit of work on tenants, agents or channel
// connections. A handler decodes, calls one of them, and encodes; when it returns, its transaction has ended.
//
//	agents := operation.NewAgents(client, pages, time.Now)
//	list, err := agents.List(tenancy.With(ctx, id), operation.Page{Limit: 50})
//
// [Agents] and [Connections] work for the context's tenant; another tenant's row is [ErrNotFound], like one that isn't
// there. [Tenants] works on the platform's own table, with a context that has no tenant. Nobody's rights are checked
// here: who calls has decided that.
//
// Every row has a version, its updated_at. A change names the versions that it may replace ([Match]), and takes one
// that is later than those, whatever the clock says.
//
// The package imports ent, channel/secrets, the driver and tenancy.
package operation
