// Bench measures what isolation costs. It runs the same work in four ways on one server, taking turns, so that whatever
// else the machine does falls on all of them alike:
//
//	raw pgx, no RLS                    the floor: SQL by hand, each row scanned by hand
//	Ent over database/sql, no RLS      what one would use without tenants
//	Ent, a transaction for each        BEGIN; set_config; the statement; COMMIT: what one would write without the driver
//	Ent over pgtenant, RLS             ours
//
// The two without row-level security log in as the superuser, whom no policy binds, and so work on the same rows of the
// same tables; the other two log in as konstruct_app, under FORCE. The three Ent ways share one generated client and
// hence the mixin's predicate: what differs is the driver and what it sends.
//
//	go run ./integration/bench          the tables and the gates
//	go run ./integration/bench -gates   the same, and an exit code of 1 when a gate is missed
//	go run ./integration/bench -big     with 5 million rows (minutes, and about 4 GB of disk)
//
// What the numbers mean, and those of a quiet machine, stand in docs/performance.md. Only the ratios travel from one
// machine to another. `go test` asserts the round trips and never a time.
package main
