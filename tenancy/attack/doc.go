// Package attack is a kit that attacks the isolation of tenants, on any table with a tenant_id, here or in a user's
// project.
//
//	func TestIsolation(t *testing.T) {
//		report := attack.Run(t, attack.Target{DSN: …, Tenant: …, Entities: []attack.Entity{…}})
//		…
//	}
//
// The attacks by SQL are generated from the live catalogue, for each table. Those through Ent, or through any code, come
// from the five callbacks of an [Entity] and from its [Path]s. docs/security/attacks.md lists all of them;
// docs/security/attack-kit.md is the guide, and owntable_test.go a whole example.
//
// # How an attack is judged
//
// It is made by another tenant, by nobody, and by the owner of the row. Another tenant and nobody must get what the attack
// requires, mostly nothing. The owner must succeed with the same statement: otherwise the others' failure proves
// nothing. All that comes back, rows, errors with all their fields, notices, plans, is searched for the owner's values,
// which no other row has. Then the owner's rows must be what they were.
//
// Attacks do not depend on each other. A family has tenants of its own; its statements are rolled back, and each path
// through an entity has two tenants to itself. So families run at the same time, and one attack can be run alone:
//
//	go test -run 'TestIsolation/attacks/reads/A46-read-by-id'
//
// # How it reads
//
// A family is a file, and its attacks are a table: what is tried, the SQL, and what another tenant, nobody and the owner
// must get. Attacks of several steps are functions below the table.
//
// [Live] makes a few harmless reads on a database that is in use.
//
// The package imports tenancy and its neighbours, and neither generated code nor the testing package: [T] is what
// *testing.T has, so that a binary can carry the kit.
package attack
