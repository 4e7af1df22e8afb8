// Package attack is a kit that attacks the isolation of tenants, on any table with a tenant_id, in this repository or in a
// user's project.
//
//	func TestIsolation(t *testing.T) {
//		report := attack.Run(t, attack.Target{DSN: …, Tenant: …, Entities: []attack.Entity{…}})
//		…
//	}
//
// The SQL attacks are generated from the live catalog, for each table. Attacks through Ent, or through any other code, use the
// five callbacks of an [Entity] and its [Path]s. docs/security/attacks.md lists all of them;
// docs/security/attack-kit.md is the guide, and owntable_test.go a complete example.
//
// # How an attack is judged
//
// It is attempted by another tenant, without a tenant, and by the owner of the row. Another tenant, and a connection without
// one, must get what the attack requires, usually nothing. The owner must succeed with the same statement; otherwise the
// failure of the others proves nothing. Everything that is returned (rows, errors with all their fields, notices, plans) is searched
// for the owner's values, which occur in no other row. Then the owner's rows are compared with their state before.
//
// Attacks do not depend on each other. A family has tenants of its own; its statements are rolled back, and each path
// through an entity has two tenants to itself. So families run in parallel, and one attack can be run alone:
//
//	go test -run 'TestIsolation/attacks/reads/A46-read-by-id'
//
// # How it is organized
//
// A family is a file, and its attacks are a table: what is tried, the SQL, and what another tenant, no tenant and the owner
// must get. Attacks of several steps are functions below the table.
//
// [Live] runs a few read-only checks on a database that is in use.
//
// The package imports tenancy and the packages below it, but neither generated code nor the testing package: [T] is the part of
// *testing.T that it needs, so that a binary can include the kit.
package attack
