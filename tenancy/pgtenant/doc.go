// Package pgtenant is the Ent driver that sends every statement under its tenant.
//
// It implements Ent's dialect.Driver on a pgx pool. The tenant is the context's ([tenancy.With]). A statement goes out in
// one pipeline behind a prelude that sets app.current_tenant, which makes both one implicit transaction and one round trip:
//
//	client → server, one write                             server → client, one answer
//	  Bind, Execute   select <session is unchanged>,         true
//	                  set_config('app.current_tenant',
//	                             tenant, true)
//	  Bind, Execute   select … from agents                   the rows, the command tag
//	  Bind, Execute   reset all                              its tag; only behind a read
//	  Sync                                                   ready; the setting is gone
//
// In a transaction, BEGIN stands in front of the first prelude, and each statement has a prelude of its own. Statements are
// prepared when a connection first meets them, in a round trip of their own; the connection keeps as many as pgx's
// statement_cache_capacity or description_cache_capacity says. The setting is gone when the transaction ends: nothing is ever
// set for a session. A statement whose context has no tenant carries the empty setting, under which row-level security shows
// no row and accepts none.
//
// An earlier user of a connection does not affect the next one. A single statement, and the first of a transaction, are
// preceded by a check of the session's settings; if they were changed, the connection is closed and the statement is sent
// once more, on another one, before anything of it has run. Behind a single read the session is reset, and while nobody else
// takes the connection the next check is short: it asks for the role alone. Behind a pooler nothing is reset, and the check
// is always a whole one. A connection on which anything but a query or a change of rows ran, by its command tag, is closed
// when it is given back: savepoints, SET, SHOW, LOCK and the like cost the connection. So does a transaction that runs a
// statement under a time zone, a date style, an encoding, a syntax of strings or an output format of its own, because a
// prepared statement keeps how its text was read, and the text of its constants.
//
//	drv, err := pgtenant.Open(ctx, dsn)
//	client := ent.NewClient(ent.Driver(drv))
//	agents, err := client.Agent.Query().All(tenancy.With(ctx, id))
//
// Several statements that belong together run through [InTx]. A transaction has one tenant, or none, from its
// beginning; BEGIN travels with its first statement, so n statements cost n + 1 round trips and an unused transaction
// none. Hand-written SQL runs through [Query] with [Collect], [QueryRow] and [Exec], under the same rules.
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
//	COPY                                                         ErrCopy, before any SQL
//	a write to a server that became read-only                    ErrReadOnlyServer; the connection is closed
//
// While the server refuses further connections, statements wait for one that works. A connection that was idle for more
// than a second is pinged before it is used.
//
// Where an answer is lost, the error says what that means: [ErrOutcomeUnknown] for a write or a commit that may have taken
// effect, [ErrNoEffect] for everything else. Nothing is sent again blindly; a statement is sent once more only if PostgreSQL
// refused it before it ran: because its session was changed, or because a plan that the connection had kept was out of date.
//
// Database errors are *pgconn.PgError without what could carry a row's values (DETAIL, HINT, CONTEXT).
//
// Behind a pooler in transaction mode use the query mode "cache_describe" or "exec", in which nothing has a name on the
// server; see [WithQueryMode]. In the default mode, a statement behind a pooler that invents process ids for its clients, as
// PgBouncer does, returns [ErrConfig]: another client could have prepared a different text under the same name.
//
// The package imports tenancy, and no generated code.
package pgtenant
