package attack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
)

const (
	liveFamily = "live"
	liveTitle  = "Read-only checks of a live database"
	// liveTenants is how many tenants are asked unless LiveOptions say otherwise.
	liveTenants = 5
)

// LiveOptions bound what [Live] does.
type LiveOptions struct {
	// TenantsTable lists the tenants by id: "public.tenants".
	TenantsTable string
	// Tenants is how many of them are asked, the newest first: 5 where zero.
	Tenants int
}

// Live attacks a database that is in use, by nothing but reads from a fixed list. Each tenant is asked in one
// transaction, which is read-only, waits no longer than 100 ms for a lock, runs no statement longer than 1 s,
// and is rolled back. The report holds no value of any row, nor a tenant's id. dsn logs in as the application's role.
//
// An error means that the attack could not be made, a statement that ran out of time for one; what was found is in the
// report.
func Live(ctx context.Context, dsn string, o LiveOptions) (*Report, error) {
	s, err := login(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("attack: logging in: %w", err)
	}
	defer s.close(ctx)
	l := &live{session: s, report: newReport(liveFamily)}
	if err := l.look(ctx, o); err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	for i := range l.tenants {
		if err := l.transaction(ctx, i); err != nil {
			return nil, fmt.Errorf("attack: tenant %d of %d: %w", i+1, len(l.tenants), err)
		}
	}
	if err := l.unset(ctx); err != nil {
		return nil, fmt.Errorf("attack: no tenant: %w", err)
	}
	l.report.finish()
	l.doubt()
	return l.report, nil
}

// live is one run of Live. What it learns of one tenant's rows is what the next one aims at.
type live struct {
	session *session
	report  *Report
	tables  []*table
	tenants []tenancy.ID
	aims    map[string]aim
	seen    bool // a tenant was seen to have a row, so that it was not in vain
}

// aim is where a tenant's row is. It never leaves the process.
type aim struct{ tenant, key, ctid string }

// read is one of the reads that are allowed. It finds a row where isolation is broken.
type read struct {
	id, does, sql string
	// aims is true where it needs another tenant's row.
	aims bool
	// once is true where it is about no particular table.
	once bool
	// errs are codes that mean that nothing was found.
	errs []string
}

// liveReads is the list. None of them locks, writes, or calls a function that does.
func liveReads() []read {
	return []read{
		{
			id: "L01-others", does: "searches for any row of another tenant",
			sql: "select 1 from {table} where tenant_id is distinct from {own} limit 1",
		},
		{
			id: "L02-by-id", does: "reads another tenant's row by its id", aims: true,
			sql: "select 1 from {table} where {key} = {id}",
		},
		{
			id: "L03-by-address", does: "reads another tenant's row by its physical address (ctid)", aims: true,
			sql: "select 1 from {table} where ctid = {ctid} and tenant_id = {victim}",
		},
		{
			id: "L04-by-tenant", does: "reads by another tenant's id", aims: true,
			sql: "select 1 from {table} where tenant_id = {victim} limit 1",
		},
		{
			id: "L05-row-security-off", does: "reads with row_security = off, which must fail", errs: []string{denied},
			sql: "select 1 from {table} limit 1",
		},
		{
			id: "L06-statistics", does: "reads the most common values of the table's columns",
			sql: "select 1 from pg_stats where format('%s.%s', schemaname, tablename) = {name} limit 1",
		},
		{
			id: "L07-privileges", does: "has TRUNCATE, REFERENCES or TRIGGER on the table",
			sql: "select 1 from unnest(array['TRUNCATE', 'REFERENCES', 'TRIGGER']) p where has_table_privilege({name}, p)",
		},
		{
			id: "L08-role", does: "has a role attribute, a membership or an owned table that bypasses row-level security", once: true,
			sql: `select 1 from pg_roles r where rolname = current_user
			         and (rolsuper or rolbypassrls or rolcreaterole or rolreplication
			              or exists (select from pg_auth_members m where m.member = r.oid)
			              or exists (select from pg_class c where c.relowner = r.oid))`,
		},
	}
}

// liveUnset are the reads of a connection without a tenant.
func liveUnset() []read {
	return []read{
		{id: "L09-nobody", does: "reads without a tenant", sql: "select 1 from {table} limit 1"},
		{
			id: "L10-preset", does: "begins with a preset tenant", once: true,
			sql: "select 1 where coalesce(current_setting('" + setting + "', true), '') <> ''",
		},
	}
}

