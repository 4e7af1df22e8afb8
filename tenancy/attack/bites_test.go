package attack_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// An attack that can't succeed proves nothing. Each case here takes one protection of a table away, and names attacks
// that must notice; the cases without such a name take one away that another one stands in for.
func TestTheAttacksBite(t *testing.T) {
	t.Parallel()
	const tenant = "(select nullif(current_setting('app.current_tenant', true), '')::uuid)"
	const noFloor = "drop policy tenant_floor on invoices;"
	for name, tc := range map[string]struct {
		sql     string
		noticed []string
	}{
		"nothing":                        {"", nil},
		"row-level security is off":      {"alter table invoices disable row level security", []string{"A46-read-by-id", "A46-delete-by-id", "A47-insert-for-other", "A53-leaky-function", "A55-common-values", "E02-get", "A25-never-set"}},
		"the permissive policy is wider": {"alter policy tenant_isolation on invoices using (true) with check (true)", nil},
		"and the floor is gone":          {noFloor + "alter policy tenant_isolation on invoices using (tenant_id = " + tenant + " or true)", []string{"A46-read-by-id", "A46-update-by-id", "A53-leaky-function"}},
		"the floor is gone":              {noFloor, nil},
		"a second policy lets all pass":  {"create policy careless on invoices using (true)", nil},
		"the same, without the floor":    {noFloor + "create policy careless on invoices using (true)", []string{"A46-read-by-tenant", "A52-ctid", "A50-copy-to", "A35-alternating"}},
		"writes are not checked":         {noFloor + "alter policy tenant_isolation on invoices with check (true)", []string{"A47-insert-for-other", "A47-insert-some", "A49-merge-insert"}},
		"nobody sees the unowned":        {noFloor + "alter policy tenant_isolation on invoices using (coalesce(tenant_id = " + tenant + ", true))", []string{"A46-read-all", "A25-never-set", "A44-nobody"}},
		"TRUNCATE is granted":            {"grant truncate on invoices to konstruct_app", []string{"A10-truncate", "A10-privileges"}},
		"TRIGGER is granted":             {"grant trigger on invoices to konstruct_app", []string{"A10-trigger", "A10-privileges"}},
		"a key spans tenants":            {"alter table invoices add constraint spans unique (number)", []string{"A17-same-value", "A17-existence-by-spanning-key"}},
		"a foreign key has no tenant": {
			"alter table invoices drop constraint replaced, add constraint replaced foreign key (replaces) references invoices (id)",
			[]string{"A14-attach", "A14-attach-by-update"},
		},
		"deleting a tenant cascades": {
			"alter table invoices drop constraint invoices_tenant_id_fkey, add foreign key (tenant_id) references tenants (id) on delete cascade",
			[]string{"A13-cascade"},
		},
		"a view shows all":           {"create view everything as select * from invoices; grant select on everything to konstruct_app", []string{"A19-any-relation"}},
		"a function shows all":       {"create function everything() returns setof invoices language sql security definer begin atomic select * from invoices; end", []string{"A20-definer"}},
		"a function sets the tenant": {"create function elsewhere() returns int language sql set app.current_tenant = 'x' return 1", []string{"A32-function-setting"}},
		"temporary tables are allowed": {
			"do $$ begin execute format('grant temporary on database %I to konstruct_app', current_database()); end $$",
			[]string{"A09-temp-table", "A34-temp-table"},
		},
		"advisory locks are allowed": {"grant execute on function pg_advisory_lock(bigint) to konstruct_app", []string{"A61-session-lock", "A34-session-lock"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testdb.New(t)
			run(t, db.SuperURL, invoices)
			if tc.sql != "" {
				run(t, db.SuperURL, tc.sql)
			}
			w := watch(t)
			// The other families do not depend on a table's protection, and the other tables are protected.
			w.spare = []string{"registration", "session", "connection", "leak", "driver", "redis"}
			target := target(t, db)
			target.Entities = target.Entities[2:]
			report := attack.Run(w, target)
			for _, id := range tc.noticed {
				require.True(t, w.failedAt(id), "%s was not noticed by %s; by %v", name, id, w.attacks())
			}
			require.Equal(t, len(tc.noticed) == 0, report.Holds, "%s: %s %v", name, report.Verdict, w.attacks())
		})
	}
}

