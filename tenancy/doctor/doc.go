// Package doctor compares the live catalog of a database with what its migrations make, and reports whether tenant
// isolation holds there.
//
//	report, err := doctor.Check(ctx, pool, migrate.Spec())
//	if err != nil { … }            // the database could not be asked
//	if err := report.Err(); err != nil { … }   // isolation does not hold: refuse to serve
//
// A project with tables of its own brings the snapshot of its own folder, and adds what neither tables nor snapshot say:
//
//	snapshot, err := chain.Snapshot()   // migrate.Chain: of all chains together
//	spec := migrate.Spec().With(doctor.Spec{
//		Snapshot: snapshot,
//		Global:   map[string]string{"public.plans": "what there is to buy: the same for everybody"},
//	})
//
// A check is one transaction of a few SELECTs that is rolled back, takes about 10 milliseconds, and reads PostgreSQL's own
// catalogs only; any role that may connect can run it. Run it as the application's role on the application's own pool,
// so that it sees the connections that the application has; when another role asks, say so in [Spec.AskedBy].
//
// Each [Finding] has a stable code, the object, the risk, and the SQL that fixes it. The codes are explained in
// docs/security/doctor.md. A [Monitor] repeats the check while the server runs, and tells unsafe from unknown.
//
// How it is made: sql/objects.sql reads every [Object] of the database, sql/facts.sql the roles, settings and grants that
// no migration makes. Three groups of checks report what they find by the codes of [Lints]: the environment (server, role,
// session, platform), the protection of tenant-scoped tables whatever a snapshot says (tables, keys), and the comparison
// with the snapshot (compare, grants). remedy.go writes the SQL for all of them. What the first two have reported, the
// comparison leaves out.
//
// The package imports tenancy at most.
package doctor
