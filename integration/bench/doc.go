// Package bench measures what isolation costs: the same work is done in four ways on one server, in turns, so that
// whatever else the machine does falls on all of them alike.
//
//	raw pgx, no RLS                           SQL by hand, rows scanned by hand: the least that it can cost
//	plain Ent, no RLS                         Ent's own generator and driver, over database/sql
//	plain Ent, a transaction for each, RLS    BEGIN, set_config, the statement, COMMIT: what one would write by hand
//	Konstruct, RLS                            the product's client on tenancy/pgtenant
//
// The two without row-level security log in as the superuser, to whom no policy applies, so they work on the same rows
// of the same tables. The other two log in as konstruct_app. Over HTTP, servers are compared that are processes of their
// own.
//
// A plain `go test` does everything once on little data: it asserts round trips and allocations, and never a time.
// docs/performance.md has the commands that measure, and explains how to read the tables.
package bench
