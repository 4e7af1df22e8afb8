package attack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func sideChannels() family {
	return family{
		name: "side-channels", title: "Errors, notices, plans and statistics",
		statements: append(leakyConditions(), plansAndStatistics()...),
		scenarios:  watching(),
	}
}

func leakyConditions() []statement {
	return []statement{
		{
			id:   "A53-leaky-function",
			does: "filters with a leaky function that costs nothing and prints every row it sees", privileged: true,
			raw: true, sql: "select * from {table} t where " + leaky + "(t::text)", other: own(), owner: own(),
		},
		{
			id: "A53-leaky-update", does: "the same, while updating", privileged: true, raw: true,
			sql:   "update {table} t set tenant_id = tenant_id where " + leaky + "(t::text)",
			other: own(), owner: own(),
		},
		{
			id: "A53-leaky-count", does: "the same, in a subquery with a limit", privileged: true, raw: true,
			sql: "select count(*) from (select * from {table} t where " + leaky +
				"(t::text) limit 1000000) x having count(*) > 0",
			other: own(), owner: own(),
		},
		{
			id: "A53-division", does: "divides by zero if a row belongs to the other tenant",
			sql:   "select * from {table} where 1 / (case when tenant_id = {victim} then 0 else 1 end) = 1",
			other: own(), owner: refused(divisionBy0),
		},
		{
			id: "A53-cast", does: "casts a row to a number, so that the error would print it",
			sql:   "select * from {table} t where (case when tenant_id = {victim} then t::text else '1' end)::int = 1",
			other: own(), owner: refused(invalidText),
		},
		{
			id:   "A57-not-null",
			does: "violates a constraint in an update of all rows, so that the error would print a row",
			sql:  "update {table} set {key} = null", other: refused(notNull), owner: refused(notNull),
		},
		{
			id: "A58-invalid-uuid", does: "sets the tenant to a text that is not a UUID", raw: true,
			before: []string{"select set_config('" + rls.Setting + "', 'x', true)"}, sql: "select * from {table}",
			other: refused(invalidText), unset: refused(invalidText), owner: refused(invalidText),
		},
	}
}

func plansAndStatistics() []statement {
	const noIndex = "set local enable_indexscan = off"
	return []statement{
		{
			id: "A54-plan", does: "runs EXPLAIN ANALYZE on a search by id",
			sql:   "explain (analyze, verbose, costs off, timing off, summary off) select * from {table} where {key} = {id}",
			other: anything(), unset: anything(),
		},
		{
			id:       "A54-removed-rows",
			does:     "runs EXPLAIN ANALYZE on a scan, which counts the rows that the policy filtered out",
			accepted: "plans-count", raw: true,
			before: []string{noIndex, "set local enable_bitmapscan = off", "set local enable_indexonlyscan = off"},
			sql:    "explain (analyze, costs off, timing off, summary off) select * from {table}",
			other:  containing("Rows Removed by Filter: ", "the number of filtered rows is shown, no value"),
			unset:  anything(),
		},
		{
			id: "A55-common-combinations", does: "reads the statistics of expressions and combinations of columns",
			sql: "select * from pg_stats_ext where format('%s.%s', schemaname, tablename) = {name}", owner: nothing(),
		},
		{
			id: "A55-sizes", does: "reads a table's size and usage counters", accepted: "totals",
			sql: `select c.reltuples, pg_relation_size(c.oid), s.n_tup_ins from pg_class c
			         left join pg_stat_user_tables s on s.relid = c.oid where c.oid = {name}::regclass`,
			other: allowed("totals over all tenants are shown, no row"), unset: something(),
		},
		{
			id: "A62-lock-table", does: "locks the whole table, so that other tenants wait", accepted: "locks",
			raw: true, before: []string{"lock table {table} in access exclusive mode"}, sql: "select 1",
			other: allowed("the lock is granted; others wait until their lock_timeout"), unset: something(),
		},
		{
			id: "A62-time-out", does: "removes its own time limits", accepted: "locks", once: true, raw: true,
			before: []string{"set local statement_timeout = 0", "set local lock_timeout = 0"}, sql: "select 1",
			other: allowed("its own limits are removed, no other session's"), unset: something(),
		},
	}
}

func containing(words, meaning string) expectation {
	return expectation{meaning, func(a answer) bool { return a.err == nil && strings.Contains(a.text(), words) }}
}

