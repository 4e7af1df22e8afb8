package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func TestMigratedDatabaseIsClean(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)

	report := check(t, db.AppURL, spec())
	require.Empty(t, report.Findings)
	require.NoError(t, report.Err())
	require.Equal(t, "konstruct_app", report.Role)
	require.Equal(t, db.Name, report.Database)
	require.Contains(t, report.Tables, doctor.Table{Name: "public.agents", Class: doctor.ClassTenant})
	require.Contains(t, report.Tables, doctor.Table{Name: "public.tenants", Class: doctor.ClassGlobal})
	require.Contains(t, report.Tables,
		doctor.Table{Name: "atlas_schema_revisions.atlas_schema_revisions", Class: doctor.ClassPlatform})
}

// Each entry of the spec is needed.
func TestSpec(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	require.Empty(t, check(t, db.AppURL, spec()).Findings)

	for name, c := range map[string]struct {
		forget func(*doctor.Spec)
		want   found
	}{
		"a spanning key": {
			func(c *doctor.Spec) { c.SpanningKeys = nil },
			found{"key.spans-tenants", "unique key channelconnection_channel_type_workspace_id on public.channel_connections"},
		},
		"a setting": {
			func(c *doctor.Spec) { c.RoleSettings = c.RoleSettings[1:] },
			found{"setting.unlisted", "setting statement_timeout of ROLE konstruct_app"},
		},
		"a table": {
			without("table", "public.login_attempts"),
			found{"schema.unknown", "table public.login_attempts"},
		},
		"the function": {
			without("function", "public.resolve_tenant(text, text)"),
			found{"definer.unlisted", "function public.resolve_tenant(text, text)"},
		},
		"the snapshot": {
			func(c *doctor.Spec) { c.Snapshot = doctor.Snapshot{} },
			found{"snapshot.missing", "database " + db.Name},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := spec()
			c.forget(&spec)
			require.Contains(t, findings(check(t, db.AppURL, spec)), c.want)
		})
	}
}

// Without a snapshot, missing protection of tenant-scoped tables is still reported.
func TestWithoutASnapshot(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, `
		ALTER TABLE public.agents NO FORCE ROW LEVEL SECURITY;
		CREATE POLICY support ON public.agents TO konstruct_app USING (true);
		CREATE PUBLICATION agents FOR TABLE public.agents;
		GRANT TRIGGER ON public.agents TO konstruct_app;`)
	spec := spec()
	spec.Snapshot = doctor.Snapshot{}
	require.ElementsMatch(t, []found{
		{"snapshot.missing", "database " + db.Name},
		{"rls.not-forced", "table public.agents"},
		{"policy.extra", "policy support on public.agents"},
		{"publication.tenants", "publication agents"},
		{"grant.table", "table public.agents: TRIGGER to konstruct_app"},
	}, findings(check(t, db.AppURL, spec)))
}

// A policy or grant that weakens a tenant-scoped table is a finding even if a migration created it.
func TestSnapshotDoesNotExcuseMissingProtection(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, own+`
		CREATE FUNCTION public.is_mine(uuid) RETURNS bool LANGUAGE sql STABLE AS 'SELECT true';
		GRANT EXECUTE ON FUNCTION public.is_mine TO konstruct_app;
		CREATE POLICY support ON public.agents TO konstruct_app USING (true);
		CREATE POLICY mine ON public.agents AS RESTRICTIVE USING (public.is_mine(tenant_id));
		ALTER POLICY tenant_floor ON public.agents USING (true);
		ALTER TABLE public.agents DISABLE ROW LEVEL SECURITY;
		GRANT TRUNCATE, UPDATE (name) ON public.agents TO konstruct_app;`)
	require.ElementsMatch(t, []found{
		{"grant.table", "table public.agents: TRUNCATE to konstruct_app"},
		{"rls.disabled", "table public.agents"},
		{"policy.extra", "policy support on public.agents"},
		{"policy.function", "policy mine on public.agents: public.is_mine(pg_catalog.uuid)"},
		{"policy.differs", "policy tenant_floor on public.agents"},
	}, serious(check(t, db.AppURL, spec().With(doctor.Spec{Snapshot: snapshot(t, db)}))))
}

func without(kind, name string) func(*doctor.Spec) {
	return func(c *doctor.Spec) {
		c.Snapshot.Objects = slices.DeleteFunc(slices.Clone(c.Snapshot.Objects), func(o doctor.Object) bool {
			return o.Kind == kind && o.Name == name
		})
	}
}

