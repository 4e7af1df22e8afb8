// Package operation implements the API's operations without HTTP. A method joins the context's transaction, or runs in
// one of its own.
//
//	agents := &operation.Agents{Store: operation.Store{DB: db, Client: client, Pages: pages, Clock: time.Now}}
//	list, err := agents.List(tenancy.With(ctx, id), operation.Page{Limit: 50}, operation.AgentFilter{})
//
// [Agents], [Connections], [Members], [Invitations] and [Events] use the context's tenant; a row of another tenant is
// [ErrNotFound]. [Tenants] and [Users] use a context without a tenant. Callers must authorize first.
//
// The version of a row is its updated_at. A change names the versions it may replace ([Match]) and sets a later one,
// whatever the clock.
//
// The package imports ent, channel/secrets, the driver, tenancy, and account, audit, mail and token of the server.
package operation
