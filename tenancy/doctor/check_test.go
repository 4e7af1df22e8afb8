package doctor_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

const own = "SET ROLE konstruct_owner;"

func TestMigratedDatabaseIsClean(t *testing.T) {
	t.Parallel()
	b := setup(t)

	report := b.check(t)
	require.Empty(t, report.Findings)
	require.NoError(t, report.Err())
	require.Equal(t, "konstruct_app", report.Role)
	require.Equal(t, b.Name, report.Database)
	require.Subset(t, report.Tables, []doctor.Table{
		{Name: "public.agents", Class: doctor.ClassTenant},
		{Name: "public.tenants", Class: doctor.ClassGlobal},
		{Name: "atlas_schema_revisions.atlas_schema_revisions", Class: doctor.ClassPlatform},
	})
}

// Each entry of the spec is needed.
func TestSpec(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Empty(t, b.check(t).Findings)

	for want, forget := range map[string]func(*doctor.Spec){
		"key.spans-tenants unique key channelconnection_channel_type_workspace_id on public.channel_connections": func(c *doctor.Spec) {
			c.SpanningKeys = nil
		},
		"key.spans-tenants unique key invitation_token_hash on public.invitations": func(c *doctor.Spec) {
			c.SpanningKeys = nil
		},
		"setting.unlisted setting statement_timeout of ROLE konstruct_app": func(c *doctor.Spec) {
			c.RoleSettings = c.RoleSettings[1:]
		},
		"schema.unknown table public.login_attempts":                  without("table", "public.login_attempts"),
		"definer.unlisted function public.resolve_tenant(text, text)": without("function", "public.resolve_tenant(text, text)"),
		"definer.unlisted function public.session_role(text, uuid)":   without("function", "public.session_role(text, uuid)"),
		"snapshot.missing database " + b.Name:                         func(c *doctor.Spec) { c.Snapshot = doctor.Snapshot{} },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			spec := b.spec
			forget(&spec)
			require.Contains(t, findings(check(t, b.AppURL, spec)), want)
		})
	}
}

func without(kind, name string) func(*doctor.Spec) {
	return func(c *doctor.Spec) {
		c.Snapshot.Objects = slices.DeleteFunc(slices.Clone(c.Snapshot.Objects), func(o doctor.Object) bool {
			return o.Kind == kind && o.Name == name
		})
	}
}

// Without a snapshot, missing protection of tenant-scoped tables is still reported.
func TestWithoutASnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, `
		ALTER TABLE public.agents NO FORCE ROW LEVEL SECURITY;
		CREATE POLICY support ON public.agents TO konstruct_app USING (true);
		CREATE PUBLICATION agents FOR TABLE public.agents;
		GRANT TRIGGER ON public.agents TO konstruct_app;`)
	b.spec.Snapshot = doctor.Snapshot{}
	require.ElementsMatch(t, []string{
		"snapshot.missing database " + b.Name,
		"rls.not-forced table public.agents",
		"policy.extra policy support on public.agents",
		"publication.tenants publication agents",
		"grant.table table public.agents: TRIGGER to konstruct_app",
	}, findings(b.check(t)))
}

// A project's snapshot allows its tables.
func TestProjectSnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, `\i notes.sql`)
	require.Equal(t, []string{"schema.unknown table public.notes"}, serious(b.check(t)))
	b.accept(t)
	require.Empty(t, b.check(t).Findings)
}

// A policy or grant that weakens a tenant-scoped table is a finding even if a migration created it.
func TestSnapshotDoesNotExcuseMissingProtection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, own+`
		CREATE FUNCTION public.is_mine(uuid) RETURNS bool LANGUAGE sql STABLE AS 'SELECT true';
		GRANT EXECUTE ON FUNCTION public.is_mine TO konstruct_app;
		CREATE POLICY support ON public.agents TO konstruct_app USING (true);
		CREATE POLICY mine ON public.agents AS RESTRICTIVE USING (public.is_mine(tenant_id));
		ALTER POLICY tenant_floor ON public.agents USING (true);
		ALTER TABLE public.agents DISABLE ROW LEVEL SECURITY;
		GRANT TRUNCATE, UPDATE (name) ON public.agents TO konstruct_app;
		GRANT UPDATE, DELETE ON public.audit_events TO konstruct_app;`)
	b.accept(t)
	require.ElementsMatch(t, []string{
		"grant.table table public.agents: TRUNCATE to konstruct_app",
		"grant.table table public.audit_events: DELETE, UPDATE to konstruct_app",
		"rls.disabled table public.agents",
		"policy.extra policy support on public.agents",
		"policy.function policy mine on public.agents: public.is_mine(pg_catalog.uuid)",
		"policy.differs policy tenant_floor on public.agents",
	}, serious(b.check(t)))
}