func TestTheApplicationsCodeIsAttacked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil   func(e *attack.Entity, super *pgtenant.Driver)
		noticed string
	}{
		"a list that shows everybody's": {func(e *attack.Entity, super *pgtenant.Driver) {
			e.List = func(ctx context.Context) (found any, err error) {
				var numbers string
				return &numbers, pgtenant.QueryRow(ctx, super, "select string_agg(number, ' ') from invoices").Scan(&numbers)
			}
		}, "E01-list"},
		"a list that asks for no tenant": {func(e *attack.Entity, _ *pgtenant.Driver) {
			list := e.List
			e.List = func(ctx context.Context) (any, error) { got, _ := list(ctx); return got, nil }
		}, "E05-nobody"},
		"a deletion that reaches everybody's": {func(e *attack.Entity, super *pgtenant.Driver) {
			e.Delete = func(ctx context.Context, id string) (int, error) {
				n, err := pgtenant.Exec(ctx, super, "delete from invoices where id::text = $1", id)
				return int(n), err
			}
		}, "E04-delete"},
		"an update that does nothing": {func(e *attack.Entity, _ *pgtenant.Driver) {
			e.Update = func(context.Context, string) (int, error) { return 0, nil }
		}, "E03-update"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testdb.New(t)
			run(t, db.SuperURL, invoices)
			super, err := pgtenant.Open(t.Context(), db.SuperURL)
			require.NoError(t, err)
			t.Cleanup(func() { _ = super.Close() })
			target := target(t, db)
			tc.spoil(&target.Entities[2], super)
			w := watch(t)
			w.spare = []string{
				"registration", "reads", "writes", "keys", "rights", "side-channels", "context", "leftovers", "injection",
				"session", "connection", "leak", "driver", "redis",
			}
			target.Entities = target.Entities[2:]
			require.False(t, attack.Run(w, target).Holds)
			require.True(t, w.failedAt(tc.noticed), "not noticed by %s; by %v", tc.noticed, w.attacks())
		})
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, invoices)
	target := target(t, db)

	target.Entities = target.Entities[:2]
	w := watch(t)
	report := attack.Run(w, target)
	require.False(t, report.Holds)
	require.Contains(t, strings.Join(report.Faults, "\n"), "table public.invoices has a tenant_id and no attack registration")

	target.Entities = nil
	report = attack.Run(watch(t), target)
	require.False(t, report.Holds, "a target without entities proves nothing")
}

// watched is a T that remembers what failed, instead of failing.
type watched struct {
	testing.TB

	name  string
	spare []string // subtests that are left out
	log   *failures
}

type failures struct {
	mu  sync.Mutex
	all []string
}

func watch(t *testing.T) *watched {
	t.Helper()
	return &watched{TB: t, log: &failures{}}
}

func (w *watched) Name() string              { return w.name }
func (*watched) Parallel()                   {}
func (*watched) Logf(string, ...any)         {}
func (w *watched) Failed() bool              { return w.failedAt(w.name) }
func (*watched) FailNow()                    { runtime.Goexit() }
func (w *watched) Errorf(f string, a ...any) { w.log.add(w.name + ": " + fmt.Sprintf(f, a...)) }

func (w *watched) Run(name string, f func(*watched)) bool {
	if slices.Contains(w.spare, name) {
		return true
	}
	done := make(chan struct{})
	sub := &watched{TB: w.TB, name: w.name + "/" + name, spare: w.spare, log: w.log}
	go func() {
		defer close(done)
		f(sub)
	}()
	<-done
	return !sub.Failed()
}

func (l *failures) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

// failedAt reports whether a subtest of this name, or one within it, has failed.
func (w *watched) failedAt(id string) bool {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	return slices.ContainsFunc(w.log.all, func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		return strings.Contains(name+"/", "/"+strings.TrimPrefix(id, "/")+"/")
	})
}

// attacks lists what failed, shortly.
func (w *watched) attacks() []string {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	var lines []string
	for _, line := range w.log.all {
		lines = append(lines, line[:min(len(line), 160)])
	}
	return lines
}
