// Package isolation attacks Konstruct's tables and the fixture's, which add what the product does not have yet: edges
// between tenant tables, a many-to-many edge, and every Ent feature.
//
//	func TestSomething(t *testing.T) {
//		db := testdb.New(t)
//		require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
//		report := isolation.Run(t, isolation.DB{AppURL: db.AppURL, SuperURL: db.SuperURL})
//		…
//	}
//
// The attacks on an Ent schema are generated. [Entities] adds overrides and the paths that are written by hand.
//
// TestIsolation is `task test:isolation`. It writes isolation-report.md and isolation-report.json to the repository's
// root. KONSTRUCT_ATTACK_APP_URL (and KONSTRUCT_ATTACK_SUPER_URL, and KONSTRUCT_ATTACK_DRIVER_URL for a pooler) make it
// attack an existing, migrated database, which it writes to.
package isolation
