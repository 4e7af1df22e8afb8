-- Planted faults. "--- code object" begins a fault and names its only finding, or several after "; " if they can't be
-- avoided. A superuser runs the SQL, and what is before "--- plant" before the snapshot is taken. {db} is the database,
-- and \i includes a file, as in psql.

-- Tables.

--- table.unclassified table public.plans
SET ROLE konstruct_owner;
CREATE TABLE public.plans (id uuid PRIMARY KEY);
GRANT SELECT ON public.plans TO konstruct_app;

--- table.unclassified table reports.daily
SET ROLE konstruct_owner;
CREATE SCHEMA reports;
CREATE TABLE reports.daily (day date);
GRANT SELECT ON reports.daily TO PUBLIC;

--- table.owner table public.agents: owned by postgres
ALTER TABLE public.agents OWNER TO CURRENT_USER;

--- tenant-column.nullable column public.agents.tenant_id
ALTER TABLE public.agents ALTER COLUMN tenant_id DROP NOT NULL;

--- tenant-column.type column public.notes.tenant_id: text; schema.missing foreign key notes_tenant_id_fkey on public.notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes DROP CONSTRAINT notes_tenant_id_fkey;
DROP POLICY tenant_isolation ON public.notes;
DROP POLICY tenant_floor ON public.notes;
ALTER TABLE public.notes ALTER COLUMN tenant_id TYPE text;
CREATE POLICY tenant_isolation ON public.notes TO konstruct_app
  USING (tenant_id = current_setting('app.current_tenant', true))
  WITH CHECK (tenant_id = current_setting('app.current_tenant', true));
CREATE POLICY tenant_floor ON public.notes AS RESTRICTIVE TO konstruct_app
  USING (tenant_id = current_setting('app.current_tenant', true));

--- rls.disabled table public.agents
ALTER TABLE public.agents DISABLE ROW LEVEL SECURITY;

--- rls.not-forced table public.agents
ALTER TABLE public.agents NO FORCE ROW LEVEL SECURITY;

-- Policies.

--- policy.missing policy tenant_isolation on public.agents
DROP POLICY tenant_isolation ON public.agents;

--- policy.missing policy tenant_floor on public.agents
DROP POLICY tenant_floor ON public.agents;

--- policy.missing policy resolver_lookup on public.channel_connections
DROP POLICY resolver_lookup ON public.channel_connections;

--- policy.differs policy tenant_isolation on public.agents
ALTER POLICY tenant_isolation ON public.agents
  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid) OR true);

--- policy.differs policy tenant_floor on public.agents
ALTER POLICY tenant_floor ON public.agents
  USING (tenant_id IS NOT DISTINCT FROM (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));

--- policy.differs policy tenant_isolation on public.channel_connections
DROP POLICY tenant_isolation ON public.channel_connections;
CREATE POLICY tenant_isolation ON public.channel_connections TO konstruct_app
  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));

--- policy.differs policy resolver_lookup on public.channel_connections
ALTER POLICY resolver_lookup ON public.channel_connections USING (true);

--- policy.missing policy resolver_lookup on public.memberships
DROP POLICY resolver_lookup ON public.memberships;

--- policy.roles policy resolver_lookup on public.memberships
ALTER POLICY resolver_lookup ON public.memberships TO konstruct_app, konstruct_resolver;

--- policy.differs policy resolver_lookup on public.invitations
ALTER POLICY resolver_lookup ON public.invitations USING (true);

--- policy.differs policy resolver_lookup on public.audit_events
ALTER POLICY resolver_lookup ON public.audit_events USING (true);

--- policy.differs policy resolver_expiry on public.audit_events
ALTER POLICY resolver_expiry ON public.audit_events USING (true);

--- policy.differs policy resolver_expiry on public.audit_events
DROP POLICY resolver_expiry ON public.audit_events;
CREATE POLICY resolver_expiry ON public.audit_events TO konstruct_resolver
  USING (created_at < now() - interval '365 days'
    OR EXISTS (SELECT FROM public.tenants AS t WHERE t.id = tenant_id AND t.status = 'purging'));

--- policy.differs policy tenant_floor on public.channel_connections
DROP POLICY tenant_floor ON public.channel_connections;
CREATE POLICY tenant_floor ON public.channel_connections TO konstruct_app
  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));

--- policy.roles policy tenant_isolation on public.agents
ALTER POLICY tenant_isolation ON public.agents TO PUBLIC;

