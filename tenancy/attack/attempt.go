package attack

import (
	"context"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// attempt is one attempt of an attack, in a subtest. As in a test, the first failure ends it, and what it has opened is
// closed at its end.
type attempt struct {
	*harness

	kit    *kit
	t      test
	attack Attack
	result Result
	tb     *table // the attacked table, or any
	// ctx has no tenant, mine has the attacker, theirs the victim.
	ctx, mine, theirs context.Context //nolint:containedctx // they end with the attempt
	// where and step are what a failure's message begins with.
	where, step string
	notMade     string
}

// record runs an attempt and reports its result, even if it panics.
func (k *kit) record(t test, title string, attack Attack, on string, try func(*attempt)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), attemptTimeout)
	t.Cleanup(cancel) // after the attempt's own cleanups, which need the context
	defer context.AfterFunc(t.Context(), cancel)()
	a := &attempt{kit: k, t: t, attack: attack, ctx: ctx, result: Result{On: on, Outcome: Breach, Detail: "panicked"}}
	defer func() { k.report.add(title, attack, a.result) }()
	try(a)
	switch {
	case a.notMade != "":
		a.result.Outcome = NotMade
	case attack.Accepted != "":
		a.result.Outcome = Accepted
	default:
		a.result.Outcome = Held
	}
	a.result.Detail = a.notMade
}

func (a *attempt) with(h *harness, tb *table) {
	a.harness, a.tb = h, tb
	a.mine, a.theirs = tenancy.With(a.ctx, h.attacker.id), tenancy.With(a.ctx, h.victim.id)
	a.t.Cleanup(func() { _ = h.raw.rollback(a.ctx) }) // where a failure left a transaction
}

func (a *attempt) notApplicable(why string) { a.notMade = why }

func (a *attempt) applies(where string) { a.where, a.notMade = where+": ", "" }

func (a *attempt) stepf(format string, args ...any) { a.step = fmt.Sprintf(format, args...) + ": " }

func (a *attempt) failf(format string, args ...any) {
	a.t.Helper()
	a.result.Detail = a.where + a.step + fmt.Sprintf(format, args...)
	a.t.Errorf("%s (%s): %s", a.attack.ID, a.attack.Does, a.result.Detail)
	a.t.FailNow()
}

func (a *attempt) must(errs ...error) {
	a.t.Helper()
	if err := errors.Join(errs...); err != nil {
		a.failf("%v", err)
	}
}

// require fails unless the answer is as expected. One that is not the owner's must have no value of the owner's.
func (a *attempt) require(want expectation, got answer) {
	a.t.Helper()
	a.must(want.check(got))
	if !got.owner {
		a.must(a.leaks(got))
	}
}

func (a *attempt) requireErr(got, want error) {
	a.t.Helper()
	a.must(requireErr(got, want))
}

func (a *attempt) leaks(got answer) error { return a.victim.leaks(got.text(), got.given) }

func (a *attempt) pinned(err error, stillThere bool) {
	a.t.Helper()
	if err != nil {
		a.failf("the accepted risk could not be shown: %v", err)
	}
	if !stillThere {
		a.failf("the accepted risk no longer exists: remove it from the list and require that")
	}
}

type caller struct {
	says string
	ctx  context.Context //nolint:containedctx // it ends with the attempt
	rows int
}

func (a *attempt) callers() []caller {
	return []caller{
		{"another tenant", a.mine, a.attacker.stock[a.tb.Name].count()},
		{"no tenant", a.ctx, 0},
		{"the owner", a.theirs, a.victim.stock[a.tb.Name].count()},
	}
}

func (a *attempt) others() []caller { return a.callers()[:2] }

func (a *attempt) query(ctx context.Context, q dialect.ExecQuerier, text string) answer {
	text = a.spell(ctx, text)
	got := query(ctx, q, text)
	got.given, got.owner = text, a.isOwner(ctx)
	return got
}

// exec sends a statement through the driver as one that returns no rows.
func (a *attempt) exec(ctx context.Context, q dialect.ExecQuerier, text string) error {
	return q.Exec(ctx, a.spell(ctx, text), []any{}, nil)
}

func (a *attempt) do(s *session, statements ...string) answer {
	return s.all(a.ctx, a.spellAll(a.ctx, statements)...)
}

// run sends statements by a raw login, in a transaction of the context's tenant that is rolled back.
func (a *attempt) run(ctx context.Context, s *session, statements ...string) answer {
	got := s.run(ctx, a.spellAll(ctx, statements)...)
	got.owner = a.isOwner(ctx)
	return got
}

func (a *attempt) isOwner(ctx context.Context) bool { return tenantOf(ctx) == a.victim.id }

// tenantOf returns the zero ID for a context without a tenant.
func tenantOf(ctx context.Context) tenancy.ID {
	id, _ := tenancy.From(ctx)
	return id
}

func (a *attempt) login(dsn string) *session {
	s, err := login(a.ctx, dsn)
	a.must(err)
	a.t.Cleanup(func() { s.close(a.ctx) })
	return s
}

// open opens a driver as the product does, with a single connection that every statement reuses.
func (a *attempt) open() *pgtenant.Driver {
	return a.closing(a.kit.open(a.ctx, pgtenant.WithMaxConns(1)))
}

func (a *attempt) direct(opts ...pgtenant.Option) *pgtenant.Driver {
	return a.closing(pgtenant.Open(a.ctx, a.kit.target.DSN, append(opts, pgtenant.WithMaxConns(1))...))
}

func (a *attempt) closing(drv *pgtenant.Driver, err error) *pgtenant.Driver {
	a.must(err)
	a.t.Cleanup(func() { _ = drv.Close() })
	return drv
}

// begin begins a transaction that is rolled back at the end of the attempt, unless it has ended before.
func (a *attempt) begin(ctx context.Context, drv *pgtenant.Driver) dialect.Tx {
	tx, err := drv.Tx(ctx)
	a.must(err)
	a.t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// ownRows requires that statements through the driver return each tenant's own rows, and none without a tenant.
func (a *attempt) ownRows(drv *pgtenant.Driver) {
	a.t.Helper()
	a.must(a.readsOwn(drv))
}

func (a *attempt) readsOwn(drv *pgtenant.Driver) error {
	for _, c := range a.callers() {
		got := a.query(c.ctx, drv, "select * from {table}")
		err := got.err
		if err == nil && !got.owner {
			err = a.leaks(got)
		}
		if err == nil && len(got.rows) != c.rows {
			err = fmt.Errorf("%d rows instead of %d", len(got.rows), c.rows)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.says, err)
		}
	}
	return nil
}

func (a *attempt) unwritten() {
	a.t.Helper()
	digest, err := a.digest(a.mine, a.tb)
	a.must(err)
	if digest != a.attacker.stock[a.tb.Name].digest {
		a.failf("rows were written")
	}
}

func requireErr(err, due error) error {
	if errors.Is(err, due) {
		return nil
	}
	return fmt.Errorf("required: %w; got %w", due, orNone(err))
}

func orNone(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}
