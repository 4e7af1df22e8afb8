package main

const migrateTests = "migrate"

func plannerSaboteurs() []saboteur {
	const (
		protect = "migrate/protect.go"
		scope   = "migrate/scope.go"
		held    = "the doctor refuses the migrated database"
	)
	newTable := in(migrateTests, "TestDiffOfANewTable")
	return []saboteur{
		{
			id: "planner-rls", removes: "ENABLE ROW LEVEL SECURITY from what the planner writes", held: held,
			edits:  []edit{{protect, "\t\t{has.Enabled, fmt.Sprintf(\"ALTER TABLE %s ENABLE ROW LEVEL SECURITY\", table)},\n", ""}},
			caught: newTable,
		},
		{
			id: "planner-force", removes: "FORCE from what the planner writes", held: held,
			edits:  []edit{{protect, "\t\t{has.Forced, fmt.Sprintf(\"ALTER TABLE %s FORCE ROW LEVEL SECURITY\", table)},\n", ""}},
			caught: newTable,
		},
		{
			id: "planner-floor", removes: "the floor from what the planner writes", held: held,
			edits:  []edit{{protect, "slices.Contains(has.Policies, rls.FloorPolicy),", "rls.FloorPolicy != \"\","}},
			caught: newTable,
		},
		{
			id: "planner-check", removes: "WITH CHECK from what the planner writes", held: held,
			edits:  []edit{{protect, "\\n  WITH CHECK (%s)\",\n\t\t\t\trls.Quote(rls.IsolationPolicy), table, app, own, own)", "\",\n\t\t\t\trls.Quote(rls.IsolationPolicy), table, app, own)"}},
			caught: newTable,
		},
		{
			id: "planner-role", removes: "the role of a policy from what the planner writes", held: held,
			edits:  []edit{{protect, "table, app := rls.Quote(t.Name), rls.Quote(spec.AppRole)", "table, app := rls.Quote(t.Name), \"PUBLIC\""}},
			caught: newTable,
		},
		{
			id: "planner-composite-key", removes: "the tenant in foreign keys that the planner writes", held: held,
			edits:  []edit{{scope, "\tif slices.Contains(fk.Columns, tenant) {", "\tif true || slices.Contains(fk.Columns, tenant) {"}},
			caught: in(migrateTests, "TestDiffOfANewTable", "TestDiffOfANewForeignKeyBetweenTablesWithRows"),
		},
		{
			id: "planner-cascade", removes: "NO ACTION in foreign keys that the planner writes", held: "the runner refuses the file, and the doctor the database",
			edits:  []edit{{scope, "\t\t\tfk.OnDelete, fk.OnUpdate = schema.NoAction, schema.NoAction\n", "\t\t\t_ = fk\n"}},
			caught: newTable,
		},
		{
			id: "planner-unclassified", removes: "that the planner refuses an unlisted table without the mixin", held: held,
			edits:  []edit{{scope, "spec.ClassOf(qualified(t), tenantScoped(t)); ok || joins(t) {", "spec.ClassOf(qualified(t), tenantScoped(t)); true || ok || joins(t) {"}},
			caught: in(migrateTests, "TestDiffOfAGlobalTable"),
		},
		{
			id: "planner-join-table", removes: "that the planner refuses a many-to-many table without a tenant", held: held,
			edits:  []edit{{scope, "\t\tif !tenantScoped(fk.RefTable) {\n\t\t\tcontinue\n\t\t}\n\t\tif joins(t) {", "\t\tif true {\n\t\t\tcontinue\n\t\t}\n\t\tif joins(t) {"}},
			caught: in(migrateTests, "TestDiffRefuses/a many-to-many table without a tenant", "TestDiffRefuses/a table without a tenant that refers to one with"),
		},
		{
			id: "planner-spanning-key", removes: "that the planner refuses a unique key that spans tenants", held: held,
			edits:  []edit{{scope, "\t\tif !idx.Unique || slices.Contains(columns, tenant.Name) {", "\t\tif true || !idx.Unique || slices.Contains(columns, tenant.Name) {"}},
			caught: in(migrateTests, "TestDiffRefuses/a key that spans tenants"),
		},
		{
			id: "planner-append-only", removes: "that the planner grants SELECT and INSERT alone on an append-only table", held: held,
			edits:  []edit{{"migrate/protect.go", "strings.Join(spec.PrivilegesOn(qualified(t), class), \", \")", "strings.Join(spec.Grants[class], \", \")"}},
			caught: in(migrateTests, "TestDiffOfAnAppendOnlyTable"),
		},
		{
			id: "planner-bracket", removes: "the NO FORCE … FORCE around a later foreign key", held: "under row_security = off the key fails loudly",
			edits:  []edit{{"migrate/compose.go", "rls.Unforced(forced(step, c.current), stmt)", "[]string{stmt}"}},
			caught: in(migrateTests, "TestDiffOfANewForeignKeyBetweenTablesWithRows"),
		},
	}
}

