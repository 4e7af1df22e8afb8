// Package bench measures the cost of isolation. Four clients do the same work on one server in turns, so that other
// load on the machine affects all of them alike.
//
//	raw pgx, no RLS                           handwritten SQL and scans: the lower bound
//	plain Ent, no RLS                         Ent's own generator and driver, over database/sql
//	plain Ent, a transaction for each, RLS    BEGIN, set_config, the statement, COMMIT
//	Konstruct, RLS                            the product's client on tenancy/pgtenant
//
// The first two connect as a superuser, who bypasses RLS, and use the same tables as the others, which connect as
// konstruct_app. The HTTP servers run as separate processes.
//
// A plain `go test` runs everything once on little data and asserts round trips and allocations, never a duration.
// See docs/performance.md for the commands and the tables.
package bench
