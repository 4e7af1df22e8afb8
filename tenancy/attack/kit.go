package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	t.must(k.inspect(t.Context()), "inspecting the target")
	t.sub("registration", func(t test) { k.registration(t) })
	if len(target.Entities) == 0 {
		k.report.finish()
		return k.report
	}
	// The families run in parallel and end before the group does.
	t.sub("attacks", func(t test) {
		for _, f := range families() {
			t.sub(f.name, func(t test) { k.family(t, f) })
		}
		t.sub(entityFamily, func(t test) { k.entities(t) })
		t.sub(pinFamily, func(t test) { k.pins(t) })
		t.sub(redisFamily, func(t test) { k.redis(t) })
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
	if k.target.Commit != "" {
		k.report.Commit = k.target.Commit
	}
	if err := k.report.readProtection(ctx, s, k.tables); err != nil {
		return err
	}
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
	for _, st := range f.statements {
		k.attempt(t, f, st.attack(f), st.once, st.privileged, h, func(ctx context.Context, tb *table) error {
			return h.send(ctx, st, tb)
		})
	}
	for _, sc := range f.scenarios {
		k.attempt(t, f, sc.attack(f), sc.once != nil, sc.privileged, h, func(ctx context.Context, tb *table) error {
			if sc.once != nil {
				return sc.once(h, ctx)
			}
			return sc.each(h, ctx, tb)
		})
	}
	t.sub("afterwards", func(t test) {
		if err := h.intact(t.Context()); err != nil {
			k.faultf(t, "%s, afterwards: %v", f.name, err)
		}
	})
}

func (k *kit) attempt(
	t test, f family, a Attack, once, privileged bool, h *harness, try func(context.Context, *table) error,
) {
	t.Helper()
	if privileged && k.target.Superuser == "" {
		k.report.add(f.title, a, Result{Outcome: NotMade, Detail: "needs Target.Superuser"})
		return
	}
	if once {
		t.sub(a.ID, func(t test) {
			k.record(t, f.title, a, "", func(ctx context.Context) error { return try(ctx, nil) })
		})
		return
	}
	t.sub(a.ID, func(t test) {
		for _, tb := range h.tables {
			t.sub(tb.Name, func(t test) {
				k.record(t, f.title, a, tb.Name, func(ctx context.Context) error { return try(ctx, tb) })
			})
		}
	})
}

// record runs an attempt and reports its result, even if it panics.
func (k *kit) record(t test, title string, a Attack, on string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), attemptTimeout)
	defer cancel()
	result := Result{On: on, Outcome: Breach, Detail: "panicked"}
	defer func() { k.report.add(title, a, result) }()
	err := try(ctx)
	if errors.Is(err, errNotApplicable) {
		result = Result{
			On: on, Outcome: NotMade, Detail: strings.TrimPrefix(err.Error(), errNotApplicable.Error()+": "),
		}
		return
	}
	result = Result{On: on, Outcome: Held}
	if a.Accepted != "" {
		result.Outcome = Accepted
	}
	if err != nil {
		result.Outcome, result.Detail = Breach, err.Error()
		t.Errorf("%s (%s): %v", a.ID, a.Does, err)
	}
}

func (k *kit) faultf(t test, format string, args ...any) {
	t.Helper()
	k.report.fault(fmt.Sprintf(format, args...))
	t.Errorf(format, args...)
}

// errNotApplicable is returned when the target has no place for an attack.
var errNotApplicable = errors.New("not applicable")

func notApplicable(why string) error { return fmt.Errorf("%w: %s", errNotApplicable, why) }