func runnerSaboteurs() []saboteur {
	const (
		runner, history = "migrate/runner.go", "migrate/history.go"
		lint            = "migrate/lint.go"
	)
	return []saboteur{
		{
			id: "runner-hash", removes: "that an applied file that was edited and re-hashed is refused",
			edits:  never(history, "case !files[i].appliedAs(r):"),
			caught: in(migrateTests, "TestHistory/edited and re-hashed"),
		},
		{
			id: "runner-sums", removes: "that files are compared with atlas.sum",
			edits:  []edit{{"migrate/chain.go", "\terr := atlas.Validate(dir)\n", "\tvar err error\n"}},
			caught: in(migrateTests, "TestChecksums/edited", "TestChecksums/added", "TestChecksums/removed"),
		},
		{
			id: "runner-edited-file", removes: "a condition of one of the product's migrations", held: "no database is migrated with it",
			edits:  []edit{{"migrate/migrations/20261123194802_resolve_tenant.sql", "     AND \"t\".\"status\" = 'active';\n", ";\n"}},
			caught: in(migrateTests, "TestProductIsCurrent"),
		},
		{
			id: "runner-row-security", removes: "row_security = off, under which a blind backfill fails",
			edits:  []edit{{runner, "\t\t\"SET LOCAL row_security = off\",\n", ""}},
			caught: in(migrateTests, "TestFilesThatTouchRowsOfTenants/a backfill", "TestFilesThatTouchRowsOfTenants/a foreign key over an orphan"),
		},
		{
			id: "runner-lock", removes: "that one runner works at a time", held: "a file is one transaction with its revision, so one of the two fails",
			hangs:  true,
			edits:  []edit{{"migrate/lock.go", "IN EXCLUSIVE MODE", "IN ACCESS SHARE MODE"}},
			caught: in(migrateTests, "TestConcurrentUp"),
		},
		{
			id: "runner-lint-cascade", removes: "that a file with a cascade is refused", held: "the doctor refuses the migrated database",
			edits:  []edit{{lint, `\bON\s+(DELETE|UPDATE)\s+(CASCADE|SET\s+(NULL|DEFAULT))\b`, `\bON\s+(DELETE|UPDATE)\s+(CASCADED)\b`}},
			caught: in(migrateTests, "TestLints/cascade", "TestLints/set null"),
		},
		{
			id: "runner-lint-force", removes: "that a file that removes FORCE must restore it", held: "the doctor refuses the migrated database",
			edits:  []edit{{lint, "\t\t\tlifted[bare(m[1])] = stmt.Pos\n", ""}},
			caught: in(migrateTests, "TestLints/not forced", "TestLints/another forced"),
		},
		{
			id: "bootstrap-temporary", removes: "the revoke of temporary tables from the bootstrap", held: "the doctor refuses the database",
			edits:  []edit{{"migrate/bootstrap.sql", "REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC", "REVOKE CREATE ON DATABASE %I FROM PUBLIC"}},
			caught: in(migrateTests, "TestBootstrap"),
		},
		{
			id: "bootstrap-membership", removes: "that the bootstrap revokes the application's memberships", held: "the doctor refuses the database",
			edits:  []edit{{"migrate/bootstrap.sql", "    EXECUTE format('REVOKE %I FROM konstruct_app', granted);\n", "    NULL;\n"}},
			caught: in(migrateTests, "TestBootstrap/restores changes"),
		},
	}
}

func doctorSaboteurs() []saboteur {
	const doctorTests = "tenancy/doctor"
	held := "the attack kit still finds rows that cross"
	return []saboteur{
		{
			id: "doctor-force", removes: "the doctor's check for FORCE", held: held,
			edits:  []edit{{"tenancy/doctor/tables.go", "if t.Props[prop] == \"\" {", "if prop != \"forced\" && t.Props[prop] == \"\" {"}},
			caught: in(doctorTests, "TestEachFaultIsFoundAndFixed/rls.not-forced table public.agents"),
		},
		{
			id: "doctor-comparison", removes: "the doctor's comparison with the migrations", held: held,
			edits:  []edit{{"tenancy/doctor/check.go", "\t\te.compare()\n", ""}},
			caught: in(doctorTests, "TestEachFaultIsFoundAndFixed/trigger.unlisted trigger promote on public.portal_users"),
		},
		{
			id: "doctor-append-only", removes: "that the doctor limits append-only tables whatever a migration grants", held: held,
			edits:  []edit{{"tenancy/doctor/grants.go", "e.spec.PrivilegesOn(g.Props[\"object\"], class)", "e.spec.Grants[class]"}},
			caught: in(doctorTests, "TestSnapshotDoesNotExcuseMissingProtection"),
		},
		{
			id: "doctor-roles", removes: "the doctor's check for BYPASSRLS", held: held,
			edits:  []edit{{"tenancy/doctor/role.go", "if attribute != \"LOGIN\" {", "if attribute != \"LOGIN\" && attribute != \"BYPASSRLS\" {"}},
			caught: in(doctorTests, "TestEachFaultOfRolesIsFoundAndFixed/role.bypassrls role konstruct_app"),
		},
		{
			id: "doctor-stale", removes: "that an old result of the doctor expires",
			edits:  []edit{{"tenancy/doctor/monitor.go", "ProofLifetime = 5 * time.Minute", "ProofLifetime = 5000 * time.Hour"}},
			caught: in(doctorTests, "TestMonitor/a failing check keeps the last result for five minutes"),
		},
		{
			id: "doctor-at-start", removes: "that the server does not start while the doctor has errors",
			held:   "the routes of tenants stay closed, too",
			hangs:  true,
			edits:  never("server/serve.go", "if err := s.proveIsolation(ctx); err != nil {"),
			caught: in("server", "TestServeRequiresIsolation"),
			holds:  in("server", "TestIsolationFindingBlocksTenants"),
		},
	}
}