// Listed objects are allowed unless they act on objects of the snapshot.
func TestKnownObjects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, `
		CREATE TABLE public.plans (id uuid PRIMARY KEY, buyer uuid REFERENCES public.tenants (id) ON DELETE CASCADE);
		GRANT SELECT ON public.plans TO konstruct_app;
		CREATE SCHEMA reporting;
		CREATE VIEW reporting.names AS SELECT name FROM public.tenants;
		GRANT SELECT ON reporting.names TO konstruct_app;
		CREATE TABLE reporting.owners (tenant_id uuid REFERENCES public.tenants (id));
		CREATE FUNCTION reporting.copy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER copy AFTER INSERT ON public.agents FOR EACH ROW EXECUTE FUNCTION reporting.copy();`)
	acts := []string{
		"schema.unknown foreign key owners_tenant_id_fkey on reporting.owners",
		"trigger.unlisted trigger copy on public.agents",
	}
	require.ElementsMatch(t,
		append([]string{"table.unclassified table public.plans", "view.definer view reporting.names"}, acts...), serious(b.check(t)))

	b.spec = b.spec.With(doctor.Spec{Known: []string{"public.plans", "reporting.*", "public.agents"}})
	report := b.check(t)
	require.ElementsMatch(t, append(acts, "schema.unknown foreign key plans_buyer_fkey on public.plans"), serious(report))
	require.Subset(t, findings(report), []string{"schema.outside table public.plans", "schema.outside schema reporting"})
}

// Correct but unusual objects are not findings.
func TestNotFaults(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"partitions without grants": `\i partitioned.sql`,
		"a protected partition": `\i partitioned.sql
			GRANT SELECT ON public.events_1 TO konstruct_app;
			ALTER TABLE public.events_1 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
			CREATE POLICY tenant_isolation ON public.events_1 TO konstruct_app
			  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
			  WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
			CREATE POLICY tenant_floor ON public.events_1 AS RESTRICTIVE TO konstruct_app
			  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));`,
		"a composite key that keeps the tenant out of SET NULL": `\i notes.sql
			ALTER TABLE public.notes ADD FOREIGN KEY (tenant_id, agent_id) REFERENCES public.agents (tenant_id, id)
			  ON DELETE SET NULL (agent_id);`,
		"a view that reads as its caller": own + `
			CREATE VIEW public.names WITH (security_invoker = on) AS SELECT name FROM public.agents;
			GRANT SELECT ON public.names TO konstruct_app;`,
		"an unreachable table": own + `
			CREATE SCHEMA private; CREATE TABLE private.notes (id int);`,
		"extensions":                        "CREATE EXTENSION pgcrypto SCHEMA public; CREATE EXTENSION pg_trgm SCHEMA public;",
		"a backup role that reads all rows": "GRANT USAGE ON SCHEMA public TO pg_read_all_data",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.run(t, script)
			b.accept(t)
			require.Empty(t, serious(b.check(t)))
		})
	}
}

// An extension's schema can contain other objects.
func TestExtensionSchemaIsReachable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, `
		CREATE EXTENSION citext SCHEMA public; CREATE SCHEMA tools; ALTER EXTENSION citext ADD SCHEMA tools;
		CREATE FUNCTION tools.all() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';`)
	require.Empty(t, serious(b.check(t)))
	b.run(t, "GRANT USAGE ON SCHEMA tools TO PUBLIC")
	require.Equal(t, []string{`definer.unlisted function tools."all"()`}, serious(b.check(t)))
}

