package attack

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// shortly is time enough for a statement to begin.
const shortly = 50 * time.Millisecond

func driverStates() family {
	const nothingWritten = "nothing is written"
	cut := each("D15-cut", "has the connection terminated during a write",
		"an error, nothing is written, and each tenant gets its own rows", cut)
	cut.privileged = true
	return family{name: "driver", title: "The driver's states", scenarios: []scenario{
		once("D01-foreign-in-transaction", "sends another tenant's statement in a tenant's transaction",
			"ErrTenantMismatch", foreignInside),
		once("D02-no-tenant-in-transaction",
			"sends a statement without a tenant in a tenant's transaction, and the reverse", "ErrTenantMismatch",
			unsetInside),
		once("D03-pool-in-transaction", "uses the pool's client inside InTx instead of the transaction's",
			"ErrPoolInTx", func(a *attempt) {
				a.inTx(a.mine, func(ctx context.Context, _ dialect.Tx) {
					a.sendsNothing(ctx, a.driver, pgtenant.ErrPoolInTx)
				})
			}),
		once("D04-nested-transaction", "begins a transaction inside InTx", "ErrNestedTx", func(a *attempt) {
			a.inTx(a.mine, func(ctx context.Context, _ dialect.Tx) {
				inner := pgtenant.InTx(ctx, a.driver.Tx, func(context.Context, dialect.Tx) error { return nil })
				a.requireErr(inner, pgtenant.ErrNestedTx)
			})
		}),
		each("D05-after-the-end", "uses a transaction after its end", "sql.ErrTxDone", afterTheEnd),
		each("D06-panic", "panics inside InTx after a write", nothingWritten, panics),
		once("D07-query-mode", "configures a query mode that allows several statements in one text", "ErrConfig",
			unsafeModes),
		each("D08-first-statement-fails",
			"writes and rolls back after the transaction's first statement failed, in each way that it can fail",
			nothingWritten, firstFails),
		each("D09-commit-after-failure", "commits after a failed statement whose error was ignored",
			"ErrTxAborted, and nothing is written", commitFailed),
		each("D10-time-out", "writes more slowly than statement_timeout allows", "an error, and nothing is written",
			timeOut),
		each("D11-cancel", "cancels a write", "the context's error, and nothing is written", cancelWrite),
		each("D12-cancel-then-next", "cancels statements and gives the connection to the other tenant",
			"each tenant gets its own rows", cancelThenNext),
		once("D13-late-failure", "fails after rows have been returned", "an error, not a shorter result", lateFailure),
		each("D14-open-result",
			"reads half of a result, gives the connection to the other tenant, and continues to read",
			"each tenant gets its own rows", openResult),
		cut,
	}}
}

func slowWrite() string { return insert("{mine}") + ", (select pg_sleep(10)) slow" }

func (a *attempt) inTx(ctx context.Context, do func(context.Context, dialect.Tx)) {
	a.must(pgtenant.InTx(ctx, a.driver.Tx, func(ctx context.Context, tx dialect.Tx) error {
		do(ctx, tx)
		return nil
	}))
}

func foreignInside(a *attempt) {
	a.inTx(a.mine, func(ctx context.Context, tx dialect.Tx) {
		for range 2 { // before the transaction has begun on the server, and after
			a.sendsNothing(tenancy.With(tenancy.Detach(ctx), a.victim.id), tx, tenancy.ErrTenantMismatch)
			a.require(own(), a.query(ctx, tx, "select * from {table}"))
		}
	})
}

func unsetInside(a *attempt) {
	a.inTx(a.mine, func(ctx context.Context, tx dialect.Tx) {
		a.sendsNothing(tenancy.Detach(ctx), tx, tenancy.ErrTenantMismatch)
	})
	a.inTx(a.ctx, func(ctx context.Context, tx dialect.Tx) {
		a.sendsNothing(tenancy.With(ctx, a.attacker.id), tx, tenancy.ErrTenantMismatch)
	})
}

func afterTheEnd(a *attempt) {
	for _, end := range ends() {
		tx := a.begin(a.mine, a.driver)
		a.must(a.exec(a.mine, tx, "select 1"), end(tx))
		for _, text := range []string{"select * from {table}", insert("{mine}")} {
			a.requireErr(a.query(a.mine, tx, text).err, sql.ErrTxDone)
		}
	}
	a.unwritten()
}

func panics(a *attempt) {
	func() {
		defer func() { _ = recover() }()
		a.inTx(a.mine, func(ctx context.Context, tx dialect.Tx) {
			a.must(a.exec(ctx, tx, insert("{mine}")))
			panic("after a write")
		})
	}()
	a.unwritten()
	a.ownRows(a.driver)
}

func unsafeModes(a *attempt) {
	for _, mode := range []string{"simple_protocol", "describe_exec"} {
		drv, err := pgtenant.Open(a.ctx, a.kit.target.DSN, pgtenant.WithQueryMode(mode))
		if err == nil {
			_ = drv.Close()
		}
		a.requireErr(err, pgtenant.ErrConfig)
		a.refusedToOpen("default_query_exec_mode=" + mode)
	}
}

