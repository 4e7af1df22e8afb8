// Package pgtenant is the Ent driver that sends every statement under its tenant.
//
// It implements Ent's dialect.Driver on a pgx pool. The tenant is the context's ([tenancy.With]); a statement goes out
// in one batch with set_config('app.current_tenant', tenant, true), which makes both one implicit transaction and one
// round trip. The setting is gone when the transaction ends: nothing is ever set for a session. A statement whose
// context has no tenant carries the empty setting, under which row-level security shows no row and takes none, so
// that even a connection somebody poisoned with a session-level setting tells nothing.
//
//	drv, err := pgtenant.Open(ctx, dsn)
//	client := ent.NewClient(ent.Driver(drv))
//	agents, err := client.Agent.Query().All(tenancy.With(ctx, id))
//
// Several statements that belong together run through [InTx]. A transaction has one tenant, or none, from its
// beginning; BEGIN travels with its first statement, so n statements cost n + 1 round trips and an unused transaction
// none. Hand-written SQL runs through [QueryRow] and [Exec], under the same rules.
//
// What the driver refuses, and when:
//
//	a context that is broken (tenancy.ErrTenantSwitch, …)       before any SQL
//	a statement of another tenant, or of none, in a transaction  tenancy.ErrTenantMismatch, before any SQL
//	a transaction inside InTx                                    ErrNestedTx
//	the pool's client inside InTx                                ErrPoolInTx
//	a write with no tenant                                       tenancy.ErrNoTenant, by PostgreSQL's 42501
//	a commit after a failed statement                            ErrTxAborted, nothing is written
//	no connection was free within the acquire timeout            ErrPoolBusy
//	the tenant used its part of the pool all that time           ErrTenantBusy
//	no connection works, and none can be opened                  *ConnectError, which names the cause
//
// While the server refuses further connections, statements wait for one that works. A connection that was idle for more
// than a second is pinged before it is used.
//
// Database errors are *pgconn.PgError without what could carry a row's values (DETAIL, HINT, CONTEXT).
//
// Behind PgBouncer in transaction mode use the query mode "cache_describe" or "exec"; see [WithQueryMode].
//
// The package imports tenancy, and no generated code.
package pgtenant
