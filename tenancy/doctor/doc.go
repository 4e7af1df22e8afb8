// Package doctor compares the live catalog of a database with what its migrations make, and reports whether tenant
// isolation holds.
//
//	report, err := doctor.Check(ctx, pool, migrate.Spec())
//	if err != nil { … }                        // the database could not be queried
//	if err := report.Err(); err != nil { … }   // isolation does not hold: refuse to serve
//
// A project with its own tables adds the snapshot of its folder, and what the schema cannot express:
//
//	snapshot, err := chain.Snapshot() // migrate.Chain: covers all chains
//	spec := migrate.Spec().With(doctor.Spec{
//		Snapshot: snapshot,
//		Global:   map[string]string{"public.plans": "products, the same for all tenants"},
//	})
//
// A check is one transaction of a few SELECTs on PostgreSQL's catalog, which is rolled back and takes about 10
// milliseconds. Run it as the application role on the application's pool, so that it sees the application's
// connections. For another role, set [Spec.AskedBy].
//
// Each [Finding] has a stable code, the object, the risk, and the SQL that fixes it. docs/security/doctor.md explains
// the codes. A [Monitor] repeats the check while the server runs, and distinguishes unsafe from unknown.
//
// Internally, sql/objects.sql reads every [Object], and sql/facts.sql reads roles, settings and grants that no
// migration creates. Three groups of checks report codes of [Lints]: the environment (server, role, session, platform),
// the protection of tenant-scoped tables regardless of the snapshot (tables, keys), and the comparison with the
// snapshot (compare, grants), which skips what the first two reported. remedy.go writes the SQL.
//
// The package imports tenancy and tenancy/rls only.
package doctor
