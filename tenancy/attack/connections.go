package attack

import (
	"context"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func connections() family {
	return family{name: "connection", title: "Prepared statements, cursors and channels", scenarios: []scenario{
		each("A68-planted-statement", "prepares its own SQL under the name of a statement that the driver has prepared",
			"the planted SQL runs for no other tenant, in any query mode", planted),
		once("A68-execute", "executes a statement that another tenant has prepared", "refused, 26000",
			notLeft("prepare left_behind as select 'left behind'", "execute left_behind", refused("26000"))),
		once("A34-cursor-by-driver",
			"fetches from a cursor WITH HOLD that another tenant has declared through the driver", "refused, 34000",
			notLeft("declare left_behind cursor with hold for select * from {table}", "fetch all from left_behind",
				refused("34000"))),
		once("A71-listen", "listens on a channel, and leaves the connection listening",
			"the next tenant's connection does not listen",
			notLeft("listen left_behind", "select * from pg_listening_channels()", nothing())),
		once("A71-flood",
			"floods a listening connection with notifications, which the client could queue without bound",
			"none is queued", flood),
		once("A68-forget", "deallocates the statements that the driver has prepared",
			"the next statement works, and each tenant gets its own rows", forget),
		once("A68-other-commands", "runs commands that are neither a query nor a change of rows",
			"the connection is destroyed; one that ran queries and changes only is kept", otherCommands),
	}}
}

func queryModes() []string { return []string{"cache_statement", "cache_describe", "exec"} }

// inEachMode calls do with a driver on one connection to the server, in each query mode.
func (a *attempt) inEachMode(do func(*pgtenant.Driver)) {
	for _, mode := range queryModes() {
		a.where = "query mode " + mode + ": "
		do(a.direct(pgtenant.WithQueryMode(mode)))
	}
	a.where, a.step = "", ""
}

// inEachDriver is inEachMode, and the driver as the product opens it, which may use a pooler.
func (a *attempt) inEachDriver(do func(*pgtenant.Driver)) {
	a.inEachMode(do)
	do(a.open())
}

// planted replaces the statement that the driver prepared for a text, and has other callers send that text.
func planted(a *attempt) {
	a.inEachDriver(func(drv *pgtenant.Driver) {
		for i, plant := range a.plantings(drv) {
			// Each way uses another text, so that it can't profit from what the last one left.
			text := fmt.Sprintf("select %s::text as key_%d from %s", a.tb.Key, i, a.tb.SQL)
			name := a.preparedName(drv, text)
			plant("deallocate "+name, "prepare "+name+" as select 'planted'")
			for _, c := range slices.Backward(a.callers()) { // the planter last, whose statement could be prepared again
				a.step = c.says + ": "
				got := a.query(c.ctx, drv, text)
				a.must(got.err)
				if len(got.rows) > 0 && got.rows[0][0] == "planted" {
					a.failf("the planted statement was executed")
				}
				if len(got.rows) != c.rows {
					a.failf("%d rows instead of %d", len(got.rows), c.rows)
				}
			}
		}
		a.ownRows(drv)
	})
}

// plantings run the planting statements alone, and in a transaction that commits, rolls back or fails. Prepared
// statements survive all of them. Which ones the server accepts depends on the query mode.
func (a *attempt) plantings(drv *pgtenant.Driver) []func(steps ...string) {
	inside := func(end func(dialect.Tx) error, last ...string) func(...string) {
		return func(steps ...string) {
			for _, from := range []int{0, 1} { // with the name taken, and with no such name
				tx := a.begin(a.mine, drv)
				for _, step := range slices.Concat(steps[from:], last) {
					_ = a.exec(a.mine, tx, step)
				}
				_ = end(tx)
			}
		}
	}
	return []func(...string){
		func(steps ...string) {
			for _, step := range steps {
				_ = a.exec(a.mine, drv, step)
			}
		},
		inside(dialect.Tx.Commit), inside(dialect.Tx.Rollback), inside(dialect.Tx.Rollback, "select 1 / (select 0)"),
	}
}

// preparedName returns the server's name for the statement that the driver prepared for a text or, in query modes
// without names, would prepare in the mode cache_statement.
func (a *attempt) preparedName(drv *pgtenant.Driver, text string) string {
	for range 2 { // so that the text is prepared
		a.query(a.mine, drv, text)
	}
	got := a.query(a.mine, drv, "select name from pg_prepared_statements where statement = "+rls.Literal(text))
	if got.err == nil && len(got.rows) == 1 {
		return rls.Quote(got.rows[0][0])
	}
	return rls.Quote("konstruct_5")
}

// notLeft has the other tenant leave something, by a statement and in a transaction. It requires what a search for it
// then gets. It uses direct connections: server sessions behind a pooler are shared by design, an accepted risk.
func notLeft(leave, read string, want expectation) func(*attempt) {
	return func(a *attempt) {
		a.inEachMode(func(drv *pgtenant.Driver) {
			a.must(a.runInTx(a.theirs, drv, dialect.Tx.Commit, leave))
			for _, c := range a.others() {
				a.require(want, a.query(c.ctx, drv, read))
			}
			a.ownRows(drv)
		})
	}
}

// flood makes a connection listen through the pool, beside the driver, and sends it notifications.
func flood(a *attempt) {
	a.inEachMode(func(drv *pgtenant.Driver) {
		_, err := drv.Pool().Exec(a.ctx, "listen konstruct_flood")
		a.must(err, a.do(a.raw,
			"select pg_notify('konstruct_flood', n::text || repeat('x', 1000)) from generate_series(1, 100) n").err)
		a.ownRows(drv)
		a.must(drv.Pool().AcquireFunc(a.ctx, func(conn *pgxpool.Conn) error {
			short, cancel := context.WithTimeout(a.ctx, time.Millisecond)
			defer cancel()
			if n, err := conn.Conn().WaitForNotification(short); err == nil {
				return fmt.Errorf("a notification of %d bytes is queued", len(n.Payload))
			}
			return nil
		}))
	})
}

func forget(a *attempt) {
	a.inEachDriver(func(drv *pgtenant.Driver) {
		for _, text := range []string{"deallocate all", "discard plans", "deallocate prepare all"} {
			for _, forget := range []func() error{
				func() error { return a.exec(a.mine, drv, text) },
				func() error { return a.runInTx(a.mine, drv, dialect.Tx.Rollback, text) },
			} {
				a.stepf("%q", text)
				a.ownRows(drv)
				a.ownRows(drv) // the texts are prepared, and then sent by name
				a.must(forget())
				a.ownRows(drv)
			}
		}
	})
}

// otherCommands requires a new server process after a command that could leave something behind, and the same one after
// queries and changes.
func otherCommands(a *attempt) {
	a.inEachMode(func(drv *pgtenant.Driver) {
		for _, text := range []string{
			"select 1", "values (1)", "with x as (select 1) select * from x", "table pg_catalog.pg_class",
			"select * from {table}", "update {table} set tenant_id = tenant_id", "delete from {table} where false",
			insert("{mine}") + " where false",
			"merge into {table} t using (select 1) s on false when matched then delete",
		} {
			a.keepsConn(drv, true, text)
		}
		for _, text := range []string{
			"prepare left_behind as select 1", "deallocate all", "listen left_behind", "unlisten *",
			"set local lock_timeout = 1", "show lock_timeout", "reset lock_timeout",
			"savepoint one", "declare left_behind cursor for select 1", "explain select 1", "discard plans",
			"lock table {table} in access share mode", "set constraints all deferred", "notify left_behind",
			"checkpoint", "call nothing()", "set transaction read only", "load 'nothing'",
		} {
			a.keepsConn(drv, false, text)
		}
		a.ownRows(drv)
	})
}

// keepsConn compares the server process before and after a transaction that is rolled back. A refused statement has
// done nothing, so its connection may be kept.
func (a *attempt) keepsConn(drv *pgtenant.Driver, kept bool, text string) {
	const process = "select pg_backend_pid()"
	a.stepf("after %q", text)
	before := a.query(a.mine, drv, process)
	tx := a.begin(a.mine, drv)
	done := a.query(a.mine, tx, text)
	a.must(tx.Rollback())
	after := a.query(a.mine, drv, process)
	a.must(before.err, after.err)
	same := before.rows[0][0] == after.rows[0][0]
	if kept && (done.err != nil || !same) || !kept && done.err == nil && same {
		a.failf("the connection is kept: %t, required: %t: %v", same, kept, orNone(done.err))
	}
}
