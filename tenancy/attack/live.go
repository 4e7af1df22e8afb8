package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rls"
)

const (
	liveFamily  = "live"
	liveTitle   = "Read-only checks of a live database"
	liveTenants = 5
)

// LiveOptions bound what [Live] does.
type LiveOptions struct {
	// TenantsTable lists the tenants by id: "public.tenants".
	TenantsTable string
	// Tenants is the number of tenants to attack, newest first. The default is 5.
	Tenants int
	// Definers are the SECURITY DEFINER functions that the role may call ("public.f(text, text)"). Others are reported.
	Definers []string
	// Triggers are those on tables that the role may write to ("public.notes.touch"). Others and rules are reported.
	Triggers []string
	// Resolver finds a tenant before one is set. The zero value skips its attacks.
	Resolver Resolver
	// Answers are queries that return a row if a definer function's answer contradicts the tables. They are run under
	// each tenant ({own}) and without one (the zero UUID), and should have a limit.
	Answers []string
	// AppendOnly are the tables on which the role may only SELECT and INSERT ("public.audit_events").
	AppendOnly []string
}

// Resolver describes a function that finds the tenant of an external name, such as a workspace.
type Resolver struct {
	// Function ("public.resolve_tenant") takes a kind and a name as text, and returns a tenant's id or null.
	Function string
	// Expected is a query, run under a tenant, for rows of kind, name, and whether the function must return the tenant
	// (true) or null (false). It should have a limit.
	Expected string
}

// Live attacks a database in use with a fixed list of reads. Each tenant's transaction is read-only, waits at most 100
// ms for a lock, limits each statement to 1 s, and is rolled back. The report contains no row's value and no tenant's
// id. dsn logs in as the application's role.
//
// An error means that the attack was not completed, for example because a statement timed out. Findings are in the
// report.
func Live(ctx context.Context, dsn string, o LiveOptions) (*Report, error) {
	s, err := login(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("attack: logging in: %w", err)
	}
	defer s.close(ctx)
	l := &live{session: s, report: newReport(liveFamily), options: o}
	if err := l.inspect(ctx, o); err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	for i, id := range l.tenants {
		who := fmt.Sprintf("tenant %d of %d", i+1, len(l.tenants))
		if err := l.transaction(ctx, who, id, slices.Concat(liveReads(), resolverReads(), answerReads())); err != nil {
			return nil, err
		}
	}
	unset := slices.Concat(liveUnset(), resolverUnset(), answerReads(), objectReads())
	if err := l.transaction(ctx, "no tenant", tenancy.ID{}, unset); err != nil {
		return nil, err
	}
	l.report.finish()
	l.requireRows()
	return l.report, nil
}

// live is one run of Live. Each tenant's rows are the targets of the next tenant.
type live struct {
	session *session
	report  *Report
	options LiveOptions
	tables  []*table
	tenants []tenancy.ID
	targets map[string]target
	seen    bool // a tenant has a row, so that something could be found
}

// target identifies a tenant's row. It is never reported.
type target struct{ tenant, key, ctid string }

func (l *live) inspect(ctx context.Context, o LiveOptions) (err error) {
	if err := l.report.readServer(ctx, l.session); err != nil {
		return err
	}
	if err := l.begin(ctx); err != nil {
		return err
	}
	if l.tables, err = readTables(ctx, l.session.conn); err != nil {
		return err
	}
	l.report.readProtection(l.tables)
	l.targets = map[string]target{}
	if o.Tenants <= 0 {
		o.Tenants = liveTenants
	}
	schema, name, _ := strings.Cut(o.TenantsTable, ".")
	a := l.session.do(ctx,
		fmt.Sprintf("select id from %s.%s order by id desc limit %d", rls.Quote(schema), rls.Quote(name), o.Tenants))
	if err := errors.Join(a.err, l.session.rollback(ctx)); err != nil {
		return fmt.Errorf("reading %s: %w", o.TenantsTable, err)
	}
	for _, row := range a.rows {
		id, err := tenancy.Parse(row[0])
		if err != nil {
			return fmt.Errorf("reading %s: %w", o.TenantsTable, err)
		}
		l.tenants = append(l.tenants, id)
	}
	return nil
}

func (l *live) begin(ctx context.Context) error {
	return l.session.all(ctx, "begin read only", "set local lock_timeout = '100ms'",
		"set local statement_timeout = '1s'").err
}

