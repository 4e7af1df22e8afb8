// Package pgtenant is an Ent driver that sends every statement under its tenant.
//
// It implements Ent's dialect.Driver on a pgx pool. The tenant is the context's ([tenancy.With]). A statement is sent
// in one pipeline after a prelude that sets app.current_tenant. Both are one implicit transaction, in one round trip:
//
//	client → server, one write                             server → client, one answer
//	  Bind, Execute   select <session is unchanged>,         true
//	                  set_config('app.current_tenant',
//	                             tenant, true)
//	  Bind, Execute   select … from agents                   the rows, the command tag
//	  Bind, Execute   reset all                              its tag; only after a read
//	  Sync                                                   ready; the setting is gone
//
// # Isolation
//
// The setting ends with the transaction; nothing is set for a session. Without a tenant it is empty, and row-level
// security shows and accepts no row. In a transaction, BEGIN is sent before the first prelude, and each statement has a
// prelude.
//
// An earlier user of a connection does not affect the next one:
//
//   - The prelude of a single statement, and of a transaction's first, checks the session's settings. If they were
//     changed, the connection is closed, and the statement, which has not run, is resent on another one.
//   - After a single read the session is reset. The next check then compares only the role. Behind a pooler, where
//     another client could use the session in between, nothing is reset and all settings are compared.
//   - A connection is closed on release if anything but a query or a change of rows ran on it, by the command tag:
//     SAVEPOINT, SET, SHOW, LOCK and others cost the connection.
//   - It is also closed after a transaction that ran a statement under another time zone, date style, encoding, string
//     syntax or output format: a prepared statement keeps its constants as they were parsed.
//
// Statements are prepared on first use, in a separate round trip. Each connection keeps as many as pgx's
// statement_cache_capacity or description_cache_capacity.
//
// # Transactions and hand-written SQL
//
// [InTx] runs several statements as one transaction. It has one tenant, or none, from its beginning. BEGIN is sent with
// the first statement, so n statements cost n + 1 round trips, and an unused transaction none. Inside InTx the pool's
// client is refused. One of [Driver.Joining] joins the transaction, so the same code can be the whole of a transaction
// or a part of one. Send hand-written SQL by [Query] with [Collect], [QueryRow] and [Exec].
//
// # Errors
//
// A broken context, a statement of another tenant in a transaction ([tenancy.ErrTenantMismatch]) and COPY ([ErrCopy])
// are refused before any SQL. A write without a tenant, which PostgreSQL refuses (42501), returns
// [tenancy.ErrNoTenant].
//
// While the server refuses further connections, statements wait for an open one. A connection that was idle for over a
// second is pinged before use.
//
// If an answer is lost, the error is [ErrOutcomeUnknown] for a write or a commit that may have taken effect, and
// [ErrNoEffect] otherwise. A statement is resent only if PostgreSQL refused it before it ran: its session was changed,
// or the connection's plan was out of date.
//
// Database errors are *pgconn.PgError without the fields that could contain a row's values (DETAIL, HINT, CONTEXT).
//
// # Poolers
//
// Behind a pooler in transaction mode use the query mode "cache_describe" or "exec", in which no statement has a name
// on the server; see [WithQueryMode]. In the default mode statements return [ErrConfig] behind a pooler that sends its
// own process ids, such as PgBouncer: another client could have prepared another text under the same name.
package pgtenant
