package attack_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/mockt"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// An attack that can't succeed proves nothing. Each case removes one protection of a table and names attacks that must
// notice; without names, another protection covers it.
func TestTheAttacksBite(t *testing.T) {
	t.Parallel()
	const tenant = "(select nullif(current_setting('app.current_tenant', true), '')::uuid)"
	const noFloor = "drop policy tenant_floor on invoices;"
	for name, tc := range map[string]struct {
		sql     string
		noticed []string
	}{
		"nothing": {"", nil},
		"row-level security is off": {
			"alter table invoices disable row level security",
			[]string{
				"A46-read-by-id", "A46-delete-by-id", "A47-insert-for-other", "A53-leaky-function",
				"A55-common-values", "E02-get", "A25-never-set",
			},
		},
		"the permissive policy is wider": {
			"alter policy tenant_isolation on invoices using (true) with check (true)",
			nil,
		},
		"and the floor is gone": {
			noFloor + "alter policy tenant_isolation on invoices using (tenant_id = " + tenant + " or true)",
			[]string{"A46-read-by-id", "A46-update-by-id", "A53-leaky-function"},
		},
		"the floor is gone":             {noFloor, nil},
		"a second policy lets all pass": {"create policy careless on invoices using (true)", nil},
		"the same, without the floor": {
			noFloor + "create policy careless on invoices using (true)",
			[]string{"A46-read-by-tenant", "A52-ctid", "A50-copy-to", "A35-alternating"},
		},
		"writes are not checked": {
			noFloor + "alter policy tenant_isolation on invoices with check (true)",
			[]string{"A47-insert-for-other", "A47-insert-some", "A49-merge-insert"},
		},
		"unowned rows are visible without a tenant": {
			noFloor + "alter policy tenant_isolation on invoices using (coalesce(tenant_id = " + tenant + ", true))",
			[]string{"A46-read-all", "A25-never-set", "A44-no-tenant"},
		},
		"TRUNCATE is granted": {
			"grant truncate on invoices to konstruct_app",
			[]string{"A10-truncate", "A10-privileges"},
		},
		"TRIGGER is granted": {
			"grant trigger on invoices to konstruct_app",
			[]string{"A10-trigger", "A10-privileges"},
		},
		"events may be changed": {
			"grant update (action) on audit_events to konstruct_app",
			[]string{"A10-append-only"},
		},
		"platform events may be deleted": {
			"grant delete on platform_audit_events to konstruct_app",
			[]string{"A10-append-only"},
		},
		"a key spans tenants": {
			"alter table invoices add constraint spans unique (number)",
			[]string{"A17-same-value", "A17-existence-by-spanning-key"},
		},
		"a foreign key has no tenant": {
			"alter table invoices drop constraint replaced, add constraint replaced foreign key (replaces) references invoices (id)",
			[]string{"A14-attach", "A14-attach-by-update"},
		},
		"deleting a tenant cascades": {
			"alter table invoices drop constraint invoices_tenant_id_fkey, add foreign key (tenant_id) references tenants (id) on delete cascade",
			[]string{"A13-cascade"},
		},
		"a view shows all": {
			"create view everything as select * from invoices; grant select on everything to konstruct_app",
			[]string{"A19-any-relation"},
		},
		"a function shows all": {
			"create function everything() returns setof invoices language sql security definer begin atomic select * from invoices; end",
			[]string{"A20-definer"},
		},
		"a function sets the tenant": {
			"create function elsewhere() returns int language sql set app.current_tenant = 'x' return 1",
			[]string{"A32-function-setting"},
		},
		"temporary tables are allowed": {
			"do $$ begin execute format('grant temporary on database %I to konstruct_app', current_database()); end $$",
			[]string{"A09-temp-table", "A34-temp-table"},
		},
		"advisory locks are allowed": {
			"grant execute on function pg_advisory_lock(bigint) to konstruct_app",
			[]string{"A61-session-lock", "A34-session-lock"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := target(t, withInvoices(t, tc.sql))
			target.Entities = target.Entities[len(target.Entities)-1:]
			// The other families do not depend on a table's protection.
			report, failed := failing(t, target, "reads", "writes", "keys", "rights", "side-channels", "context",
				"leftovers", "injection", "entities")
			for _, id := range tc.noticed {
				require.True(t, failed.of(id), "not noticed by %s; by %.2000s", id, failed)
			}
			require.Equal(t, len(tc.noticed) == 0, report.Holds, "%s %.2000s", report.Verdict, failed)
		})
	}
}

func TestTheApplicationsCodeIsAttacked(t *testing.T) {
	t.Parallel()
	for noticed, spoil := range map[string]func(e *attack.Entity, super *pgtenant.Driver){
		"E01-list": func(e *attack.Entity, super *pgtenant.Driver) { // it shows everybody's
			e.List = func(ctx context.Context) (any, error) {
				var numbers string
				return &numbers, pgtenant.QueryRow(ctx, super,
					"select string_agg(number, ' ') from invoices").Scan(&numbers)
			}
		},
		"E05-no-tenant": func(e *attack.Entity, _ *pgtenant.Driver) {
			list := e.List
			e.List = func(ctx context.Context) (any, error) { got, _ := list(ctx); return got, nil }
		},
		"E04-delete": func(e *attack.Entity, super *pgtenant.Driver) { // it reaches everybody's
			e.Delete = func(ctx context.Context, id string) (int, error) {
				n, err := pgtenant.Exec(ctx, super, "delete from invoices where id::text = $1", id)
				return int(n), err
			}
		},
		"E03-update": func(e *attack.Entity, _ *pgtenant.Driver) {
			e.Update = func(context.Context, string) (int, error) { return 0, nil }
		},
	} {
		t.Run(noticed, func(t *testing.T) {
			t.Parallel()
			db := withInvoices(t, "")
			target := target(t, db)
			spoil(&target.Entities[len(target.Entities)-1], open(t, db.SuperURL))
			target.Entities = target.Entities[len(target.Entities)-1:]
			report, failed := failing(t, target, "entities")
			require.False(t, report.Holds)
			require.True(t, failed.of(noticed), "not noticed; by %.2000s", failed)
		})
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	target := target(t, withInvoices(t, ""))
	target.Entities = target.Entities[:len(target.Entities)-1]
	report, _ := failing(t, target)
	require.False(t, report.Holds)
	require.Contains(t, strings.Join(report.Faults, "\n"),
		"table public.invoices has a tenant_id and no attack registration")

	target.Entities = nil
	report, _ = failing(t, target)
	require.False(t, report.Holds, "a target without entities proves nothing")
}

// failing runs the families' attacks, by default all, and returns the report and the failures.
func failing(t *testing.T, target attack.Target, families ...string) (report *attack.Report, failed failures) {
	t.Helper()
	fake := mockt.New(t.Context(), t.Name())
	if len(families) > 0 {
		fake.Without = []string{"registration"}
		for _, a := range attack.All(attack.Target{}) {
			if !slices.Contains(families, a.Family) {
				fake.Without = append(fake.Without, a.Family)
			}
		}
	}
	fake.Do(func(fake *mockt.T) { report = attack.Run(fake, target) })
	return report, fake.Failures()
}

type failures []string

// of reports whether a subtest of this name, or one within it, has failed.
func (f failures) of(id string) bool {
	return slices.ContainsFunc(f, func(line string) bool {
		name, _, _ := strings.Cut(line, ": ")
		return strings.Contains(name+"/", "/"+strings.TrimPrefix(id, "/")+"/")
	})
}
