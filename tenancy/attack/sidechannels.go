package attack

import (
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

func sideChannels() family {
	return family{
		name: "side-channels", title: "Errors, notices, plans and statistics",
		scenarios: append(sent(append(leakyConditions(), plansAndStatistics()...)), watching()...),
	}
}

func byLeaky(id, does, sql string) statement {
	st := ownOnly(id, does, sql)
	st.raw, st.privileged = true, true
	return st
}

func leakyConditions() []statement {
	return []statement{
		byLeaky("A53-leaky-function", "filters with a leaky function that costs nothing and prints every row it sees",
			"select * from {table} t where "+leaky+"(t::text)"),
		byLeaky("A53-leaky-update", "the same, while updating",
			"update {table} t set tenant_id = tenant_id where "+leaky+"(t::text)"),
		byLeaky("A53-leaky-count", "the same, in a subquery with a limit",
			"select count(*) from (select * from {table} t where "+leaky+
				"(t::text) limit 1000000) x having count(*) > 0"),
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
	commonValues := each("A55-common-values", "reads the most common values of the table's columns", "no row", statistics)
	commonValues.privileged = true
	return []scenario{
		once("A56-bound-values", "reads pg_stat_activity for bound values of other tenants' statements",
			"no value of another tenant", watchBound),
		once("A56-texts", "reads pg_stat_activity for values inside the text of other tenants' statements",
			"the text is visible: both run as the same role", watchText).accepting("statement-texts"),
		commonValues,
		each("A77-lock-parent", "locks the other tenant's row of a global table FOR UPDATE, so that its inserts wait",
			"the inserts wait until their lock_timeout: the row is not protected by a tenant", lockParent).accepting("locks"),
		once("A60-listen", "listens on a channel that another tenant notifies",
			"the payload is received: channels have no privileges", listen).accepting("notify"),
	}
}

func watchBound(a *attempt) {
	tx := a.begin(a.theirs, a.driver)
	// The connection's last statement stays visible while its transaction is open.
	a.must(tx.Exec(a.theirs, "select $1::text as watched", []any{a.victim.secrets[0]}, nil))
	got := a.do(a.raw, "select query from pg_stat_activity where query ilike '%watched%' or query ilike '%set_config%'")
	a.must(got.err, a.leaks(got))
	if !found(got) {
		a.failf("no other statement was seen, so nothing is proven")
	}
}

func watchText(a *attempt) {
	other := a.login(a.kit.target.DSN)
	a.must(other.begin(a.theirs), a.do(other, "select 1 /* "+a.victim.secrets[0]+" */").err)
	got := a.do(a.raw, "select query from pg_stat_activity where pid <> pg_backend_pid()")
	a.pinned(got.err, a.leaks(got) != nil)
}

// statistics requires first that a superuser sees statistics.
func statistics(a *attempt) {
	const read = "select * from pg_stats where format('%s.%s', schemaname, tablename) = {name}"
	if got := a.do(a.login(a.kit.target.Superuser), "analyze {table}", read); !found(got) {
		a.failf("there are no statistics, so nothing is proven: %v", orNone(got.err))
	}
	for _, c := range a.callers() {
		a.require(nothing(), a.run(c.ctx, a.raw, read))
	}
}

func listen(a *attempt) {
	listener := a.login(a.kit.target.DSN)
	a.must(a.do(listener, "listen konstruct_attack").err)
	payload := "canary of " + a.victim.id.String()
	a.must(a.do(a.raw, "begin", setTenant(a.victim.id, true),
		"select pg_notify('konstruct_attack', "+rls.Literal(payload)+")", "commit").err)
	for range 20 { // other suites may notify, too
		n, err := listener.conn.WaitForNotification(a.ctx)
		if err != nil || n.Payload == payload {
			a.pinned(err, true)
			return
		}
	}
	a.pinned(nil, false)
}

func lockParent(a *attempt) {
	from, ok := a.tenantRow()
	if !ok {
		return
	}
	a.must(a.raw.begin(a.mine), a.do(a.raw, "select"+from+" for update").err)
	got := a.run(a.theirs, a.login(a.kit.target.DSN), "set local lock_timeout = '50ms'", insert("{mine}"))
	a.pinned(nil, code(got.err) == lockTimeout)
}