func watching() []scenario {
	return []scenario{
		{
			id: "A56-bound-values", does: "reads pg_stat_activity for bound values of other tenants' statements",
			required: "no value of another tenant", once: (*harness).watchBound,
		},
		{
			id: "A56-texts", does: "reads pg_stat_activity for values inside the text of other tenants' statements",
			required: "the text is visible: both run as the same role", accepted: "statement-texts",
			once: (*harness).watchText,
		},
		{
			id: "A55-common-values", does: "reads the most common values of the table's columns", required: "no row",
			privileged: true, each: (*harness).statistics,
		},
		{
			id:       "A77-lock-parent",
			does:     "locks the other tenant's row of a global table FOR UPDATE, so that its inserts wait",
			required: "the inserts wait until their lock_timeout: the row is not protected by a tenant",
			accepted: "locks", each: (*harness).lockParent,
		},
		{
			id: "A60-listen", does: "listens on a channel that another tenant notifies",
			required: "the payload is received: channels have no privileges", accepted: "notify",
			once: (*harness).listen,
		},
	}
}

func (h *harness) watchBound(ctx context.Context) error {
	secret := h.victim.secrets[0]
	tx, err := h.driver.Tx(as(ctx, h.victim.id))
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	// The connection's last statement stays visible while its transaction is open.
	if err := tx.Exec(as(ctx, h.victim.id), "select $1::text as watched", []any{secret}, nil); err != nil {
		return err
	}
	a := h.raw.do(ctx, "select query from pg_stat_activity where query ilike '%watched%' or query ilike '%set_config%'")
	if err := errors.Join(a.err, h.victim.leaks(a.text(), "")); err != nil {
		return err
	}
	if !found(a) {
		return errors.New("no other statement was seen, so nothing is proven")
	}
	return nil
}

func (h *harness) watchText(ctx context.Context) error {
	return h.withLogin(ctx, func(other *session) error {
		if err := errors.Join(other.as(ctx, h.victim.id),
			other.do(ctx, "select 1 /* "+h.victim.secrets[0]+" */").err); err != nil {
			return err
		}
		a := h.raw.do(ctx, "select query from pg_stat_activity where pid <> pg_backend_pid()")
		return pinned(a.err, h.victim.leaks(a.text(), "") != nil)
	})
}

// statistics requires first that a superuser sees statistics.
func (h *harness) statistics(ctx context.Context, tb *table) error {
	super, err := login(ctx, h.kit.target.Superuser)
	if err != nil {
		return err
	}
	defer super.close(ctx)
	read := "select * from pg_stats where format('%s.%s', schemaname, tablename) = " + rls.Literal(tb.Name)
	if a := super.all(ctx, "analyze "+tb.SQL, read); !found(a) {
		return fmt.Errorf("there are no statistics, so nothing is proven: %w", orNone(a.err))
	}
	for _, id := range []tenancy.ID{h.attacker.id, {}, h.victim.id} {
		if err := nothing().check(h.raw.run(ctx, id, read)); err != nil {
			return err
		}
	}
	return nil
}

func (h *harness) listen(ctx context.Context) error {
	return h.withLogin(ctx, func(listener *session) error {
		if err := listener.do(ctx, "listen konstruct_attack").err; err != nil {
			return err
		}
		payload := "canary of " + h.victim.id.String()
		notify := "select pg_notify('konstruct_attack', " + rls.Literal(payload) + ")"
		if err := h.raw.all(ctx, "begin", setTenant(h.victim.id, true), notify, "commit").err; err != nil {
			return err
		}
		for range 20 { // other suites may notify, too
			n, err := listener.conn.WaitForNotification(ctx)
			if err != nil || n.Payload == payload {
				return pinned(err, true)
			}
		}
		return pinned(nil, false)
	})
}

func (h *harness) lockParent(ctx context.Context, tb *table) error {
	where, ok := h.tenantRow(tb)
	if !ok {
		return notApplicable("its tenant refers to no table")
	}
	return h.withLogin(ctx, func(other *session) error {
		if err := errors.Join(h.raw.as(ctx, h.attacker.id),
			h.raw.do(ctx, "select"+where+" for update").err); err != nil {
			return err
		}
		defer func() { _ = h.raw.rollback(ctx) }()
		a := other.run(ctx, h.victim.id, "set local lock_timeout = '50ms'", h.spell(insert("{mine}"), tb, h.victim.id))
		return pinned(nil, code(a.err) == lockTimeout)
	})
}
