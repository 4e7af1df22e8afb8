// Package isolation turns the attack kit on Konstruct's own tables and on the fixture's, which have what the product's
// do not have yet: edges between tenants' tables, a many-to-many edge, and every feature of Ent's.
//
//	func TestSomething(t *testing.T) {
//		db := testdb.New(t)
//		require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
//		report := isolation.Run(t, isolation.DB{AppURL: db.AppURL, SuperURL: db.SuperURL})
//		…
//	}
//
// Whoever adds an Ent schema with a tenant registers it in [Entities]; without that the suite fails, and names it.
//
// Its TestIsolation is `task test:isolation`. It writes isolation-report.md and isolation-report.json to the
// repository's root. With KONSTRUCT_ATTACK_APP_URL (and KONSTRUCT_ATTACK_SUPER_URL, and, where a pooler stands between,
// KONSTRUCT_ATTACK_DRIVER_URL) it attacks a database that is there already, migrated and of no other use: it is written to.
package isolation