--- policy.roles policy tenant_floor on public.agents
ALTER POLICY tenant_floor ON public.agents TO konstruct_owner;

--- policy.extra policy support on public.agents
CREATE POLICY support ON public.agents TO konstruct_app USING (true);

--- policy.function policy tenant_isolation on public.agents: public.tenant()
SET ROLE konstruct_owner;
CREATE FUNCTION public.tenant() RETURNS uuid
  LANGUAGE sql IMMUTABLE AS $$ SELECT current_setting('app.current_tenant')::uuid $$;
ALTER POLICY tenant_isolation ON public.agents USING (tenant_id = public.tenant());

--- policy.function policy mine on public.agents: public.is_mine(pg_catalog.uuid)
SET ROLE konstruct_owner;
CREATE FUNCTION public.is_mine(uuid) RETURNS bool LANGUAGE sql STABLE AS 'SELECT true';
CREATE POLICY mine ON public.agents USING (public.is_mine(tenant_id));

-- Grants.

--- grant.table table public.agents: REFERENCES, TRIGGER, TRUNCATE to konstruct_app
GRANT TRUNCATE, TRIGGER, REFERENCES ON public.agents TO konstruct_app;

--- grant.table table public.tenants: TRUNCATE to konstruct_app
GRANT TRUNCATE ON public.tenants TO konstruct_app;

--- grant.table table atlas_schema_revisions.atlas_schema_revisions: UPDATE to konstruct_app
GRANT UPDATE ON atlas_schema_revisions.atlas_schema_revisions TO konstruct_app;

--- grant.table table public.audit_events: DELETE, UPDATE to konstruct_app
GRANT UPDATE, DELETE ON public.audit_events TO konstruct_app;

--- grant.table table public.platform_audit_events: UPDATE to konstruct_app
GRANT UPDATE ON public.platform_audit_events TO konstruct_app;

--- grant.column table public.audit_events: UPDATE (action) to konstruct_app
GRANT UPDATE (action) ON public.audit_events TO konstruct_app;

--- grant.option table public.agents: SELECT to konstruct_app
GRANT SELECT ON public.agents TO konstruct_app WITH GRANT OPTION;

--- grant.column table public.agents: REFERENCES (id) to konstruct_app
GRANT REFERENCES (id) ON public.agents TO konstruct_app;

--- grant.column table public.channel_connections: SELECT (secrets) to konstruct_resolver
GRANT SELECT (secrets) ON public.channel_connections TO konstruct_resolver;

--- grant.column table public.portal_users: SELECT (hashed_password) to konstruct_resolver
GRANT SELECT (hashed_password) ON public.portal_users TO konstruct_resolver;

--- grant.column table public.invitations: SELECT (email) to konstruct_resolver
GRANT SELECT (email) ON public.invitations TO konstruct_resolver;

--- grant.column table public.memberships: UPDATE (role) to konstruct_resolver
GRANT UPDATE (role) ON public.memberships TO konstruct_resolver;

--- grant.public table public.agents: SELECT to PUBLIC
GRANT SELECT ON public.agents TO PUBLIC;

--- grant.unknown table public.agents: DELETE, SELECT to pg_monitor
GRANT SELECT, DELETE ON public.agents TO pg_monitor;

--- grant.unknown table public.channel_connections: SELECT to konstruct_resolver
GRANT SELECT ON public.channel_connections TO konstruct_resolver;

--- grant.missing table public.agents: DELETE to konstruct_app
REVOKE DELETE ON public.agents FROM konstruct_app;

--- grant.missing routine public.resolve_tenant(text, text): EXECUTE to konstruct_app
REVOKE EXECUTE ON FUNCTION public.resolve_tenant FROM konstruct_app;

--- grant.missing table public.tenants: SELECT (status) to konstruct_resolver
REVOKE SELECT (status) ON public.tenants FROM konstruct_resolver;

--- grant.schema schema public: CREATE to konstruct_resolver
GRANT CREATE ON SCHEMA public TO konstruct_resolver;

--- grant.schema schema public: CREATE to konstruct_app
GRANT CREATE ON SCHEMA public TO konstruct_app;

--- grant.schema-usage schema public: USAGE to PUBLIC
GRANT USAGE ON SCHEMA public TO PUBLIC;

--- grant.database database {db}: TEMPORARY to PUBLIC
GRANT TEMPORARY ON DATABASE {db} TO PUBLIC;

