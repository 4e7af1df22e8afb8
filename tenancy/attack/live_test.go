package attack_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
)

// stocked is a database with two tenants that each have an invoice, an active connection and a revoked one, changed by
// sql. It also returns the values that no report may contain.
func stocked(t *testing.T, sql string) (*testdb.Database, []string) {
	t.Helper()
	db := withInvoices(t, "")
	super, target := connect(t, db.SuperURL), target(t, db)
	var values []string
	for _, canary := range []string{"canaryone", "canarytwo"} {
		id, err := target.Tenant(t.Context())
		require.NoError(t, err)
		row, err := target.Entities[len(target.Entities)-1].Create(tenancy.With(t.Context(), id), canary)
		require.NoError(t, err)
		values = append(values, canary, row, id.String())
		run(t, super,
			"insert into invitations (id, tenant_id, email, role, invited_by, token_hash, expires_at) values (gen_random_uuid(), '"+
				id.String()+"', 'someone@example.com', 'viewer', gen_random_uuid(), encode(sha256('"+canary+"'), 'hex'), now())")
		run(t, super,
			"insert into channel_connections (id, tenant_id, channel_type, workspace_id, status) values "+
				"(gen_random_uuid(), '"+id.String()+"', 'slack', 'active"+canary+"', 'active'), "+
				"(gen_random_uuid(), '"+id.String()+"', 'slack', 'revoked"+canary+"', 'revoked')")
	}
	run(t, super, sql)
	return db, values
}

// liveOptions are those of `konstruct doctor --attack`.
func liveOptions() attack.LiveOptions {
	return attack.LiveOptions{
		TenantsTable: "public.tenants", Definers: slices.Collect(maps.Keys(migrate.Spec().Definers)),
		Resolver: attack.Resolver{
			Function: "public.resolve_tenant",
			Expected: `select c.channel_type, c.workspace_id, c.status = 'active' and t.status = 'active'
				from channel_connections c join tenants t on t.id = c.tenant_id limit 100`,
		},
		Answers: []string{
			`select 1 from invitations i where public.invitation_tenant(i.token_hash) is distinct from i.tenant_id limit 1`,
			`select 1 where public.invitation_tenant('unknown') is not null`,
		},
		AppendOnly: slices.Collect(maps.Keys(migrate.Spec().AppendOnly)),
	}
}

func live(t *testing.T, db *testdb.Database) (*attack.Report, string) {
	t.Helper()
	report, err := attack.Live(t.Context(), db.AppURL, liveOptions())
	require.NoError(t, err)
	return report, written(t, report.Text) + written(t, report.JSON)
}

// resolverBody replaces the body of the resolver, which keeps its owner and its policy.
func resolverBody(body string) string {
	return `set row_security = on; create or replace function public.resolve_tenant(channel_type text, workspace_id text) returns uuid
		language sql stable strict security definer begin atomic ` + body + `; end; reset row_security`
}

// linkBody replaces the body of the function that finds a link's tenant.
func linkBody(body string) string {
	return `set row_security = on; create or replace function public.invitation_tenant(token_hash text) returns uuid
		language sql stable strict security definer begin atomic ` + body + `; end; reset row_security`
}

