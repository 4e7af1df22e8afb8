// Package pooler proves isolation behind PgBouncer in transaction mode, where many clients share a few server
// connections.
//
// Its tests need PgBouncer and are built only with the tag pooler. With the tag they never skip: without the program
// they fail. KONSTRUCT_TEST_PGBOUNCER is the program's path; empty or 1 searches PATH and /usr/sbin.
//
//	go test -tags pooler ./integration/pooler
//
// In the query modes cache_describe and exec: tenants that alternate on a connection see only their own rows;
// transactions, failures, cancellations and disconnects leave nothing behind; package load finds no wrong row; session
// settings of other clients do not affect the driver's statements, and none of these has a name on the server. The
// query mode cache_statement is rejected.
package pooler