// transaction makes reads under a tenant, whose rows it saves as targets for the next one, or without a tenant.
func (l *live) transaction(ctx context.Context, who string, id tenancy.ID, reads []read) error {
	err := l.begin(ctx)
	if err == nil && !id.IsZero() {
		err = l.session.do(ctx, setTenant(id, true)).err
	}
	if err == nil {
		err = l.each(ctx, reads, who, id)
	}
	for _, tb := range l.tables {
		if err == nil && !id.IsZero() {
			err = l.saveTarget(ctx, id, tb)
		}
	}
	if err := errors.Join(err, l.session.rollback(ctx)); err != nil {
		return fmt.Errorf("attack: %s: %w", who, err)
	}
	return nil
}

func (l *live) each(ctx context.Context, reads []read, who string, id tenancy.ID) error {
	for _, r := range reads {
		var err error
		switch {
		case r.resolver && l.options.Resolver.Function == "":
			l.report.add(liveTitle, r.attack(), Result{Outcome: NotMade, Detail: "needs LiveOptions.Resolver"})
		case r.answers && len(l.options.Answers) == 0:
			l.report.add(liveTitle, r.attack(), Result{Outcome: NotMade, Detail: "needs LiveOptions.Answers"})
		case r.answers:
			err = l.answers(ctx, r, who, id)
		case r.once:
			err = l.try(ctx, r, who, l.options.spell(r.sql, id))
		default:
			err = l.eachTable(ctx, r, who, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *live) answers(ctx context.Context, r read, who string, id tenancy.ID) error {
	for i, sql := range l.options.Answers {
		on := fmt.Sprintf("answer %d of %d, %s", i+1, len(l.options.Answers), who)
		if err := l.try(ctx, r, on, l.options.spell(sql, id)); err != nil {
			return err
		}
	}
	return nil
}

func (l *live) eachTable(ctx context.Context, r read, who string, id tenancy.ID) error {
	for _, tb := range l.tables {
		other, ok := l.targets[tb.Name]
		if r.targets && !ok {
			continue
		}
		sql := strings.NewReplacer(
			"{table}", tb.SQL, "{key}", tb.Key, "{name}", rls.Literal(tb.Name), "{own}", rls.Literal(id.String()),
			"{id}", rls.Literal(other.key), "{ctid}", rls.Literal(other.ctid), "{victim}", rls.Literal(other.tenant),
		).Replace(r.sql)
		if err := l.try(ctx, r, tb.Name+", "+who, sql); err != nil {
			return err
		}
	}
	return nil
}

// try makes one read inside a savepoint, so that a failure does not end the transaction.
func (l *live) try(ctx context.Context, r read, on, sql string) error {
	guard := "set local row_security = on"
	if len(r.errs) > 0 {
		guard = "set local row_security = off"
	}
	a := l.session.all(ctx, "savepoint attempt", guard, sql)
	if err := l.session.do(ctx, "rollback to attempt").err; err != nil {
		return err
	}
	result := Result{On: on, Outcome: Held}
	switch {
	case a.err != nil && refused(r.found...).met(a):
		result.Outcome, result.Detail = Breach, "it tried to write"
	case a.err != nil && refused(r.errs...).met(a):
	case a.err != nil:
		return fmt.Errorf("%s on %s: SQLSTATE %s", r.id, on, code(a.err))
	case len(a.rows) > 0 || len(r.errs) > 0:
		result.Outcome, result.Detail = Breach, "it returned a row, or was not refused"
	}
	l.report.add(liveTitle, r.attack(), result)
	return nil
}

func (l *live) saveTarget(ctx context.Context, id tenancy.ID, tb *table) error {
	a := l.session.do(ctx,
		"select "+tb.Key+", ctid from "+tb.SQL+" where tenant_id = "+rls.Literal(id.String())+" limit 1")
	if a.err != nil {
		return fmt.Errorf("own rows of %s: SQLSTATE %s", tb.Name, code(a.err))
	}
	if len(a.rows) == 1 {
		l.targets[tb.Name] = target{tenant: id.String(), key: a.rows[0][0], ctid: a.rows[0][1]}
		l.seen = true
	}
	return nil
}

// requireRows withdraws the verdict if no tenant had a row to find.
func (l *live) requireRows() {
	if l.report.Holds && (!l.seen || len(l.tenants) < 2) {
		l.report.Holds = false
		l.report.Verdict = "NOT PROVEN: no breach was found, but two tenants with rows are needed to find one."
	}
}
