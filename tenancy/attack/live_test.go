package attack_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
)

// stocked is a database with two tenants that each have an invoice, an active connection and a revoked one.
func stocked(t *testing.T) (*testdb.Database, []string) {
	t.Helper()
	db := testdb.New(t)
	run(t, db.SuperURL, invoices)
	target := target(t, db)
	var values []string
	for _, canary := range []string{"canaryone", "canarytwo"} {
		id, err := target.Tenant(t.Context())
		require.NoError(t, err)
		row, err := target.Entities[2].Create(tenancy.With(t.Context(), id), canary)
		require.NoError(t, err)
		values = append(values, canary, row, id.String())
		run(t, db.SuperURL,
			"insert into channel_connections (id, tenant_id, channel_type, workspace_id, status) values "+
				"(gen_random_uuid(), '"+id.String()+"', 'slack', 'active"+canary+"', 'active'), "+
				"(gen_random_uuid(), '"+id.String()+"', 'slack', 'revoked"+canary+"', 'revoked')")
	}
	return db, values
}

// liveOptions are those of `konstruct doctor --attack`.
func liveOptions() attack.LiveOptions {
	return attack.LiveOptions{
		TenantsTable: "public.tenants", Definers: []string{"public.resolve_tenant(text, text)"},
		Resolver: attack.Resolver{
			Function: "public.resolve_tenant",
			Expected: `select c.channel_type, c.workspace_id, c.status = 'active' and t.status = 'active'
				from channel_connections c join tenants t on t.id = c.tenant_id limit 100`,
		},
	}
}

func live(t *testing.T, db *testdb.Database) (*attack.Report, string) {
	t.Helper()
	report, err := attack.Live(t.Context(), db.AppURL, liveOptions())
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, report.Text(&b))
	require.NoError(t, report.JSON(&b))
	return report, b.String()
}

func TestLive(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sql   string
		holds bool
	}{
		"all is well":               {"", true},
		"row-level security is off": {"alter table invoices disable row level security", false},
		"everything passes": {
			"drop policy tenant_floor on invoices; create policy careless on invoices using (true)", false,
		},
		"the floor holds": {"create policy careless on invoices using (true)", true},
		"the unset see everything": {
			"drop policy tenant_floor on invoices; create policy careless on invoices using (coalesce(current_setting('app.current_tenant', true), '') = '')",
			false,
		},
		"the table may be emptied": {"grant truncate on invoices to konstruct_app", false},
		"the tables have no rows":  {"truncate invoices, channel_connections", false},
		"there are no tenants":     {"truncate invoices, channel_connections; delete from tenants", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, values := stocked(t)
			if tc.sql != "" {
				run(t, db.SuperURL, tc.sql)
			}
			report, text := live(t, db)
			require.Equal(t, tc.holds, report.Holds, text)
			for _, value := range values {
				require.NotContains(t, text, value, "a value is printed")
			}
		})
	}
}

// resolverBody replaces the body of the resolver, which keeps its owner and its policy.
func resolverBody(body string) string {
	return `set row_security = on; create or replace function public.resolve_tenant(channel_type text, workspace_id text) returns uuid
		language sql stable strict security definer begin atomic ` + body + `; end; reset row_security`
}

// Reads alone find each function, trigger or rule that a careless migration could leave, each by one attack.
func TestLiveObjects(t *testing.T) {
	t.Parallel()
	const lookup = "select c.tenant_id from public.channel_connections c where c.workspace_id = resolve_tenant.workspace_id"
	const trigger = `create function promote() returns trigger language plpgsql as $$ begin new.is_admin := true; return new; end $$;
		create trigger promote before insert on portal_users for each row execute function promote();`
	for name, tc := range map[string]struct{ sql, noticed string }{
		"the resolver answers for an inactive connection": {
			"alter policy resolver_lookup on channel_connections using (true);" +
				resolverBody(lookup+" and c.channel_type = resolve_tenant.channel_type"),
			"L11-resolver-own",
		},
		"the resolver answers with one tenant only": {
			resolverBody("select t.id from public.tenants t order by t.id limit 1"), "L11-resolver-own",
		},
		"the resolver finds nothing":       {resolverBody("select null::uuid"), "L11-resolver-own"},
		"the resolver ignores the channel": {resolverBody(lookup), "L12-resolver-kind"},
		"the resolver has a default": {
			resolverBody("select coalesce((" + lookup + "), (select min(t.id::text)::uuid from public.tenants t))"),
			"L13-resolver-unknown",
		},
		"the resolver writes": {`create or replace function public.resolve_tenant(channel_type text, workspace_id text) returns uuid
			language plpgsql strict security definer as $$ begin insert into public.login_attempts values (workspace_id, 1, now()); return null; end $$;
			grant insert on login_attempts to konstruct_resolver; grant usage on language plpgsql to konstruct_resolver`, "L11-resolver-own"},
		"the resolver has a string body": {`create or replace function public.resolve_tenant(channel_type text, workspace_id text) returns uuid
			language sql stable strict security definer as $$ select c.tenant_id from channel_connections c
			where c.channel_type = $1 and c.workspace_id = $2 and c.status = 'active' $$`, "L14-definers"},
		"the resolver's owner bypasses policies": {
			"alter function public.resolve_tenant(text, text) owner to current_user", "L14-definers",
		},
		"another definer": {
			"create function everything() returns setof invoices language sql security definer begin atomic select * from invoices; end",
			"L14-definers",
		},
		"a trigger on a global table": {trigger, "L15-triggers"},
		"a rule on a global table": {
			"create rule copied as on insert to portal_sessions do also nothing", "L15-triggers",
		},
		"a trigger on a tenant's table": {
			strings.ReplaceAll(trigger, "portal_users", "invoices"), "L15-triggers",
		},
		"foreign keys that are not checked": {"alter table invoices disable trigger all", "L16-checks-off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, values := stocked(t)
			run(t, db.SuperURL, tc.sql)
			report, text := live(t, db)
			require.False(t, report.Holds, text)
			require.Contains(t, text, "BREACH "+tc.noticed)
			for _, value := range values {
				require.NotContains(t, text, value, "a value is printed")
			}
		})
	}
}

// A locked table does not make the attack wait, and the attack does not make the lock's holder wait.
func TestLiveDoesNotWait(t *testing.T) {
	t.Parallel()
	db, _ := stocked(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), "begin; lock table invoices in access exclusive mode")
	require.NoError(t, err)

	before := time.Now()
	_, err = attack.Live(t.Context(), db.AppURL, liveOptions())
	require.ErrorContains(t, err, "55P03")
	require.Less(t, time.Since(before), 10*time.Second)
}

func TestLiveChangesNothing(t *testing.T) {
	t.Parallel()
	db, _ := stocked(t)
	conn, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	rows := func() (text string) {
		require.NoError(t, conn.QueryRow(t.Context(),
			"select string_agg(i::text || i.xmin || i.xmax, ' ' order by id) from invoices i").Scan(&text))
		return text
	}
	before := rows()
	live(t, db)
	require.Equal(t, before, rows(), "not even a lock is left on a row")
}
