// Package doctor reads the live catalogue of a database and tells whether tenant isolation holds there.
//
//	report, err := doctor.Check(ctx, pool, migrate.Catalogue())
//	if err != nil { … }            // the database could not be asked
//	if err := report.Err(); err != nil { … }   // rows may cross: refuse to serve
//
// A project adds to the catalogue what its own tables can't say:
//
//	migrate.Catalogue().With(doctor.Catalogue{
//		Global: map[string]string{"public.plans": "what there is to buy: the same for everybody"},
//	})
//
// A check is one statement, a few milliseconds, and reads nothing but PostgreSQL's own catalogues; whoever may connect
// may run it. It compares what it finds with a [Catalogue], which says what the tables can't say themselves. Run it as
// the application's role on the application's own pool, so that it sees the connections that the application has; when
// another role asks, say so in [Catalogue.AskedBy].
//
// Each [Finding] has a stable code, the object, the risk, and the SQL that mends it. An error is what lets rows cross; a
// warning is a protection less, or what managed PostgreSQL lets nobody revoke. The codes are explained in
// docs/security/doctor.md.
//
// A [Monitor] repeats the check while the server runs, and tells unsafe from unknown.
//
// How it is made: the files in snapshot/ are the parts of that one statement, and each lint is a function over what the
// statement returned, with its family in a file: server, role, session, tables, policies, grants, keys, code, children,
// outside, platform. Lints are listed in one table, [Lints].
//
// The package imports tenancy at most: which table is of which class is told to it.
package doctor
