// Package pooler proves isolation behind PgBouncer in transaction mode, where the statements of many clients share a
// few connections of the server's, and a connection's next transaction is anybody's.
//
// Its tests need PgBouncer, which not every machine has, so they are built with the tag pooler only:
//
//	go test -tags pooler ./integration/pooler
//
// With the tag they run and never skip: without the program they fail. KONSTRUCT_TEST_PGBOUNCER is the path of the
// program; empty, or 1, looks for it in the PATH and where Debian puts it.
//
// What is proven, in the query modes cache_describe and exec: tenants that alternate on a shared connection see their own
// rows; transactions, failures, cancels and disconnects leave nothing behind; the load of package load finds no wrong
// row. What another client changes in a session of the server's does not reach the driver's statements, and nothing of the
// driver's has a name there. The query mode cache_statement is refused.
package pooler