// Unreachable objects are information: one finding per other schema, and one per object in the spec's schemas.
func TestUnreachableObjectsAreInformation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, `
		CREATE SCHEMA ops; CREATE TABLE ops.a (id int); CREATE TABLE ops.b (id int);
		CREATE FUNCTION ops.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
		CREATE TABLE public.scratch (id int);
		CREATE EXTENSION citext SCHEMA public;
		CREATE FUNCTION public.audited() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER EXTENSION citext ADD FUNCTION public.audited();
		CREATE TABLE public.spatial_ref_sys (srid int PRIMARY KEY); GRANT SELECT ON public.spatial_ref_sys TO PUBLIC;
		ALTER EXTENSION citext ADD TABLE public.spatial_ref_sys;
		CREATE INDEX ON public.agents (created_at);`)
	report := b.check(t)
	require.Equal(t, []string{
		"extension.present extension citext", "schema.outside schema ops", "schema.outside table public.scratch",
	}, findings(report))
	require.NoError(t, report.Err())
}

// Names that need quoting must not break or extend a remedy.
func TestRemediesQuoteWhatTheyName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, own+`
		CREATE SCHEMA "a b";
		GRANT USAGE ON SCHEMA "a b" TO konstruct_app;
		CREATE TABLE "a b"."x; DROP TABLE agents" ("id""" uuid PRIMARY KEY, tenant_id uuid, "Slug" text UNIQUE);
		GRANT TRUNCATE ON "a b"."x; DROP TABLE agents" TO konstruct_app;
		CREATE POLICY "p'q" ON "a b"."x; DROP TABLE agents" TO konstruct_app USING (true);`)
	for range 3 {
		for _, f := range b.check(t).Findings {
			b.run(t, f.Remedy)
		}
	}
	report := b.check(t)
	require.Empty(t, serious(report))
	require.Contains(t, report.Tables, doctor.Table{Name: "public.agents", Class: doctor.ClassTenant}, "it is still there")
}

// Pools, all allowed query modes, and read-only transactions.
func TestCheckOnPoolsAndTransactions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, mode := range []string{"cache_statement", "cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool, err := pgxpool.New(t.Context(), preset(t, b.AppURL, "default_query_exec_mode", mode))
			require.NoError(t, err)
			defer pool.Close()
			tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{AccessMode: pgx.ReadOnly})
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
			for _, q := range []doctor.Querier{pool, tx} {
				report, err := doctor.Check(t.Context(), q, b.spec)
				require.NoError(t, err)
				require.Empty(t, report.Findings)
			}
		})
	}
}

func TestFailedCheckIsAnError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn := connect(t, b.AppURL)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := doctor.Check(ctx, conn, b.spec)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, doctor.ErrUnsafe)
	closed, err := pgxpool.New(t.Context(), b.AppURL)
	require.NoError(t, err)
	closed.Close()
	_, err = doctor.Check(t.Context(), closed, b.spec)
	require.Error(t, err)
	require.NotErrorIs(t, err, doctor.ErrUnsafe)
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(t, "ALTER TABLE public.agents NO FORCE ROW LEVEL SECURITY")
	raw, err := json.Marshal(b.check(t))
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(raw, &got))
	require.ElementsMatch(t, []string{"server_version", "database", "role", "tables", "findings"}, slices.Collect(maps.Keys(got)))
	require.Equal(t, []any{map[string]any{
		"code": "rls.not-forced", "level": "error", "object": "table public.agents",
		"risk":   "The policies don't apply to the table's owner: its views, functions and jobs read the rows of all tenants.",
		"remedy": `ALTER TABLE public.agents FORCE ROW LEVEL SECURITY;`,
	}}, got["findings"])
}

func BenchmarkCheck(b *testing.B) {
	bundle := setup(b)
	pool, err := pgxpool.New(b.Context(), bundle.AppURL)
	require.NoError(b, err)
	defer pool.Close()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		_, err := doctor.Check(b.Context(), pool, bundle.spec)
		require.NoError(b, err)
		took = append(took, time.Since(start))
	}
	// The mean depends on other work of the machine.
	slices.Sort(took)
	b.ReportMetric(float64(took[0].Microseconds())/1000, "ms/fastest")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
}