// Listed objects are allowed unless they act on objects of the snapshot.
func TestKnownObjects(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, `
		CREATE TABLE public.plans (id uuid PRIMARY KEY, buyer uuid REFERENCES public.tenants (id) ON DELETE CASCADE);
		GRANT SELECT ON public.plans TO konstruct_app;
		CREATE SCHEMA reporting;
		CREATE VIEW reporting.names AS SELECT name FROM public.tenants;
		GRANT SELECT ON reporting.names TO konstruct_app;
		CREATE TABLE reporting.owners (tenant_id uuid REFERENCES public.tenants (id));
		CREATE FUNCTION reporting.copy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER copy AFTER INSERT ON public.agents FOR EACH ROW EXECUTE FUNCTION reporting.copy();`)
	acts := []found{
		{"schema.unknown", "foreign key owners_tenant_id_fkey on reporting.owners"},
		{"trigger.unlisted", "trigger copy on public.agents"},
	}
	require.ElementsMatch(t, append([]found{
		{"table.unclassified", "table public.plans"},
		{"view.definer", "view reporting.names"},
	}, acts...), serious(check(t, db.AppURL, spec())))

	known := spec().With(doctor.Spec{Known: []string{"public.plans", "reporting.*", "public.agents"}})
	report := check(t, db.AppURL, known)
	require.ElementsMatch(t, append(acts, found{"schema.unknown", "foreign key plans_buyer_fkey on public.plans"}), serious(report))
	require.Contains(t, findings(report), found{"schema.outside", "table public.plans"})
	require.Contains(t, findings(report), found{"schema.outside", "schema reporting"})
}

// Correct but unusual objects are not findings.
func TestNotFaults(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"partitions without grants": partitioned,
		"a protected partition": partitioned + `
			GRANT SELECT ON public.events_1 TO konstruct_app;
			ALTER TABLE public.events_1 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
			CREATE POLICY tenant_isolation ON public.events_1 TO konstruct_app
			  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
			  WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
			CREATE POLICY tenant_floor ON public.events_1 AS RESTRICTIVE TO konstruct_app
			  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));`,
		"a composite key that keeps the tenant out of SET NULL": notes + `
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
			db := testdb.New(t)
			run(t, db.SuperURL, script)
			require.Empty(t, serious(check(t, db.AppURL, spec().With(doctor.Spec{Snapshot: snapshot(t, db)}))))
		})
	}
}

// Names that need quoting must not break or extend a remedy.
func TestRemediesQuoteWhatTheyName(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, own+`
		CREATE SCHEMA "a b";
		GRANT USAGE ON SCHEMA "a b" TO konstruct_app;
		CREATE TABLE "a b"."x; DROP TABLE agents" ("id""" uuid PRIMARY KEY, tenant_id uuid, "Slug" text UNIQUE);
		GRANT TRUNCATE ON "a b"."x; DROP TABLE agents" TO konstruct_app;
		CREATE POLICY "p'q" ON "a b"."x; DROP TABLE agents" TO konstruct_app USING (true);`)
	for range 3 {
		for _, f := range check(t, db.AppURL, spec()).Findings {
			run(t, db.SuperURL, f.Remedy)
		}
	}
	report := check(t, db.AppURL, spec())
	require.Empty(t, serious(report))
	require.Contains(t, report.Tables, doctor.Table{Name: "public.agents", Class: doctor.ClassTenant}, "it is still there")
}

// Pools, all allowed query modes, and read-only transactions.
func TestCheckOnPoolsAndTransactions(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	for _, mode := range []string{"cache_statement", "cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool, err := pgxpool.New(t.Context(), preset(t, db.AppURL, "default_query_exec_mode", mode))
			require.NoError(t, err)
			defer pool.Close()
			report, err := doctor.Check(t.Context(), pool, spec())
			require.NoError(t, err)
			require.Empty(t, report.Findings)

			tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{AccessMode: pgx.ReadOnly})
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
			report, err = doctor.Check(t.Context(), tx, spec())
			require.NoError(t, err)
			require.Empty(t, report.Findings)
		})
	}
}

func TestFailedCheckIsAnError(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	pool, err := pgxpool.New(t.Context(), db.AppURL)
	require.NoError(t, err)
	pool.Close()
	_, err = doctor.Check(t.Context(), pool, spec())
	require.Error(t, err)
	require.NotErrorIs(t, err, doctor.ErrUnsafe)

	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	_, err = doctor.Check(ctx, pool, spec())
	require.True(t, errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "closed"))
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, "ALTER TABLE public.agents NO FORCE ROW LEVEL SECURITY")
	raw, err := json.Marshal(check(t, db.AppURL, spec()))
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(raw, &got))
	require.ElementsMatch(t, []string{"server_version", "database", "role", "tables", "findings"}, keys(got))
	require.Equal(t, []any{map[string]any{
		"code": "rls.not-forced", "level": "error", "object": "table public.agents",
		"risk":   "The policies don't apply to the table's owner: its views, functions and jobs read the rows of all tenants.",
		"remedy": `ALTER TABLE public.agents FORCE ROW LEVEL SECURITY;`,
	}}, got["findings"])
}

func keys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

func BenchmarkCheck(b *testing.B) {
	db := testdb.New(b)
	pool, err := pgxpool.New(b.Context(), db.AppURL)
	require.NoError(b, err)
	defer pool.Close()
	spec := spec()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		_, err := doctor.Check(b.Context(), pool, spec)
		require.NoError(b, err)
		took = append(took, time.Since(start))
	}
	// The mean depends on other work of the machine.
	slices.Sort(took)
	b.ReportMetric(float64(took[0].Microseconds())/1000, "ms/fastest")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
}
