// Package attack attacks tenant isolation on any table with a tenant_id, in this repository or a user's project.
//
//	func TestIsolation(t *testing.T) {
//		report := attack.Run(t, attack.Target{DSN: …, Tenant: …, Entities: []attack.Entity{…}})
//		…
//	}
//
// The SQL attacks are generated from the live catalog, for each table. Attacks through Ent or other code use the five
// callbacks of an [Entity] and its [Path]s. docs/security/attacks.md lists all of them; docs/security/attack-kit.md is
// the guide, and owntable_test.go a complete example.
//
// # How an attack is judged
//
// It is attempted by another tenant, without a tenant, and by the row's owner. The first two must get what the attack
// requires, usually nothing. The owner must succeed with the same statement; otherwise the other failures prove nothing.
// Everything returned (rows, errors with all fields, notices, plans) is searched for the owner's values, which occur in
// no other row. Then the owner's rows are compared with their state before.
//
// Attacks do not depend on each other. A family has its own tenants and rolls its statements back, and each path through
// an entity has two tenants to itself. So families run in parallel, and one attack can run alone:
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
// The package imports tenancy and the packages below it, but neither generated code nor the testing package: with [T],
// the part of *testing.T that it needs, a binary can include the kit.
package attack