--- grant.database database {db}: CREATE to konstruct_app
GRANT CREATE ON DATABASE {db} TO konstruct_app;

--- schema.unknown sequence public.tickets
SET ROLE konstruct_owner;
CREATE SEQUENCE public.tickets;
GRANT USAGE ON SEQUENCE public.tickets TO konstruct_app;

--- grant.function routine public.twice(integer): EXECUTE to PUBLIC
SET ROLE konstruct_owner;
CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
--- plant
GRANT EXECUTE ON FUNCTION public.twice TO PUBLIC;

--- grant.default default of konstruct_owner: EXECUTE on functions to PUBLIC
ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC;

--- grant.default default of konstruct_owner in public: SELECT on tables to konstruct_app
ALTER DEFAULT PRIVILEGES FOR ROLE konstruct_owner IN SCHEMA public GRANT SELECT ON TABLES TO konstruct_app;

-- Functions that run with their owner's rights.

--- definer.unlisted function public.count_all()
SET ROLE konstruct_owner;
CREATE FUNCTION public.count_all() RETURNS bigint LANGUAGE sql SECURITY DEFINER
  BEGIN ATOMIC SELECT count(*) FROM public.agents; END;
GRANT EXECUTE ON FUNCTION public.count_all TO PUBLIC;

--- definer.owner function public.resolve_tenant(text, text): owned by konstruct_owner
ALTER FUNCTION public.resolve_tenant OWNER TO konstruct_owner;

--- definer.search-path function public.resolve_tenant(text, text)
CREATE OR REPLACE FUNCTION public.resolve_tenant(channel_type text, workspace_id text) RETURNS uuid
  LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = public
  AS 'SELECT tenant_id FROM channel_connections c WHERE c.workspace_id = $2';

--- definer.grant routine public.resolve_tenant(text, text): EXECUTE to PUBLIC
GRANT EXECUTE ON FUNCTION public.resolve_tenant TO PUBLIC;

-- Keys.

--- key.without-tenant foreign key notes_agent_id_fkey on public.notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD FOREIGN KEY (agent_id) REFERENCES public.agents (id) ON DELETE CASCADE;

--- key.without-tenant foreign key crossed on public.notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD CONSTRAINT crossed FOREIGN KEY (agent_id, tenant_id)
  REFERENCES public.agents (tenant_id, id);

--- key.no-tenant-table table public.agents_notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
CREATE TABLE public.agents_notes (
  agent_id uuid REFERENCES public.agents (id), note_id uuid REFERENCES public.notes (id));

--- key.cascade foreign key agents_tenant_id_fkey on public.agents
ALTER TABLE public.agents DROP CONSTRAINT agents_tenant_id_fkey;
ALTER TABLE public.agents ADD CONSTRAINT agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants (id)
  ON DELETE CASCADE;

--- key.cascade foreign key agent on public.notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD CONSTRAINT agent FOREIGN KEY (tenant_id, agent_id)
  REFERENCES public.agents (tenant_id, id) ON DELETE SET NULL;

--- key.cascade foreign key moved on public.notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD CONSTRAINT moved FOREIGN KEY (tenant_id, agent_id) REFERENCES public.agents (tenant_id, id)
  MATCH FULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED;

--- key.cascade-within foreign key agent on public.notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD CONSTRAINT agent FOREIGN KEY (tenant_id, agent_id)
  REFERENCES public.agents (tenant_id, id) ON DELETE CASCADE;

--- key.spans-tenants unique key notes_slug_key on public.notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD UNIQUE (slug);

--- key.spans-tenants unique key notes_slug on public.notes
\i notes.sql
--- plant
SET ROLE konstruct_owner;
CREATE UNIQUE INDEX notes_slug ON public.notes (lower(slug)) WHERE slug <> '';

--- key.spans-tenants unique key notes_slug_excl on public.notes
CREATE EXTENSION btree_gist SCHEMA public;
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD EXCLUDE USING gist (slug WITH =);

--- key.sequence column public.notes.n
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY;

--- key.sequence column public.notes.n2
\i notes.sql
--- plant
SET ROLE konstruct_owner;
ALTER TABLE public.notes ADD COLUMN n2 serial;

-- Views, rules, triggers and functions.

--- view.definer view public.all_agents
SET ROLE konstruct_owner;
CREATE VIEW public.all_agents AS SELECT name FROM public.agents;
GRANT SELECT ON public.all_agents TO konstruct_app;

