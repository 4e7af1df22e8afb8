package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	harnessConns = 4
	// attemptTimeout bounds one attack, which takes less than a second.
	attemptTimeout = 30 * time.Second
)

type kit struct {
	target Target
	tables []*table
	report *Report
}

// Run attacks the target, each attack in a subtest named family/attack/table, and returns the report. A table without
// an entity fails by name, and so does a target without entities.
func Run[S T[S]](t S, target Target) *Report {
	t.Helper()
	return run(adapt(t), target)
}

func run(t test, target Target) *Report {
	t.Helper()
	k := &kit{target: target, report: newReport("suite")}
	if err := k.inspect(t.Context()); err != nil {
		t.Errorf("inspecting the target: %v", err)
		t.FailNow()
	}
	t.sub("registration", func(t test) { k.registration(t) })
	if len(target.Entities) == 0 {
		k.report.finish()
		return k.report
	}
	// The families run in parallel and end before the group does.
	t.sub("attacks", func(t test) {
		for _, f := range families(target) {
			t.sub(f.name, func(t test) {
				if f.name == entityFamily {
					k.entities(t, f)
				} else {
					k.family(t, f)
				}
			})
		}
	})
	k.report.finish()
	return k.report
}

func (k *kit) inspect(ctx context.Context) error {
	s, err := login(ctx, k.target.DSN)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if err := k.report.readServer(ctx, s); err != nil {
		return err
	}
	if k.tables, err = readTables(ctx, s.conn); err != nil {
		return err
	}
	for _, tb := range k.tables {
		tb.AppendOnly = slices.Contains(k.target.AppendOnly, tb.Name)
	}
	// Attacks that concern no particular table change the first one.
	rank := map[bool]int{false: 0, true: 1}
	slices.SortStableFunc(k.tables, func(a, b *table) int { return rank[a.AppendOnly] - rank[b.AppendOnly] })
	if k.target.Commit != "" {
		k.report.Commit = k.target.Commit
	}
	k.report.readProtection(k.tables)
	if k.target.Superuser == "" {
		return nil
	}
	return k.prepare(ctx)
}

// leaky raises a notice with each row. See [Target.Superuser].
const leaky = "public.konstruct_attack_leak"

// prepare creates the leaky function, so cheap that the planner calls it first, and collects statistics.
func (k *kit) prepare(ctx context.Context) error {
	s, err := login(ctx, k.target.Superuser)
	if err != nil {
		return errors.New("the superuser cannot log in")
	}
	defer s.close(ctx)
	return s.all(ctx, `create or replace function `+leaky+`(shown text) returns bool language plpgsql cost 0.0000001
		as $$ begin raise notice 'shown: %', shown; return true; end $$`, "analyze").err
}

func (k *kit) open(ctx context.Context, opts ...pgtenant.Option) (*pgtenant.Driver, error) {
	if k.target.Open != nil {
		return k.target.Open(ctx, opts...)
	}
	return pgtenant.Open(ctx, k.target.DSN, opts...)
}

func (k *kit) table(name string) *table {
	for _, tb := range k.tables {
		if tb.Name == name {
			return tb
		}
	}
	return nil
}

func (k *kit) registration(t test) {
	t.Helper()
	for _, tb := range k.tables {
		if !slices.ContainsFunc(k.target.Entities, func(e Entity) bool { return e.Table == tb.Name }) {
			k.faultf(t, "table %s has a %s and no attack registration: add its generated schema (attack.Entities) "+
				"or an attack.Entity to the target", tb.Name, tenantColumn)
		}
	}
	for _, e := range k.target.Entities {
		if k.table(e.Table) == nil {
			k.faultf(t, "entity %s is registered for table %s, which does not exist or has no %s",
				e.Name, e.Table, tenantColumn)
		}
	}
	if len(k.target.Entities) == 0 {
		k.faultf(t, "no entity is registered, so nothing is attacked")
	}
}

// family runs its attacks in sequence, with two tenants. All families are prepared before the first attack: without
// isolation, one family's deletes could reach rows that another has not read yet.
func (k *kit) family(t test, f family) {
	h, err := k.newHarness(t.Context(), k.target.Entities...)
	if err != nil {
		k.faultf(t, "%s: prepare the attacks: %v", f.name, err)
		return
	}
	t.Cleanup(func() { h.close(context.WithoutCancel(t.Context())) })
	t.Parallel()
	for _, s := range f.scenarios {
		k.scenario(t, f, s, h)
	}
	t.sub("afterwards", func(t test) {
		if err := h.intact(t.Context()); err != nil {
			k.faultf(t, "%s, afterwards: %v", f.name, err)
		}
	})
}

func (k *kit) scenario(t test, f family, s scenario, h *harness) {
	t.Helper()
	switch {
	case s.privileged && k.target.Superuser == "":
		k.report.add(f.title, s.Attack, Result{Outcome: NotMade, Detail: "needs Target.Superuser"})
		return
	case f.name == redisFamily && k.target.Redis == nil:
		k.report.add(f.title, s.Attack, Result{Outcome: NotMade, Detail: "needs Target.Redis"})
		return
	}
	attempt := func(t test, on string, tb *table) {
		k.record(t, f.title, s.Attack, on, func(a *attempt) {
			a.with(h, tb)
			s.try(a)
		})
	}
	t.sub(s.ID, func(t test) {
		if s.once {
			attempt(t, "", h.tables[0])
			return
		}
		for _, tb := range h.tables {
			t.sub(tb.Name, func(t test) { attempt(t, tb.Name, tb) })
		}
	})
}

func (k *kit) faultf(t test, format string, args ...any) {
	t.Helper()
	k.report.fault(fmt.Sprintf(format, args...))
	t.Errorf(format, args...)
}