func (r read) attack() Attack {
	return Attack{ID: r.id, Family: liveFamily, Does: r.does, Required: nothing().says}
}

func liveAttacks() []Attack {
	var all []Attack
	for _, r := range append(liveReads(), liveUnset()...) {
		all = append(all, r.attack())
	}
	return all
}

func (l *live) look(ctx context.Context, o LiveOptions) (err error) {
	if err := l.report.introduce(ctx, l.session); err != nil {
		return err
	}
	if err := l.begin(ctx); err != nil {
		return err
	}
	if l.tables, err = readTables(ctx, l.session.conn); err != nil {
		return err
	}
	if err := l.report.protect(ctx, l.session, l.tables); err != nil {
		return err
	}
	l.aims = map[string]aim{}
	if o.Tenants <= 0 {
		o.Tenants = liveTenants
	}
	schema, name, _ := strings.Cut(o.TenantsTable, ".")
	a := l.session.do(ctx, fmt.Sprintf("select id from %s.%s order by id desc limit %d", quoted(schema), quoted(name), o.Tenants))
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
	return l.session.all(ctx, "begin read only", "set local lock_timeout = '100ms'", "set local statement_timeout = '1s'").err
}

// transaction asks as one tenant, and remembers where its rows are.
func (l *live) transaction(ctx context.Context, i int) error {
	id := l.tenants[i]
	if err := errors.Join(l.begin(ctx), l.session.do(ctx, setTenant(id, true)).err); err != nil {
		return err
	}
	who := fmt.Sprintf("tenant %d of %d", i+1, len(l.tenants))
	err := l.each(ctx, liveReads(), who, id)
	for _, tb := range l.tables {
		if err == nil {
			err = l.remember(ctx, id, tb)
		}
	}
	return errors.Join(err, l.session.rollback(ctx))
}

func (l *live) unset(ctx context.Context) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	return errors.Join(l.each(ctx, liveUnset(), "no tenant", tenancy.ID{}), l.session.rollback(ctx))
}

// each makes the reads, on every table that they are about.
func (l *live) each(ctx context.Context, reads []read, who string, id tenancy.ID) error {
	for _, r := range reads {
		if r.once {
			if err := l.try(ctx, r, who, r.sql); err != nil {
				return err
			}
			continue
		}
		for _, tb := range l.tables {
			other, ok := l.aims[tb.Name]
			if r.aims && !ok {
				continue
			}
			sql := strings.NewReplacer(
				"{table}", tb.SQL, "{key}", tb.Key, "{name}", literal(tb.Name), "{own}", literal(id.String()),
				"{id}", literal(other.key), "{ctid}", literal(other.ctid), "{victim}", literal(other.tenant),
			).Replace(r.sql)
			if err := l.try(ctx, r, tb.Name+", "+who, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

// try makes one read inside a savepoint, so that one that errs does not end the transaction.
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
	case a.err != nil && refused(r.errs...).met(a):
	case a.err != nil:
		return fmt.Errorf("%s on %s: SQLSTATE %s", r.id, on, code(a.err))
	case len(a.rows) > 0 || len(r.errs) > 0:
		result.Outcome, result.Detail = Breach, "it found something, or was let through"
	}
	l.report.add(liveTitle, r.attack(), result)
	return nil
}

// remember keeps where one of the tenant's own rows is.
func (l *live) remember(ctx context.Context, id tenancy.ID, tb *table) error {
	a := l.session.do(ctx, "select "+tb.Key+", ctid from "+tb.SQL+" where tenant_id = "+literal(id.String())+" limit 1")
	if a.err != nil {
		return fmt.Errorf("own rows of %s: SQLSTATE %s", tb.Name, code(a.err))
	}
	if len(a.rows) == 1 {
		l.aims[tb.Name] = aim{tenant: id.String(), key: a.rows[0][0], ctid: a.rows[0][1]}
		l.seen = true
	}
	return nil
}

// doubt takes the verdict back where no tenant had a row to be found.
func (l *live) doubt() {
	if l.report.Holds && (!l.seen || len(l.tenants) < 2) {
		l.report.Holds = false
		l.report.Verdict = "Nothing got through, but nothing is proven: it takes two tenants, and rows."
	}
}
