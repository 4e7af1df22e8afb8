// Package attack attacks tenant isolation on any table with a tenant_id, in this repository or a user's project.
//
//	func TestIsolation(t *testing.T) {
//		report := attack.Run(t, attack.Target{DSN: …, Tenant: …, Entities: []attack.Entity{…}})
//		…
//	}
//
// The SQL attacks are generated from the live catalog, per table. Attacks through Ent or other code use the five
// callbacks of an [Entity] and its [Path]s. docs/security/attacks.md lists all attacks, docs/security/attack-kit.md is
// the guide, and owntable_test.go a complete example.
//
// # How an attack is judged
//
// Another tenant, a login without a tenant, and the row's owner attempt each attack. The first two must get what it
// requires, usually nothing. The owner must succeed with the same statement; otherwise the failures prove nothing.
// Everything returned (rows, errors with all fields, notices, plans) is searched for the owner's values, which occur in
// no other row. Then the owner's rows must be unchanged.
//
// Attacks are independent: a family has its own tenants and rolls its statements back, and each path through an entity
// has two tenants to itself. So families run in parallel, and one attack can run alone:
//
//	go test -run 'TestIsolation/attacks/reads/A46-read-by-id'
//
// # How it is organized
//
// Each family is a file with a table of attacks: the attempt, the SQL, and what another tenant, no tenant and the owner
// must get. Attacks of several steps are functions below the table.
//
// [Live] runs a few read-only checks on a database in use.
//
// The package imports tenancy and the packages below it, but no generated code. It needs only [T] of *testing.T and
// does not import the testing package, so that a binary can include the kit.
package attack