--- view.definer view private.all_agents
SET ROLE konstruct_owner;
CREATE SCHEMA private;
CREATE VIEW private.all_agents AS SELECT name FROM public.agents;
GRANT SELECT ON private.all_agents TO konstruct_app;
CREATE VIEW public.all_agents WITH (security_invoker = true) AS SELECT name FROM private.all_agents;

--- view.materialized materialized view public.agent_names
SET ROLE konstruct_owner;
CREATE MATERIALIZED VIEW public.agent_names AS SELECT name FROM public.agents;
GRANT SELECT ON public.agent_names TO PUBLIC;

--- rule.present rule copy on public.agents
SET ROLE konstruct_owner;
CREATE RULE copy AS ON INSERT TO public.agents DO ALSO NOTIFY agents;

--- trigger.unlisted trigger copy on public.agents
SET ROLE konstruct_owner;
CREATE FUNCTION public.copy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER copy AFTER INSERT ON public.agents FOR EACH ROW EXECUTE FUNCTION public.copy();

--- function.tenant-setting function public.as_tenant()
CREATE FUNCTION public.as_tenant() RETURNS bigint LANGUAGE sql
  SET app.current_tenant = '018f0000-0000-7000-8000-000000000001' AS 'SELECT count(*) FROM public.agents';
REVOKE EXECUTE ON FUNCTION public.as_tenant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.as_tenant TO konstruct_app;

--- function.leakproof function public.peek(text)
CREATE FUNCTION public.peek(text) RETURNS bool LANGUAGE sql LEAKPROOF AS 'SELECT true';
REVOKE EXECUTE ON FUNCTION public.peek FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.peek TO konstruct_app;

--- function.untrusted function public.pid()
CREATE FUNCTION public.pid() RETURNS int LANGUAGE internal AS 'pg_backend_pid';
REVOKE EXECUTE ON FUNCTION public.pid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.pid TO konstruct_app;

-- Partitions and inheritance children.

--- child.open table public.notes_old: open to konstruct_app
\i notes.sql
CREATE TABLE public.notes_old () INHERITS (public.notes);
--- plant
GRANT SELECT ON public.notes_old TO konstruct_app;

--- child.open table public.events_1: open to pg_monitor
\i partitioned.sql
--- plant
SET ROLE konstruct_owner;
GRANT SELECT (id) ON public.events_1 TO pg_monitor;