// Reads alone find what a careless migration could leave: each function, trigger or rule by one attack.
func TestLive(t *testing.T) {
	t.Parallel()
	const holds, notProven = "Isolation holds", "NOT PROVEN"
	const lookup = "select c.tenant_id from public.channel_connections c where c.workspace_id = resolve_tenant.workspace_id"
	const trigger = `create function promote() returns trigger language plpgsql as $$ begin new.is_admin := true; return new; end $$;
		create trigger promote before insert on portal_users for each row execute function promote();`
	for name, tc := range map[string]struct{ sql, says string }{
		"all is well":               {"", holds},
		"row-level security is off": {"alter table invoices disable row level security", "BREACH L01-others"},
		"everything passes": {
			"drop policy tenant_floor on invoices; create policy careless on invoices using (true)", "BREACH L02-by-id",
		},
		"the floor holds": {"create policy careless on invoices using (true)", holds},
		"the unset see everything": {
			"drop policy tenant_floor on invoices; create policy careless on invoices using (coalesce(current_setting('app.current_tenant', true), '') = '')",
			"BREACH L09-no-tenant",
		},
		"the table may be emptied": {"grant truncate on invoices to konstruct_app", "BREACH L07-privileges"},
		"the tables have no rows":  {"truncate invoices, channel_connections, invitations", notProven},
		"there are no tenants":     {"truncate invoices, channel_connections, invitations; delete from tenants", notProven},
		"the resolver answers for an inactive connection": {
			"alter policy resolver_lookup on channel_connections using (true);" +
				resolverBody(lookup+" and c.channel_type = resolve_tenant.channel_type"),
			"BREACH L11-resolver-own",
		},
		"the resolver answers with one tenant only": {
			resolverBody("select t.id from public.tenants t order by t.id limit 1"), "BREACH L11-resolver-own",
		},
		"the resolver finds nothing":       {resolverBody("select null::uuid"), "BREACH L11-resolver-own"},
		"the resolver ignores the channel": {resolverBody(lookup), "BREACH L12-resolver-kind"},
		"the resolver has a default": {
			resolverBody("select coalesce((" + lookup + "), (select min(t.id::text)::uuid from public.tenants t))"),
			"BREACH L13-resolver-unknown",
		},
		"the resolver writes": {`create or replace function public.resolve_tenant(channel_type text, workspace_id text) returns uuid
			language plpgsql strict security definer as $$ begin insert into public.login_attempts values (workspace_id, 1, now()); return null; end $$;
			grant insert on login_attempts to konstruct_resolver; grant usage on language plpgsql to konstruct_resolver`, "BREACH L11-resolver-own"},
		"the resolver has a string body": {`create or replace function public.resolve_tenant(channel_type text, workspace_id text) returns uuid
			language sql stable strict security definer as $$ select c.tenant_id from channel_connections c
			where c.channel_type = $1 and c.workspace_id = $2 and c.status = 'active' $$`, "BREACH L14-definers"},
		"the resolver's owner bypasses policies": {
			"alter function public.resolve_tenant(text, text) owner to current_user", "BREACH L14-definers",
		},
		"a link's function answers with one tenant only": {
			linkBody("select t.id from public.tenants t order by t.id limit 1"), "BREACH L17-answers",
		},
		"a link's function has a default": {
			linkBody("select coalesce((select i.tenant_id from public.invitations i where i.token_hash = invitation_tenant.token_hash), gen_random_uuid())"),
			"BREACH L17-answers",
		},
		"events may be changed": {
			"grant update (action) on audit_events to konstruct_app", "BREACH L18-append-only",
		},
		"platform events may be deleted": {
			"grant delete on platform_audit_events to konstruct_app", "BREACH L18-append-only",
		},
		"another definer": {
			"create function everything() returns setof invoices language sql security definer begin atomic select * from invoices; end",
			"BREACH L14-definers",
		},
		"a trigger on a global table": {trigger, "BREACH L15-triggers"},
		"a rule on a global table": {
			"create rule copied as on insert to portal_sessions do also nothing", "BREACH L15-triggers",
		},
		"a trigger on a tenant's table": {
			strings.ReplaceAll(trigger, "portal_users", "invoices"), "BREACH L15-triggers",
		},
		"foreign keys that are not checked": {"alter table invoices disable trigger all", "BREACH L16-checks-off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, values := stocked(t, tc.sql)
			report, text := live(t, db)
			require.Equal(t, tc.says == holds, report.Holds, text)
			require.Contains(t, text, tc.says)
			for _, value := range values {
				require.NotContains(t, text, value, "a value is printed")
			}
		})
	}
}

func TestLiveNeitherChangesNorWaits(t *testing.T) {
	t.Parallel()
	db, _ := stocked(t, "")
	conn := connect(t, db.SuperURL)
	rows := func() (text string) {
		require.NoError(t, conn.QueryRow(t.Context(),
			"select string_agg(i::text || i.xmin || i.xmax, ' ' order by id) from invoices i").Scan(&text))
		return text
	}
	before := rows()
	live(t, db)
	require.Equal(t, before, rows(), "not even a lock is left on a row")

	run(t, conn, "begin; lock table invoices in access exclusive mode")
	began := time.Now()
	_, err := attack.Live(t.Context(), db.AppURL, liveOptions())
	require.ErrorContains(t, err, "55P03")
	require.Less(t, time.Since(began), 10*time.Second)
}
