package attack

import (
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// injections are SQL that an attacker has injected into a statement. Any SQL can write the setting that policies read,
// so the change must end with its statement, and values must never become SQL.
func injections() family {
	return family{
		name: "injection", title: "Injected SQL",
		scenarios: append(sent([]statement{
			{
				id: "A39-set-in-where", does: "sets the tenant in a condition, row by row",
				sql: "select * from {table} where tenant_id = {own} or set_config('" + rls.Setting +
					"', {victim}, true) is null",
				other: own(),
			},
			{
				id: "A39-set-in-order", does: "sets the tenant while sorting",
				sql: "select * from {table} order by set_config('" + rls.Setting + "', {victim}, true)", other: own(),
			},
			{
				id: "A39-set-in-returning", does: "sets the tenant in RETURNING",
				sql: "update {table} set tenant_id = tenant_id" +
					" returning set_config('" + rls.Setting + "', {victim}, true) = 'x', {table}.*",
				other: own(),
			},
			{
				id: "A67-read-only", does: "sets the tenant in a read-only transaction", accepted: "injected-setting",
				raw: true,
				before: []string{
					"set transaction read only",
					"select set_config('" + rls.Setting + "', {victim}, true)",
				},
				sql:   "select 1 where current_setting('" + rls.Setting + "') = {victim}",
				other: allowed("the setting changes: any SQL can set it"), unset: something(),
			},
		}),
			each("A39-set-before-read",
				"sets the tenant earlier in the same statement or transaction, before rows are read",
				"rows are returned: any SQL can set the setting", injectedRead).accepting("injected-setting"),
			each("A39-next-statement", "sets the tenant for the next statement",
				"the next statement runs under its own tenant", nextStatement),
			each("A39-parameter", "sends SQL as a value", "it stays a value", asValue),
		),
	}
}

// injectedRead pins how far the setting alone goes: one statement can read the other tenant's rows.
func injectedRead(a *attempt) {
	text := "with s as materialized (select set_config('" + rls.Setting + "', {victim}, true))" +
		" select t.* from s, lateral (select * from {table}) t where s.set_config is not null"
	for _, planned := range []string{"select 1", "set local enable_hashjoin = off"} {
		got := a.run(a.mine, a.raw, planned, text)
		a.must(got.err)
		if a.leaks(got) != nil {
			return
		}
	}
	// In one statement, the planner's order may prevent it, which is no protection. Two statements of one transaction
	// always succeed.
	got := a.run(a.mine, a.raw, setTenant(a.victim.id, true), "select * from {table}")
	a.pinned(got.err, a.leaks(got) != nil)
}

func nextStatement(a *attempt) {
	drv := a.open()
	for _, local := range []bool{true, false} {
		a.must(a.exec(a.mine, drv, setTenant(a.victim.id, local)))
		a.step = "outside of a transaction: "
		a.ownRows(drv)
		a.step = ""
	}
	tx := a.begin(a.mine, drv)
	a.must(a.exec(a.mine, tx, setTenant(a.victim.id, true)))
	a.require(own(), a.query(a.mine, tx, "select * from {table}"))
}

func asValue(a *attempt) {
	for _, value := range []string{
		"' or '1'='1", "x'; " + setTenant(a.victim.id, false) + "; --", "' union select * from " + a.tb.SQL + " --",
		"') or set_config('" + rls.Setting + "', " + rls.Literal(a.victim.id.String()) + ", false) is not null --",
	} {
		var rows int64
		query := "select count(*) from " + a.tb.SQL + " where " + a.tb.Key + "::text = $1"
		err := pgtenant.QueryRow(a.mine, a.driver, query, value).Scan(&rows)
		if err != nil || rows != 0 {
			a.failf("%d rows: %v", rows, orNone(err))
		}
	}
	a.ownRows(a.driver)
}