--- child.of-other table public.notes: child of public.things
\i notes.sql
CREATE TABLE public.things (id uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON public.things TO konstruct_app;
--- plant
ALTER TABLE public.notes INHERIT public.things;

-- Access to elsewhere.

--- foreign.table foreign table public.remote
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;
CREATE FOREIGN TABLE public.remote (tenant_id uuid) SERVER far;
GRANT SELECT ON public.remote TO konstruct_app;

--- foreign.access foreign server far: USAGE to konstruct_app
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;
GRANT USAGE ON FOREIGN SERVER far TO konstruct_app;

--- foreign.access foreign data wrapper elsewhere: USAGE to PUBLIC
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;
GRANT USAGE ON FOREIGN DATA WRAPPER elsewhere TO PUBLIC;

--- foreign.mapping user mapping of PUBLIC on far
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER far FOREIGN DATA WRAPPER elsewhere;
CREATE USER MAPPING FOR PUBLIC SERVER far;

--- extension.reach extension dblink
CREATE EXTENSION dblink;

--- publication.tenants publication everything
CREATE PUBLICATION everything FOR ALL TABLES;

--- publication.tenants publication agents
CREATE PUBLICATION agents FOR TABLE public.agents;

--- event-trigger.present event trigger watch
CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
REVOKE EXECUTE ON FUNCTION public.watch FROM PUBLIC;
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.watch();

-- PostgreSQL's own objects.

--- platform.large-objects large objects: functions open to PUBLIC
GRANT EXECUTE ON FUNCTION lo_create(oid), lo_get(oid) TO PUBLIC;

--- platform.advisory-locks advisory locks: functions open to konstruct_app
GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO konstruct_app;

--- platform.signals backend signals: functions open to PUBLIC
GRANT EXECUTE ON FUNCTION pg_cancel_backend(int) TO PUBLIC;

--- platform.language language plpgsql: USAGE to PUBLIC
GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC;

--- platform.grant function pg_read_file(text): EXECUTE to konstruct_app
GRANT EXECUTE ON FUNCTION pg_read_file(text) TO konstruct_app;

--- platform.grant table pg_statistic: SELECT to PUBLIC
GRANT SELECT ON pg_statistic TO PUBLIC;

--- platform.grant function lo_import(text): EXECUTE to PUBLIC
GRANT EXECUTE ON FUNCTION lo_import(text) TO PUBLIC;

-- Objects that differ from the snapshot.

--- definer.differs function public.resolve_tenant(text, text)
CREATE OR REPLACE FUNCTION public.resolve_tenant(channel_type text, workspace_id text)
  RETURNS uuid LANGUAGE sql STABLE STRICT
  SECURITY DEFINER BEGIN ATOMIC SELECT c.tenant_id FROM public.channel_connections AS c
  WHERE c.channel_type = resolve_tenant.channel_type ORDER BY c.workspace_id LIMIT 1; END;

--- definer.differs function public.resolve_tenant(text, text)
ALTER FUNCTION public.resolve_tenant IMMUTABLE;

--- definer.search-path function public.resolve_tenant(text, text)
CREATE OR REPLACE FUNCTION public.resolve_tenant(channel_type text, workspace_id text)
  RETURNS uuid LANGUAGE sql STABLE STRICT
  SECURITY DEFINER AS 'SELECT NULL::uuid';

--- schema.missing function public.resolve_tenant(text, text)
DROP FUNCTION public.resolve_tenant;

--- schema.missing unique key invitation_token_hash on public.invitations
DROP INDEX public.invitation_token_hash;

--- schema.missing unique key channelconnection_channel_type_workspace_id on public.channel_connections
DROP INDEX public.channelconnection_channel_type_workspace_id;

--- schema.differs unique key portal_users_email_key on public.portal_users: def
DROP INDEX public.portal_users_email_key;
CREATE UNIQUE INDEX portal_users_email_key ON public.portal_users (email) WHERE is_admin;

--- schema.differs unique key tenants_slug_key on public.tenants: def; schema.differs column public.tenants.slug: notnull
DROP INDEX public.tenants_slug_key;
ALTER TABLE public.tenants ALTER COLUMN slug DROP NOT NULL;
CREATE UNIQUE INDEX tenants_slug_key ON public.tenants (slug) NULLS NOT DISTINCT;

--- schema.unknown constraint hidden on public.agents
\i hidden.sql
ALTER TABLE public.agents ADD CONSTRAINT hidden CHECK (hidden.f(name));

--- schema.differs column public.portal_users.is_admin: default
\i hidden.sql
ALTER TABLE public.portal_users ALTER COLUMN is_admin SET DEFAULT hidden.f('');

--- schema.unknown index called on public.agents
\i hidden.sql
CREATE INDEX called ON public.agents (hidden.f(name));

--- schema.unknown column public.agents.called
\i hidden.sql
ALTER TABLE public.agents ADD COLUMN called boolean GENERATED ALWAYS AS (hidden.f(name)) STORED;

--- trigger.unlisted trigger promote on public.portal_users
\i hidden.sql
CREATE TRIGGER promote BEFORE INSERT OR UPDATE ON public.portal_users FOR EACH ROW EXECUTE FUNCTION hidden.t();

--- rule.present rule swallow on public.portal_sessions
SET ROLE konstruct_owner;
CREATE RULE swallow AS ON UPDATE TO public.portal_sessions DO INSTEAD NOTHING;

--- schema.unknown view public.people
SET ROLE konstruct_owner;
CREATE VIEW public.people WITH (security_invoker = true) AS SELECT email FROM public.portal_users;
GRANT SELECT ON public.people TO konstruct_app;

--- schema.missing foreign key agents_tenant_id_fkey on public.agents
ALTER TABLE public.agents DROP CONSTRAINT agents_tenant_id_fkey;

--- schema.differs foreign key agents_tenant_id_fkey on public.agents: def, invalid
ALTER TABLE public.agents DROP CONSTRAINT agents_tenant_id_fkey;
ALTER TABLE public.agents ADD CONSTRAINT agents_tenant_id_fkey FOREIGN KEY (tenant_id)
  REFERENCES public.tenants (id) NOT VALID;

--- schema.differs foreign key agents_tenant_id_fkey on public.agents: triggers
ALTER TABLE public.agents DISABLE TRIGGER ALL;

--- schema.differs foreign key memberships_portal_users_memberships on public.memberships: triggers; schema.differs foreign key portal_links_portal_users_links on public.portal_links: triggers; schema.differs foreign key portal_sessions_portal_users_sessions on public.portal_sessions: triggers
ALTER TABLE public.portal_users DISABLE TRIGGER ALL;

--- schema.missing constraint portal_sessions_ends_later on public.portal_sessions
ALTER TABLE public.portal_sessions DROP CONSTRAINT portal_sessions_ends_later;

--- schema.missing constraint agent_tenant_id_id on public.agents
ALTER TABLE public.agents DROP CONSTRAINT agent_tenant_id_id;

--- schema.differs column public.portal_sessions.expires_at: notnull
ALTER TABLE public.portal_sessions ALTER COLUMN expires_at DROP NOT NULL;

--- schema.differs column public.login_attempts.key: collation
ALTER TABLE public.login_attempts ALTER COLUMN key TYPE text COLLATE "C";

--- schema.differs table public.portal_users: rls
ALTER TABLE public.portal_users ENABLE ROW LEVEL SECURITY;

--- schema.differs table public.login_attempts: persistence
ALTER TABLE public.login_attempts SET UNLOGGED;

--- schema.differs schema public: owner
ALTER SCHEMA public OWNER TO pg_database_owner;

--- policy.extra policy everyone on public.tenants
CREATE POLICY everyone ON public.tenants USING (true);

--- schema.unknown table public.older: child of public.portal_users
SET ROLE konstruct_owner;
CREATE TABLE public.older () INHERITS (public.portal_users);

--- schema.unknown foreign key watch_tenant_id_fkey on elsewhere.watch
SET ROLE konstruct_owner;
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.watch (tenant_id uuid REFERENCES public.tenants (id));

--- schema.unknown function public.resolve_tenant(text, text, text)
SET ROLE konstruct_owner;
CREATE FUNCTION public.resolve_tenant(text, text, text DEFAULT '') RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
GRANT EXECUTE ON FUNCTION public.resolve_tenant(text, text, text) TO konstruct_app;

--- definer.unlisted function public.laundered()
CREATE EXTENSION citext SCHEMA public;
CREATE FUNCTION public.laundered() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
ALTER EXTENSION citext ADD FUNCTION public.laundered();
ALTER FUNCTION public.laundered OWNER TO konstruct_owner;

--- definer.unlisted function information_schema.f()
CREATE FUNCTION information_schema.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';

--- definer.unlisted function "a"".b".f()
CREATE SCHEMA "a"".b";
GRANT USAGE ON SCHEMA "a"".b" TO konstruct_app;
CREATE FUNCTION "a"".b".f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';

--- trigger.unlisted trigger swallow on public.names
SET ROLE konstruct_owner;
CREATE VIEW public.names WITH (security_invoker = true) AS SELECT name FROM public.tenants;
GRANT SELECT, INSERT ON public.names TO konstruct_app;
--- plant
SET ROLE konstruct_owner;
CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER swallow INSTEAD OF INSERT ON public.names FOR EACH ROW EXECUTE FUNCTION public.swallow();

--- schema.unknown function pg_catalog.lower(uuid)
CREATE FUNCTION pg_catalog.lower(uuid) RETURNS text LANGUAGE sql AS 'SELECT $1::text';

--- schema.unknown cast (public.mood AS boolean)
CREATE TYPE public.mood AS ENUM ('good');
REVOKE USAGE ON TYPE public.mood FROM PUBLIC;
CREATE FUNCTION hide(public.mood) RETURNS boolean LANGUAGE sql AS 'SELECT true';
REVOKE EXECUTE ON FUNCTION hide FROM PUBLIC;
CREATE CAST (public.mood AS boolean) WITH FUNCTION hide(public.mood) AS IMPLICIT;

--- schema.unknown operator public.===(pg_catalog.uuid,pg_catalog.uuid)
CREATE OPERATOR public.=== (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = uuid_eq);

--- grant.missing schema public: USAGE to konstruct_app
REVOKE USAGE ON SCHEMA public FROM konstruct_app;

--- subscription.present subscription stream
CREATE SUBSCRIPTION stream CONNECTION 'dbname=x' PUBLICATION x WITH (connect = false, slot_name = NONE);

--- setting.preset setting client_encoding of DATABASE {db}
ALTER DATABASE {db} SET client_encoding = 'LATIN1';
