package attack

import (
	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// maxTries bounds the tries of what another attack may undo behind a pooler.
const maxTries = 20

func leftovers() family {
	const ownOrNone = "each tenant gets its own rows; without a tenant there are none"
	return family{name: "leftovers", title: "State left on a connection", scenarios: []scenario{
		each("A29-poisoned", "sets a tenant for the whole session on a pooled connection, beside the driver", ownOrNone,
			poisoned),
		each("A29-poisoned-by-statement",
			"sets another tenant for the whole session by a statement through the driver", ownOrNone,
			poisonedByStatement),
		each("A29-after-the-driver",
			"uses a pooled connection directly, after a tenant's statements and transactions on it",
			"the tenant is not set, and none of its rows are returned", afterTheDriver),
		each("A30-release", "changes the tenant inside a savepoint and releases it",
			"the next statement runs under its own tenant", release),
		once("A31-end-of-transaction", "ends the transaction by a statement instead of the driver",
			"later statements have no effect", endBehind),
		once("A31-begin", "begins a transaction by a statement and leaves it open",
			"ErrTxLeftOpen; the connection is destroyed", func(a *attempt) {
				drv := a.open()
				a.requireErr(a.exec(a.theirs, drv, "begin"), pgtenant.ErrTxLeftOpen)
				a.ownRows(drv)
			}),
		each("A34-temp-table", "leaves a temporary table with rows", "refused, 42501", func(a *attempt) {
			err := a.exec(a.theirs, a.driver, "create temp table left_behind as select * from {table}")
			a.require(refused(denied), answer{err: err})
		}),
		once("A34-session-lock", "leaves a session's advisory lock", "refused, 42501", func(a *attempt) {
			a.require(refused(denied), a.query(a.theirs, a.driver, "select pg_advisory_lock(7)"))
		}),
		each("A34-held-cursor",
			"declares a cursor WITH HOLD beside the driver and fetches from it later in the same session",
			"the rows are returned: a session that is not released keeps its cursors", func(a *attempt) {
				got := a.do(a.login(a.kit.target.DSN),
					"begin", setTenant(a.victim.id, true),
					"declare left_behind cursor with hold for select * from {table}", "commit",
					"begin", setTenant(a.attacker.id, true), "fetch all from left_behind")
				a.pinned(got.err, a.leaks(got) != nil)
			}).accepting("session-state"),
	}}
}

// poisoned sets the other tenant on connections until one returns its rows: behind a pooler, statements change
// connections. So the attack could succeed: without the driver, the poisoned connection returns the other tenant's rows.
func poisoned(a *attempt) {
	drv := a.open()
	for range maxTries {
		var set string
		var rows int
		a.beside(drv, &set, setTenant(a.victim.id, false))
		a.beside(drv, &rows, "select count(*) from "+a.tb.SQL)
		if rows > 0 {
			a.ownRows(drv)
			return
		}
	}
	a.failf("a session-level setting has no effect, so nothing was proven")
}

func poisonedByStatement(a *attempt) {
	drv := a.open()
	for _, text := range []string{
		setTenant(a.victim.id, false), "set session " + rls.Setting + " = " + rls.Literal(a.victim.id.String()),
	} {
		for _, c := range a.others() {
			a.stepf("after %q", text)
			a.must(a.exec(c.ctx, drv, text))
			a.ownRows(drv)
		}
	}
}

// afterTheDriver requires that the driver sets nothing beyond a transaction. It checks the driver's own tenant: behind
// a pooler, another attack may have set the other one on the connection.
func afterTheDriver(a *attempt) {
	drv := a.open()
	read := "select count(*) from " + a.tb.SQL + " where tenant_id = " + rls.Literal(a.attacker.id.String())
	for way, use := range map[string]func() error{
		"a statement": func() error { return a.query(a.mine, drv, read).err },
		"a failure": func() error {
			return refused(divisionBy0).check(a.query(a.mine, drv, "select 1 / (select 0)"))
		},
		"a commit":   func() error { return a.runInTx(a.mine, drv, dialect.Tx.Commit, read) },
		"a rollback": func() error { return a.runInTx(a.mine, drv, dialect.Tx.Rollback, read) },
	} {
		a.stepf("after %s", way)
		var left string
		var rows int
		a.must(use())
		a.beside(drv, &left, "select coalesce(current_setting('"+rls.Setting+"', true), '')")
		a.beside(drv, &rows, read)
		if left == a.attacker.id.String() || rows != 0 {
			a.failf("the setting is %q, and %d rows are seen", left, rows)
		}
	}
}

// beside reads a value on the driver's pool, beside the driver. Behind a pooler, another attack may have left a setting
// on the connection that makes it fail, such as row_security = off: then it resets the session and reads again.
func (a *attempt) beside(drv *pgtenant.Driver, value any, text string) {
	var err error
	for range maxTries {
		if err = drv.Pool().QueryRow(a.ctx, text).Scan(value); err == nil {
			return
		}
		_, _ = drv.Pool().Exec(a.ctx, "reset all")
	}
	a.must(err)
}

func release(a *attempt) {
	tx := a.begin(a.mine, a.driver)
	for _, text := range []string{"savepoint inner_one", setTenant(a.victim.id, true), "release inner_one"} {
		a.must(a.exec(a.mine, tx, text))
	}
	a.require(own(), a.query(a.mine, tx, "select * from {table}"))
}

func endBehind(a *attempt) {
	for _, end := range []string{"commit", "rollback", "commit and chain", "rollback and chain"} {
		a.stepf("after %q", end)
		tx := a.begin(a.mine, a.driver)
		a.must(a.exec(a.mine, tx, "select 1"))
		_ = a.exec(a.mine, tx, end)
		write := a.exec(a.mine, tx, insert("{mine}"))
		_ = tx.Rollback()
		a.stepf("after %q and a write with %v", end, orNone(write))
		a.ownRows(a.driver)
		a.unwritten()
	}
}
