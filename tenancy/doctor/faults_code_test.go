package doctor_test

import (
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func spec() doctor.Spec { return migrate.Spec() }

func definerFaults() []fault {
	return []fault{
		{
			code: "definer.unlisted", object: "function public.count_all()",
			plant: own + "CREATE FUNCTION public.count_all() RETURNS bigint LANGUAGE sql SECURITY DEFINER " +
				"BEGIN ATOMIC SELECT count(*) FROM public.agents; END; GRANT EXECUTE ON FUNCTION public.count_all TO PUBLIC",
		},
		{
			code: "definer.owner", object: "function public.resolve_tenant(text, text): owned by konstruct_owner",
			plant: "ALTER FUNCTION public.resolve_tenant OWNER TO konstruct_owner",
		},
		{
			code: "definer.search-path", object: "function public.resolve_tenant(text, text)",
			plant: `CREATE OR REPLACE FUNCTION public.resolve_tenant(channel_type text, workspace_id text) RETURNS uuid
				LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = public
				AS 'SELECT tenant_id FROM channel_connections c WHERE c.workspace_id = $2'`,
		},
		{
			code: "definer.grant", object: "routine public.resolve_tenant(text, text): EXECUTE to PUBLIC",
			plant: "GRANT EXECUTE ON FUNCTION public.resolve_tenant TO PUBLIC",
		},
	}
}

func keyFaults() []fault {
	const agent = "FOREIGN KEY (tenant_id, agent_id) REFERENCES public.agents (tenant_id, id)"
	return []fault{
		{
			code: "key.without-tenant", object: "foreign key notes_agent_id_fkey on public.notes",
			given: notes, plant: own + "ALTER TABLE public.notes ADD FOREIGN KEY (agent_id) REFERENCES public.agents (id) ON DELETE CASCADE",
		},
		{
			code: "key.without-tenant", object: "foreign key crossed on public.notes",
			given: notes, plant: own + "ALTER TABLE public.notes ADD CONSTRAINT crossed FOREIGN KEY (agent_id, tenant_id) REFERENCES public.agents (tenant_id, id)",
		},
		{
			code: "key.no-tenant-table", object: "table public.agents_notes",
			given: notes, plant: own + `CREATE TABLE public.agents_notes (
				agent_id uuid REFERENCES public.agents (id), note_id uuid REFERENCES public.notes (id))`,
		},
		{
			code: "key.cascade", object: "foreign key agents_tenant_id_fkey on public.agents",
			plant: `ALTER TABLE public.agents DROP CONSTRAINT agents_tenant_id_fkey;
				ALTER TABLE public.agents ADD CONSTRAINT agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants (id) ON DELETE CASCADE`,
		},
		{
			code: "key.cascade", object: "foreign key agent on public.notes",
			given: notes, plant: own + "ALTER TABLE public.notes ADD CONSTRAINT agent " + agent + " ON DELETE SET NULL",
		},
		{
			code: "key.cascade", object: "foreign key moved on public.notes",
			given: notes, plant: own + "ALTER TABLE public.notes ADD CONSTRAINT moved " + agent + " MATCH FULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED",
		},
		{
			code: "key.cascade-within", object: "foreign key agent on public.notes",
			given: notes, plant: own + "ALTER TABLE public.notes ADD CONSTRAINT agent " + agent + " ON DELETE CASCADE",
		},
		{
			code: "key.spans-tenants", object: "unique key notes_slug_key on public.notes",
			given: notes, plant: own + "ALTER TABLE public.notes ADD UNIQUE (slug)",
		},
		{
			code: "key.spans-tenants", object: "unique key notes_slug on public.notes",
			given: notes, plant: own + "CREATE UNIQUE INDEX notes_slug ON public.notes (lower(slug)) WHERE slug <> ''",
		},
		{
			code: "key.spans-tenants", object: "unique key notes_slug_excl on public.notes",
			given: "CREATE EXTENSION btree_gist SCHEMA public;" + notes, plant: own + "ALTER TABLE public.notes ADD EXCLUDE USING gist (slug WITH =)",
		},
		{
			code: "key.sequence", object: "column public.notes.n",
			given: notes, plant: own + "ALTER TABLE public.notes ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY",
		},
		{
			code: "key.sequence", object: "column public.notes.n2",
			given: notes, plant: own + "ALTER TABLE public.notes ADD COLUMN n2 serial",
		},
	}
}

func codeFaults() []fault {
	return []fault{
		{
			code: "view.definer", object: "view public.all_agents",
			plant: own + "CREATE VIEW public.all_agents AS SELECT name FROM public.agents; GRANT SELECT ON public.all_agents TO konstruct_app",
		},
		{
			code: "view.definer", object: "view private.all_agents",
			plant: own + `CREATE SCHEMA private; CREATE VIEW private.all_agents AS SELECT name FROM public.agents;
				GRANT SELECT ON private.all_agents TO konstruct_app;
				CREATE VIEW public.all_agents WITH (security_invoker = true) AS SELECT name FROM private.all_agents;`,
		},
		{
			code: "view.materialized", object: "materialized view public.agent_names",
			plant: own + "CREATE MATERIALIZED VIEW public.agent_names AS SELECT name FROM public.agents; " +
				"GRANT SELECT ON public.agent_names TO PUBLIC",
		},
		{
			code: "rule.present", object: "rule copy on public.agents",
			plant: own + "CREATE RULE copy AS ON INSERT TO public.agents DO ALSO NOTIFY agents",
		},
		{
			code: "trigger.unlisted", object: "trigger copy on public.agents",
			plant: own + `CREATE FUNCTION public.copy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
				CREATE TRIGGER copy AFTER INSERT ON public.agents FOR EACH ROW EXECUTE FUNCTION public.copy()`,
		},
		{
			code: "function.tenant-setting", object: "function public.as_tenant()",
			plant: `CREATE FUNCTION public.as_tenant() RETURNS bigint LANGUAGE sql
				SET app.current_tenant = '018f0000-0000-7000-8000-000000000001' AS 'SELECT count(*) FROM public.agents';
				REVOKE EXECUTE ON FUNCTION public.as_tenant FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.as_tenant TO konstruct_app`,
		},
		{
			code: "function.leakproof", object: "function public.peek(text)",
			plant: `CREATE FUNCTION public.peek(text) RETURNS bool LANGUAGE sql LEAKPROOF AS 'SELECT true';
				REVOKE EXECUTE ON FUNCTION public.peek FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.peek TO konstruct_app`,
		},
		{
			code: "function.untrusted", object: "function public.pid()",
			plant: `CREATE FUNCTION public.pid() RETURNS int LANGUAGE internal AS 'pg_backend_pid';
				REVOKE EXECUTE ON FUNCTION public.pid FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.pid TO konstruct_app`,
		},
	}
}

func childFaults() []fault {
	return []fault{
		{
			code: "child.open", object: "table public.notes_old: open to konstruct_app",
			given: notes + "CREATE TABLE public.notes_old () INHERITS (public.notes)", plant: "GRANT SELECT ON public.notes_old TO konstruct_app",
		},
		{
			code: "child.open", object: "table public.events_1: open to pg_monitor",
			given: partitioned, plant: own + "GRANT SELECT (id) ON public.events_1 TO pg_monitor",
		},
		{
			code: "child.of-other", object: "table public.notes: child of public.things",
			given: notes + "CREATE TABLE public.things (id uuid); GRANT SELECT, INSERT, UPDATE, DELETE ON public.things TO konstruct_app",
			plant: "ALTER TABLE public.notes INHERIT public.things",
			spec: func(c *doctor.Spec) {
				*c = c.With(doctor.Spec{Global: map[string]string{"public.things": "test"}})
			},
		},
	}
}

// partitioned creates a correct tenant-scoped table with a partition, which has no grants.
const partitioned = `
	SET ROLE konstruct_owner;
	CREATE TABLE public.events (
	  id uuid, tenant_id uuid NOT NULL REFERENCES public.tenants (id), PRIMARY KEY (tenant_id, id)
	) PARTITION BY HASH (tenant_id);
	CREATE TABLE public.events_1 PARTITION OF public.events FOR VALUES WITH (MODULUS 1, REMAINDER 0);
	GRANT SELECT, INSERT, UPDATE, DELETE ON public.events TO konstruct_app;
	ALTER TABLE public.events ENABLE ROW LEVEL SECURITY;
	ALTER TABLE public.events FORCE ROW LEVEL SECURITY;
	CREATE POLICY tenant_isolation ON public.events TO konstruct_app
	  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
	  WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
	CREATE POLICY tenant_floor ON public.events AS RESTRICTIVE TO konstruct_app
	  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
`

func outsideFaults() []fault {
	const wrapper = "CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;"
	return []fault{
		{
			code: "foreign.table", object: "foreign table public.remote",
			plant: wrapper + "CREATE FOREIGN TABLE public.remote (tenant_id uuid) SERVER far; GRANT SELECT ON public.remote TO konstruct_app",
		},
		{
			code: "foreign.access", object: "foreign server far: USAGE to konstruct_app",
			plant: wrapper + "GRANT USAGE ON FOREIGN SERVER far TO konstruct_app",
		},
		{
			code: "foreign.access", object: "foreign data wrapper elsewhere: USAGE to PUBLIC",
			plant: wrapper + "GRANT USAGE ON FOREIGN DATA WRAPPER elsewhere TO PUBLIC",
		},
		{
			code: "foreign.mapping", object: "user mapping of PUBLIC on far",
			plant: wrapper + "CREATE USER MAPPING FOR PUBLIC SERVER far",
		},
		{
			code: "extension.reach", object: "extension dblink",
			plant: "CREATE EXTENSION dblink",
		},
		{
			code: "publication.tenants", object: "publication everything",
			plant: "CREATE PUBLICATION everything FOR ALL TABLES",
		},
		{
			code: "publication.tenants", object: "publication agents",
			plant: "CREATE PUBLICATION agents FOR TABLE public.agents",
		},
		{
			code: "event-trigger.present", object: "event trigger watch",
			plant: `CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
				REVOKE EXECUTE ON FUNCTION public.watch FROM PUBLIC;
				CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.watch()`,
		},
	}
}

func platformFaults() []fault {
	return []fault{
		{
			code: "platform.large-objects", object: "large objects: functions open to PUBLIC",
			plant: "GRANT EXECUTE ON FUNCTION lo_create(oid), lo_get(oid) TO PUBLIC",
		},
		{
			code: "platform.advisory-locks", object: "advisory locks: functions open to konstruct_app",
			plant: "GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO konstruct_app",
		},
		{
			code: "platform.signals", object: "backend signals: functions open to PUBLIC",
			plant: "GRANT EXECUTE ON FUNCTION pg_cancel_backend(int) TO PUBLIC",
		},
		{
			code: "platform.language", object: "language plpgsql: USAGE to PUBLIC",
			plant: "GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC",
		},
		{
			code: "platform.grant", object: "function pg_read_file(text): EXECUTE to konstruct_app",
			plant: "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO konstruct_app",
		},
		{
			code: "platform.grant", object: "table pg_statistic: SELECT to PUBLIC",
			plant: "GRANT SELECT ON pg_statistic TO PUBLIC",
		},
		{
			code: "platform.grant", object: "function lo_import(text): EXECUTE to PUBLIC",
			plant: "GRANT EXECUTE ON FUNCTION lo_import(text) TO PUBLIC",
		},
	}
}
