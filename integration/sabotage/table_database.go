package main

// current is the tenant of a transaction, as the policies spell it.
const current = "(SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid)"

// crossing are attacks that succeed when a table's rows are open to all: by id, without a condition, with a leaky
// function, and by a login without a tenant.
func crossing() []string {
	return []string{"A46-read-by-id", "A46-read-all", "A46-update-by-id", "A46-delete-by-id", "A53-leaky-function", "A25-never-set", "A44-no-tenant"}
}

func policySaboteurs() []saboteur {
	const (
		noFloor = "DROP POLICY tenant_floor ON agents;"
		floor   = "the permissive policy has the same condition"
		holds   = "the restrictive floor still confines reads and writes"
	)
	return []saboteur{
		{
			id: "policy-floor-dropped", removes: "the restrictive floor", held: floor,
			plant: noFloor, doctor: []string{"policy.missing"},
		},
		{
			id: "policy-floor-widened", removes: "the floor's condition (`OR true`)", held: floor,
			plant:  "ALTER POLICY tenant_floor ON agents USING (tenant_id = " + current + " OR true)",
			doctor: []string{"policy.differs"},
		},
		{
			id: "policy-widened", removes: "the policy's condition (`OR true`)", held: holds,
			plant:  "ALTER POLICY tenant_isolation ON agents USING (tenant_id = " + current + " OR true) WITH CHECK (true)",
			doctor: []string{"policy.differs"},
		},
		{
			id: "policy-floor-alone", removes: "the floor, where the policy has `OR true`",
			givenSQL: "ALTER POLICY tenant_isolation ON agents USING (tenant_id = " + current + " OR true) WITH CHECK (true)",
			plant:    noFloor,
			doctor:   []string{"policy.differs", "policy.missing"}, attacks: crossing(),
		},
		{
			id: "policy-second", removes: "nothing, but adds a permissive policy for all rows", held: holds,
			plant:  "CREATE POLICY careless ON agents TO konstruct_app USING (true)",
			doctor: []string{"policy.extra"},
		},
		{
			id: "policy-check-dropped", removes: "WITH CHECK", held: "PostgreSQL applies USING to writes, too",
			plant: "DROP POLICY tenant_isolation ON agents; " +
				"CREATE POLICY tenant_isolation ON agents TO konstruct_app USING (tenant_id = " + current + ")",
			doctor: []string{"policy.differs"},
		},
		{
			id: "policy-check-open", removes: "the condition of WITH CHECK (`true`)", held: holds,
			plant:  "ALTER POLICY tenant_isolation ON agents WITH CHECK (true)",
			doctor: []string{"policy.differs"},
		},
		{
			id: "policy-check-alone", removes: "the condition of WITH CHECK, without a floor",
			givenSQL: noFloor,
			plant:    "ALTER POLICY tenant_isolation ON agents WITH CHECK (true)",
			doctor:   []string{"policy.differs"}, attacks: []string{"A47-insert-for-other", "A49-merge-insert"},
		},
		{
			id: "policy-no-tenant", removes: "that no tenant means no row, without a floor",
			givenSQL: noFloor,
			plant:    "ALTER POLICY tenant_isolation ON agents USING (coalesce(tenant_id = " + current + ", true))",
			doctor:   []string{"policy.differs"}, attacks: []string{"A25-never-set", "A44-no-tenant"},
		},
		{
			id: "policy-immutable", removes: "that the tenant is looked up at each execution (an IMMUTABLE function)",
			plant: `CREATE FUNCTION public.tenant() RETURNS uuid LANGUAGE sql IMMUTABLE
				AS $$ SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid $$;
				REVOKE EXECUTE ON FUNCTION public.tenant FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.tenant TO konstruct_app;
				ALTER FUNCTION public.tenant OWNER TO konstruct_owner;
				ALTER POLICY tenant_isolation ON agents USING (tenant_id = public.tenant()) WITH CHECK (tenant_id = public.tenant());
				ALTER POLICY tenant_floor ON agents USING (tenant_id = public.tenant());`,
			doctor: []string{"policy.function"}, attacks: []string{anyAttack},
		},
		{
			id: "policy-for-everybody", removes: "the role that the policy is for", held: "the policy still isolates, and now also applies to the resolver",
			plant: "ALTER POLICY tenant_isolation ON agents TO PUBLIC", doctor: []string{"policy.roles"},
		},
		{
			id: "policy-resolver-widened", removes: "the resolver's policy (`true`)", held: "the function that uses it selects active connections",
			plant: "ALTER POLICY resolver_lookup ON channel_connections USING (true)", doctor: []string{"policy.differs"},
		},
	}
}

func tableSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "table-rls-disabled", removes: "row-level security of a table",
			plant: "ALTER TABLE agents DISABLE ROW LEVEL SECURITY", doctor: []string{"rls.disabled"}, attacks: crossing(),
		},
		{
			id: "table-force-dropped", removes: "FORCE", held: "the application's role owns nothing, so the policies apply to it anyway",
			plant: "ALTER TABLE agents NO FORCE ROW LEVEL SECURITY", doctor: []string{"rls.not-forced"},
		},
		{
			id: "table-unprotected", removes: "the protection of a new table with a tenant_id",
			plant: `CREATE TABLE notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants (id), UNIQUE (tenant_id, id));
				ALTER TABLE notes OWNER TO konstruct_owner; GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO konstruct_app`,
			doctor: []string{"rls.disabled", "rls.not-forced", "policy.missing"}, attacks: []string{registration},
		},
		{
			id: "table-without-mixin", removes: "the tenant_id of a new table (a schema without the mixin)",
			held: "it has no row yet, and the server does not start",
			plant: `CREATE TABLE notes (id uuid PRIMARY KEY, body text);
				ALTER TABLE notes OWNER TO konstruct_owner; GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO konstruct_app`,
			doctor: []string{"table.unclassified"},
		},
		{
			id: "table-join-without-tenant", removes: "the tenant_id of a many-to-many table",
			held: "it has no row yet, and the server does not start",
			plant: `CREATE TABLE agents_tags (agent_id uuid REFERENCES agents (id), tag_id uuid REFERENCES fixture_tags (id), PRIMARY KEY (agent_id, tag_id));
				ALTER TABLE agents_tags OWNER TO konstruct_owner; GRANT SELECT, INSERT, UPDATE, DELETE ON agents_tags TO konstruct_app`,
			doctor: []string{"key.no-tenant-table"},
		},
		{
			id: "table-tenant-nullable", removes: "NOT NULL of tenant_id", held: "the policies neither accept nor return a row without a tenant",
			plant: "ALTER TABLE agents ALTER COLUMN tenant_id DROP NOT NULL", doctor: []string{"tenant-column.nullable"},
		},
		{
			id: "key-single-column", removes: "the tenant in a foreign key between tenants' tables",
			plant: `ALTER TABLE fixture_notes DROP CONSTRAINT fixture_notes_fixture_tags_main_notes,
				ADD CONSTRAINT fixture_notes_fixture_tags_main_notes FOREIGN KEY (main_tag_id) REFERENCES fixture_tags (id)`,
			doctor: []string{"key.without-tenant"}, attacks: []string{"A14-attach", "A14-attach-by-update"},
		},
		{
			id: "key-cascade", removes: "NO ACTION of the key to tenants (a cascade)",
			plant: `ALTER TABLE agents DROP CONSTRAINT agents_tenant_id_fkey,
				ADD CONSTRAINT agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE`,
			doctor: []string{"key.cascade"}, attacks: []string{"A13-cascade"},
		},
		{
			id: "key-spans-tenants", removes: "the tenant in a unique key",
			plant:  "ALTER TABLE fixture_tags ADD CONSTRAINT spans UNIQUE (slug)",
			doctor: []string{"key.spans-tenants"}, attacks: []string{"A17-same-value", "A17-existence-by-spanning-key"},
		},
	}
}

func grantSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "grant-truncate", removes: "that the application may not TRUNCATE",
			plant:  "GRANT TRUNCATE ON agents TO konstruct_app",
			doctor: []string{"grant.table"}, attacks: []string{"A10-truncate", "A10-privileges"},
		},
		{
			id: "grant-trigger", removes: "that the application may not create triggers",
			plant:  "GRANT TRIGGER ON agents TO konstruct_app",
			doctor: []string{"grant.table"}, attacks: []string{"A10-trigger", "A10-privileges"},
		},
		{
			id: "grant-references", removes: "that the application may not create foreign keys",
			plant:  "GRANT REFERENCES ON agents TO konstruct_app",
			doctor: []string{"grant.table"}, attacks: []string{"A10-privileges"},
		},
		{
			id: "grant-public", removes: "that PUBLIC has no rights on a tenant's table",
			plant: "GRANT SELECT ON agents TO PUBLIC", doctor: []string{"grant.public"}, attacks: []string{"A11-grant"},
		},
		{
			id: "grant-temporary", removes: "that no one can create temporary tables",
			plant:  "GRANT TEMPORARY ON DATABASE {db} TO PUBLIC",
			doctor: []string{"grant.database"}, attacks: []string{"A09-temp-table", "A34-temp-table"},
		},
		{
			id: "grant-create", removes: "that the application may not create objects in the schema",
			plant:  "GRANT CREATE ON SCHEMA public TO konstruct_app",
			doctor: []string{"grant.schema"}, attacks: []string{"A11-table"},
		},
		{
			id: "grant-large-objects", removes: "that large objects, which have no tenant, are not accessible",
			plant:  "GRANT EXECUTE ON FUNCTION lo_from_bytea(oid, bytea), lo_get(oid) TO konstruct_app",
			doctor: []string{"platform.large-objects"}, attacks: []string{"A59-large-object"},
		},
		{
			id: "grant-advisory-locks", removes: "that advisory locks, whose keys have no tenant, are not accessible",
			plant:  "GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO konstruct_app",
			doctor: []string{"platform.advisory-locks"}, attacks: []string{"A61-session-lock", "A34-session-lock"},
		},
		{
			id: "grant-signals", removes: "that no one can cancel another tenant's statement",
			plant:  "GRANT EXECUTE ON FUNCTION pg_cancel_backend(int), pg_terminate_backend(int, bigint) TO konstruct_app",
			doctor: []string{"platform.signals"}, attacks: []string{"A56-cancel"},
		},
		{
			id: "grant-plpgsql", removes: "that the application cannot run anonymous code blocks (DO)",
			plant:  "GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC",
			doctor: []string{"platform.language"}, attacks: []string{"A63-do"},
		},
		{
			id: "grant-resolver-secrets", removes: "that the resolver reads only the columns that it compares",
			held:   "the resolver's role cannot log in, and its functions return ids, roles and numbers",
			plant:  "GRANT SELECT (secrets) ON channel_connections TO konstruct_resolver",
			doctor: []string{"grant.column"},
		},
		{
			id: "grant-default", removes: "that objects created later grant nothing to PUBLIC", held: "no object was created since",
			plant:  "ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
			doctor: []string{"grant.default"},
		},
		{
			id: "grant-preset", removes: "that a new connection has no tenant",
			plant:  "ALTER DATABASE {db} SET app.current_tenant = '018f0000-0000-7000-8000-000000000001'",
			doctor: []string{"setting.preset", "session.tenant"}, attacks: []string{"A37-preset"},
		},
	}
}

func functionSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "function-definer", removes: "that no function has a superuser's rights",
			plant: `CREATE FUNCTION everything() RETURNS SETOF agents LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT * FROM agents; END;
				GRANT EXECUTE ON FUNCTION everything() TO konstruct_app`,
			doctor: []string{"definer.unlisted"}, attacks: []string{"A20-definer"},
		},
		{
			id: "function-sets-tenant", removes: "that no function sets the tenant",
			plant: `CREATE FUNCTION elsewhere() RETURNS int LANGUAGE sql SET app.current_tenant = 'x' RETURN 1;
				GRANT EXECUTE ON FUNCTION elsewhere() TO konstruct_app`,
			doctor: []string{"function.tenant-setting"}, attacks: []string{"A32-function-setting"},
		},
		{
			id: "function-resolver-path", removes: "that the resolver's function is immune to search_path (a string body)",
			held: "the application cannot create tables in the path",
			plant: `CREATE OR REPLACE FUNCTION resolve_tenant(channel_type text, workspace_id text) RETURNS uuid
				LANGUAGE sql STABLE STRICT SECURITY DEFINER AS $$ SELECT c.tenant_id FROM channel_connections AS c JOIN tenants AS t ON t.id = c.tenant_id
				WHERE c.channel_type = $1 AND c.workspace_id = $2 AND c.status = 'active' AND t.status = 'active' $$`,
			doctor: []string{"definer.search-path"},
		},
		{
			id: "function-resolver-public", removes: "that only the application calls the resolver", held: "it returns an id, and no other role can log in",
			plant: "GRANT EXECUTE ON FUNCTION resolve_tenant TO PUBLIC", doctor: []string{"definer.grant"},
		},
		{
			id: "view-of-a-superuser", removes: "that views apply the reader's policies",
			plant:  "CREATE VIEW everything AS SELECT * FROM agents; GRANT SELECT ON everything TO konstruct_app",
			doctor: []string{"view.definer"}, attacks: []string{"A19-any-relation"},
		},
		{
			id: "view-materialized", removes: "that tenants' rows are not copied (a materialized view)",
			held:   "it was filled before there were rows",
			plant:  "CREATE MATERIALIZED VIEW everything AS SELECT * FROM agents; GRANT SELECT ON everything TO konstruct_app",
			doctor: []string{"view.materialized"},
		},
	}
}