// firstFails lets the first batch of a transaction fail in parsing, encoding, execution and by cancellation. If the
// driver took its BEGIN as sent, later statements would commit outside a transaction.
func firstFails(a *attempt) {
	for way, fail := range map[string]func(dialect.Tx) error{
		"by parse":      func(tx dialect.Tx) error { return tx.Exec(a.mine, "selec 1", []any{}, nil) },
		"by encoding":   func(tx dialect.Tx) error { return tx.Exec(a.mine, "select $1::int", []any{"no number"}, nil) },
		"by an unknown": func(tx dialect.Tx) error { return tx.Exec(a.mine, "select 1", []any{make(chan int)}, nil) },
		"in the server": func(tx dialect.Tx) error { return tx.Exec(a.mine, "select 1 / (select 0)", []any{}, nil) },
		"by cancelling": func(tx dialect.Tx) error {
			short, cancel := context.WithTimeout(a.mine, shortly)
			defer cancel()
			return tx.Exec(short, "select pg_sleep(5)", []any{}, nil)
		},
	} {
		a.stepf("%s", way)
		drv := a.open()
		tx := a.begin(a.mine, drv)
		failure := fail(tx)
		_ = a.exec(a.mine, tx, insert("{mine}"))
		a.must(tx.Rollback())
		a.stepf("%s: the first statement failed with %v", way, orNone(failure))
		a.unwritten()
		if failure == nil {
			a.failf("it must fail")
		}
		a.ownRows(drv)
	}
}

func commitFailed(a *attempt) {
	tx := a.begin(a.mine, a.driver)
	a.must(a.exec(a.mine, tx, insert("{mine}")))
	if a.exec(a.mine, tx, "select 1 / (select 0)") == nil {
		a.failf("a division by zero succeeded")
	}
	a.requireErr(tx.Commit(), pgtenant.ErrTxAborted)
	a.unwritten()
}

func timeOut(a *attempt) {
	err := pgtenant.InTx(a.mine, a.driver.Tx, func(ctx context.Context, tx dialect.Tx) error {
		a.must(a.exec(ctx, tx, "set local statement_timeout = 50"))
		return a.exec(ctx, tx, slowWrite())
	})
	if code(err) != canceled || errors.Is(err, context.DeadlineExceeded) {
		a.failf("required: %s, and no context's error; got %v", canceled, orNone(err))
	}
	a.unwritten()
}

// cancelWrite cancels a write that is known to run: a cancel that arrives before its statement is lost.
func cancelWrite(a *attempt) {
	mine, cancel := context.WithCancel(a.mine)
	defer cancel()
	ended := a.writing(mine, a.driver, a.login(a.kit.target.DSN), "canceled", "pid")
	cancel()
	a.requireErr(<-ended, context.Canceled)
	a.unwritten()
}

// cancelThenNext cancels at varying times. A statement whose cancel is lost succeeds; the next one counts.
func cancelThenNext(a *attempt) {
	drv := a.open()
	for range 3 {
		short, cancel := context.WithTimeout(a.theirs, shortly/2)
		err := a.query(short, drv, "select *, (select pg_sleep(1)) from {table}").err
		cancel()
		if err != nil {
			a.requireErr(err, context.DeadlineExceeded)
		}
		a.ownRows(drv)
	}
}

func lateFailure(a *attempt) {
	got := a.query(a.mine, a.driver, "select 1 / (50000 - n) from generate_series(1, 100000) n")
	if len(got.rows) == 0 {
		a.failf("no row was returned before the failure: %v", orNone(got.err))
	}
	a.require(refused(divisionBy0), got)
}

func openResult(a *attempt) {
	drv := a.open()
	for _, end := range ends() {
		tx := a.begin(a.theirs, drv)
		var r entsql.Rows
		a.must(tx.Query(a.theirs, "select generate_series(1, 10000)", []any{}, &r))
		r.Next()
		_ = end(tx) // a commit is refused here, a rollback not; the connection must be clean after either
		a.ownRows(drv)
		var n int
		if r.Scan(&n) == nil || r.Next() {
			a.failf("the result can be read after its transaction ended")
		}
		_ = r.Close()
	}
}

func cut(a *attempt) {
	drv := a.open()
	ended := a.writing(a.mine, drv, a.login(a.kit.target.Superuser), "cut", "pg_terminate_backend(pid)")
	if <-ended == nil {
		a.failf("a write whose connection was terminated reported success")
	}
	a.unwritten()
	a.ownRows(drv)
}

// writing begins a slow write through the driver, and waits until a session has selected something about the
// connection that runs it. It finds the connection by the start of the text, which is all that the server shows: behind
// a pooler, statements change connections. The word distinguishes the write from those of other attacks that
// are still ending.
func (a *attempt) writing(
	ctx context.Context, drv *pgtenant.Driver, watcher *session, word, what string,
) <-chan error {
	write := a.spell(ctx, "/* "+word+" */ "+slowWrite())
	ended := make(chan error, 1)
	go func() { ended <- drv.Exec(ctx, write, []any{}, nil) }()
	for range 100 {
		got := a.do(watcher, "select "+what+" from pg_stat_activity where pid <> pg_backend_pid()"+
			" and wait_event = 'PgSleep' and datname = current_database() and query <> ''"+
			" and starts_with("+rls.Literal(write)+", query)")
		a.must(got.err)
		if len(got.rows) > 0 {
			return ended
		}
		time.Sleep(shortly)
	}
	a.failf("the statement is not running")
	return ended
}
