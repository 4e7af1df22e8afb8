// Package isolation attacks Konstruct's tables and the fixture's, which add edges between tenant-scoped tables, a
// many-to-many edge, and every Ent feature.
//
//	func TestSomething(t *testing.T) {
//		db := testdb.New(t)
//		require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
//		report := isolation.Run(t, isolation.DB{AppURL: db.AppURL, SuperURL: db.SuperURL})
//		…
//	}
//
// The attacks on Ent schemas are generated. [Entities] adds overrides and hand-written paths.
//
// TestIsolation, `task test:isolation`, writes isolation-report.md and isolation-report.json to the repository's root.
// With KONSTRUCT_ATTACK_APP_URL (and KONSTRUCT_ATTACK_SUPER_URL, and KONSTRUCT_ATTACK_DRIVER_URL for a pooler) it attacks
// an existing, migrated database, which it writes to.
package isolation
