// Package bench measures what isolation costs. The same work is done in four ways on one server, in turns, so that
// whatever else the machine does falls on all of them alike:
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
//	task bench                 print the tables and the gates (some minutes)
//	task bench -- -gates       also fail if a gate is missed
//	task bench -- -big         also read among 5 million rows (some minutes more, and 4 GB of disk)
//	task bench:peers           compare with the same list in other languages
//	go test -bench . ./integration/bench       micro-benchmarks, in the format that benchstat reads
//
// Only ratios carry over from one machine to another; docs/performance.md explains how to read them. A plain `go test`
// does everything once on little data: it asserts round trips and allocations, and never a time.
package bench
