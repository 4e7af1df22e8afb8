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
	// harnessConns is the size of a harness's pool.
	harnessConns = 4
	// attemptTimeout bounds one attack. Nothing in it takes a second.
	attemptTimeout = 30 * time.Second
)

// kit is one run against one target.
type kit struct {
	target Target
	tables []*table
	report *Report
}

// Run makes every attack on the target, each as a subtest, and returns the report. A subtest's name is
// family/attack/table. Tables without an entity fail, by name; a target without any does, too.
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
	// The families run beside each other, and all of them have ended when the group has.
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

// look reads what the report begins with, and the tables.
func (k *kit) inspect(ctx context.Context) error {
	s, err := login(ctx, k.target.DSN)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if err := k.report.introduce(ctx, s); err != nil {
		return err
	}
	if k.tables, err = readTables(ctx, s.conn); err != nil {
		return err
	}
	if k.target.Commit != "" {
		k.report.Commit = k.target.Commit
	}
	if err := k.report.protect(ctx, s, k.tables); err != nil {
		return err
	}
	if k.target.Superuser == "" {
		return nil
	}
	return k.prepare(ctx)
}

// Leaky is the function that shouts every row it is shown, by name. See [Target.Superuser].
const leaky = "public.konstruct_attack_leak"

// arrange plants the leaky function, which costs so little that the planner would call it first, and collects
// statistics. It does so in one transaction.
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

// registration holds the tables of the database against the entities.
func (k *kit) registration(t test) {
	t.Helper()
	for _, tb := range k.tables {
		if !slices.ContainsFunc(k.target.Entities, func(e Entity) bool { return e.Table == tb.Name }) {
			k.faultf(t, "table %s has a %s and no attack registration: add its generated schema (attack.Entities) or an attack.Entity to the target", tb.Name, tenantColumn)
		}
	}
	for _, e := range k.target.Entities {
		if k.table(e.Table) == nil {
			k.faultf(t, "entity %s is registered for table %s, which does not exist or has no %s", e.Name, e.Table, tenantColumn)
		}
	}
	if len(k.target.Entities) == 0 {
		k.faultf(t, "no entity is registered, so nothing is attacked")
	}
}

// family makes a family's attacks one after the other, with tenants of its own. All families are prepared before the first
// attack: where rows cross, one family's deletes would reach the rows that another is about to study.
func (k *kit) family(t test, f family) {
	s, err := k.newHarness(t.Context(), k.target.Entities...)
	if err != nil {
		k.faultf(t, "%s: prepare the attacks: %v", f.name, err)
		return
	}
	t.Cleanup(func() { s.close(context.WithoutCancel(t.Context())) })
	t.Parallel()
	for _, st := range f.statements {
		k.attempt(t, f, st.attack(f), st.once, st.privileged, s, func(ctx context.Context, tb *table) error { return s.send(ctx, st, tb) })
	}
	for _, sc := range f.scenarios {
		k.attempt(t, f, sc.attack(f), sc.once != nil, sc.privileged, s, func(ctx context.Context, tb *table) error {
			if sc.once != nil {
				return sc.once(s, ctx)
			}
			return sc.each(s, ctx, tb)
		})
	}
	t.sub("afterwards", func(t test) {
		if err := s.intact(t.Context()); err != nil {
			k.faultf(t, "%s, afterwards: %v", f.name, err)
		}
	})
}

// attempt makes one attack, on each table or once.
func (k *kit) attempt(
	t test, f family, a Attack, once, privileged bool, s *harness, try func(context.Context, *table) error,
) {
	t.Helper()
	if privileged && k.target.Superuser == "" {
		k.report.add(f.title, a, Result{Outcome: NotMade, Detail: "needs Target.Superuser"})
		return
	}
	if once {
		t.sub(a.ID, func(t test) { k.record(t, f.title, a, "", func(ctx context.Context) error { return try(ctx, nil) }) })
		return
	}
	t.sub(a.ID, func(t test) {
		for _, tb := range s.tables {
			t.sub(tb.Name, func(t test) {
				k.record(t, f.title, a, tb.Name, func(ctx context.Context) error { return try(ctx, tb) })
			})
		}
	})
}

// record makes an attempt and notes what came of it, even where it panics.
func (k *kit) record(t test, title string, a Attack, on string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), attemptTimeout)
	defer cancel()
	result := Result{On: on, Outcome: Breach, Detail: "panicked"}
	defer func() { k.report.add(title, a, result) }()
	err := try(ctx)
	if errors.Is(err, errNotApplicable) {
		result = Result{On: on, Outcome: NotMade, Detail: strings.TrimPrefix(err.Error(), errNotApplicable.Error()+": ")}
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

// faultf fails the run for something that is no attack.
func (k *kit) faultf(t test, format string, args ...any) {
	t.Helper()
	k.report.fault(fmt.Sprintf(format, args...))
	t.Errorf(format, args...)
}

// errNotApplicable is for an attack that this target offers no place for.
var errNotApplicable = errors.New("not applicable")

func notApplicable(why string) error { return fmt.Errorf("%w: %s", errNotApplicable, why) }
