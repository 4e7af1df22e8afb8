package attack

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	return family{name: "driver", title: "The driver's states", scenarios: append(transactions(), failures()...)}
}

func transactions() []scenario {
	return []scenario{
		{
			id: "D01-foreign-in-transaction", does: "sends another tenant's statement in a tenant's transaction",
			required: "ErrTenantMismatch", once: (*harness).foreignInside,
		},
		{
			id:       "D02-no-tenant-in-transaction",
			does:     "sends a statement without a tenant in a tenant's transaction, and the reverse",
			required: "ErrTenantMismatch", once: (*harness).unsetInside,
		},
		{
			id: "D03-pool-in-transaction", does: "uses the pool's client inside InTx instead of the transaction's",
			required: "ErrPoolInTx", once: func(h *harness, ctx context.Context) error {
				return pgtenant.InTx(as(ctx, h.attacker.id), h.driver.Tx,
					func(ctx context.Context, _ dialect.Tx) error {
						return requireErr(query(ctx, h.driver, "select 1").err, pgtenant.ErrPoolInTx)
					})
			},
		},
		{
			id: "D04-nested-transaction", does: "begins a transaction inside InTx", required: "ErrNestedTx",
			once: func(h *harness, ctx context.Context) error {
				return pgtenant.InTx(as(ctx, h.attacker.id), h.driver.Tx,
					func(ctx context.Context, _ dialect.Tx) error {
						inner := pgtenant.InTx(ctx, h.driver.Tx, func(context.Context, dialect.Tx) error { return nil })
						return requireErr(inner, pgtenant.ErrNestedTx)
					})
			},
		},
		{
			id: "D05-after-the-end", does: "uses a transaction after its end", required: "sql.ErrTxDone",
			each: (*harness).afterTheEnd,
		},
		{
			id: "D06-panic", does: "panics inside InTx after a write", required: "nothing is written",
			each: (*harness).panics,
		},
		{
			id: "D07-query-mode", does: "configures a query mode that allows several statements in one text",
			required: "ErrConfig", once: func(h *harness, ctx context.Context) error {
				for _, mode := range []string{"simple_protocol", "describe_exec"} {
					drv, err := pgtenant.Open(ctx, h.kit.target.DSN, pgtenant.WithQueryMode(mode))
					if err == nil {
						_ = drv.Close()
					}
					byURL := h.refusedToOpen(ctx, "default_query_exec_mode="+mode)
					if err := errors.Join(requireErr(err, pgtenant.ErrConfig), byURL); err != nil {
						return err
					}
				}
				return nil
			},
		},
	}
}

func failures() []scenario {
	return []scenario{
		{
			id:       "D08-first-statement-fails",
			does:     "writes and rolls back after the transaction's first statement failed, in each way that it can fail",
			required: "nothing is written", each: (*harness).firstFails,
		},
		{
			id: "D09-commit-after-failure", does: "commits after a failed statement whose error was ignored",
			required: "ErrTxAborted, and nothing is written", each: (*harness).commitFailed,
		},
		{
			id: "D10-time-out", does: "writes more slowly than statement_timeout allows",
			required: "an error, and nothing is written", each: (*harness).timeOut,
		},
		{
			id: "D11-cancel", does: "cancels a write", required: "the context's error, and nothing is written",
			each: (*harness).canceled,
		},
		{
			id: "D12-cancel-then-next", does: "cancels statements and gives the connection to the other tenant",
			required: "each tenant gets its own rows", each: (*harness).cancelThenNext,
		},
		{
			id: "D13-late-failure", does: "fails after rows have been returned",
			required: "an error, not a shorter result", once: (*harness).lateFailure,
		},
		{
			id:       "D14-open-result",
			does:     "reads half of a result, gives the connection to the other tenant, and continues to read",
			required: "each tenant gets its own rows", each: (*harness).openResult,
		},
		{
			id: "D15-cut", does: "has the connection terminated during a write",
			required: "an error, nothing is written, and each tenant gets its own rows", privileged: true,
			each: (*harness).cut,
		},
	}
}

func (h *harness) unwritten(ctx context.Context, tb *table) error {
	digest, err := h.digest(ctx, h.attacker.id, tb)
	if err == nil && digest != h.attacker.digests[tb.Name] {
		return errors.New("rows were written")
	}
	return err
}

// write adds a row as the attacker, which changes the table's digest.
func (h *harness) write(tb *table) string { return h.spell(insert("{mine}"), tb, h.attacker.id) }

func (h *harness) slowWrite(tb *table) string {
	return h.spell(insert("{mine}")+", (select pg_sleep(10)) slow", tb, h.attacker.id)
}

func (h *harness) foreignInside(ctx context.Context) error {
	mine, tb := as(ctx, h.attacker.id), h.tables[0]
	return pgtenant.InTx(mine, h.driver.Tx, func(ctx context.Context, tx dialect.Tx) error {
		theirs := tenancy.With(tenancy.Detach(ctx), h.victim.id)
		for range 2 { // before the transaction has begun on the server, and after
			if err := requireErr(query(theirs, tx, "select * from "+tb.SQL).err,
				tenancy.ErrTenantMismatch); err != nil {
				return err
			}
			a := query(ctx, tx, "select * from "+tb.SQL)
			if err := errors.Join(own().check(a), h.victim.leaks(a.text(), "")); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *harness) unsetInside(ctx context.Context) error {
	err := pgtenant.InTx(as(ctx, h.attacker.id), h.driver.Tx, func(ctx context.Context, tx dialect.Tx) error {
		return requireErr(query(tenancy.Detach(ctx), tx, "select 1").err, tenancy.ErrTenantMismatch)
	})
	if err != nil {
		return err
	}
	return pgtenant.InTx(ctx, h.driver.Tx, func(ctx context.Context, tx dialect.Tx) error {
		return requireErr(query(tenancy.With(ctx, h.attacker.id), tx, "select 1").err, tenancy.ErrTenantMismatch)
	})
}

func (h *harness) afterTheEnd(ctx context.Context, tb *table) error {
	mine := as(ctx, h.attacker.id)
	for _, end := range []func(dialect.Tx) error{dialect.Tx.Commit, dialect.Tx.Rollback} {
		tx, err := h.driver.Tx(mine)
		if err != nil {
			return err
		}
		if err := errors.Join(tx.Exec(mine, "select 1", []any{}, nil), end(tx)); err != nil {
			return err
		}
		for _, text := range []string{"select * from " + tb.SQL, h.write(tb)} {
			if err := requireErr(query(mine, tx, text).err, sql.ErrTxDone); err != nil {
				return err
			}
		}
	}
	return h.unwritten(ctx, tb)
}

func (h *harness) panics(ctx context.Context, tb *table) (err error) {
	func() {
		defer func() { _ = recover() }()
		_ = pgtenant.InTx(as(ctx, h.attacker.id), h.driver.Tx, func(ctx context.Context, tx dialect.Tx) error {
			if err = tx.Exec(ctx, h.write(tb), []any{}, nil); err == nil {
				panic("after a write")
			}
			return err
		})
	}()
	return errors.Join(err, h.unwritten(ctx, tb), h.ownRows(ctx, h.driver, tb))
}

// firstFails lets the first batch of a transaction fail in parsing, encoding, execution and by cancellation. If the
// driver took its BEGIN as sent, later statements would commit outside a transaction.
func (h *harness) firstFails(ctx context.Context, tb *table) error {
	mine := as(ctx, h.attacker.id)
	for way, fail := range map[string]func(dialect.Tx) error{
		"by parse":      func(tx dialect.Tx) error { return tx.Exec(mine, "selec 1", []any{}, nil) },
		"by encoding":   func(tx dialect.Tx) error { return tx.Exec(mine, "select $1::int", []any{"no number"}, nil) },
		"by an unknown": func(tx dialect.Tx) error { return tx.Exec(mine, "select 1", []any{make(chan int)}, nil) },
		"in the server": func(tx dialect.Tx) error { return tx.Exec(mine, "select 1 / (select 0)", []any{}, nil) },
		"by cancelling": func(tx dialect.Tx) error {
			short, cancel := context.WithTimeout(mine, shortly)
			defer cancel()
			return tx.Exec(short, "select pg_sleep(5)", []any{}, nil)
		},
	} {
		err := h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
			tx, err := drv.Tx(mine)
			if err != nil {
				return err
			}
			failure := fail(tx)
			_ = tx.Exec(mine, h.write(tb), []any{}, nil)
			if err := errors.Join(tx.Rollback(), h.unwritten(ctx, tb)); err != nil || failure == nil {
				return fmt.Errorf("the first statement failed with %w: %w", orNone(failure), orNone(err))
			}
			return h.ownRows(ctx, drv, tb)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
	}
	return nil
}

func (h *harness) commitFailed(ctx context.Context, tb *table) error {
	mine := as(ctx, h.attacker.id)
	tx, err := h.driver.Tx(mine)
	if err != nil {
		return err
	}
	if err := tx.Exec(mine, h.write(tb), []any{}, nil); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Exec(mine, "select 1 / (select 0)", []any{}, nil); err == nil {
		return errors.Join(errors.New("a division by zero succeeded"), tx.Rollback())
	}
	return errors.Join(requireErr(tx.Commit(), pgtenant.ErrTxAborted), h.unwritten(ctx, tb))
}

func (h *harness) timeOut(ctx context.Context, tb *table) error {
	mine := as(ctx, h.attacker.id)
	err := pgtenant.InTx(mine, h.driver.Tx, func(ctx context.Context, tx dialect.Tx) error {
		if err := tx.Exec(ctx, "set local statement_timeout = 50", []any{}, nil); err != nil {
			return err
		}
		return tx.Exec(ctx, h.slowWrite(tb), []any{}, nil)
	})
	if code(err) != canceled || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("required: %s, and no context's error; got %w", canceled, orNone(err))
	}
	return h.unwritten(ctx, tb)
}

// canceled cancels a write that is known to run: a cancel that arrives before its statement is lost.
func (h *harness) canceled(ctx context.Context, tb *table) error {
	return h.withLogin(ctx, func(watcher *session) error {
		mine, cancel := context.WithCancel(as(ctx, h.attacker.id))
		defer cancel()
		write, ended := "/* canceled */ "+h.slowWrite(tb), make(chan error, 1)
		go func() { ended <- h.driver.Exec(mine, write, []any{}, nil) }()
		running := watcher.await(ctx, "pid", write)
		cancel()
		return errors.Join(requireErr(<-ended, context.Canceled), running, h.unwritten(ctx, tb))
	})
}

// cancelThenNext cancels at varying times. A statement whose cancel is lost succeeds; the next one counts.
func (h *harness) cancelThenNext(ctx context.Context, tb *table) error {
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		for range 3 {
			short, cancel := context.WithTimeout(as(ctx, h.victim.id), shortly/2)
			err := query(short, drv, "select *, (select pg_sleep(1)) from "+tb.SQL).err
			cancel()
			if err != nil {
				err = requireErr(err, context.DeadlineExceeded)
			}
			if err := errors.Join(err, h.ownRows(ctx, drv, tb)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *harness) lateFailure(ctx context.Context) error {
	a := query(as(ctx, h.attacker.id), h.driver, "select 1 / (50000 - n) from generate_series(1, 100000) n")
	if len(a.rows) == 0 {
		return fmt.Errorf("no row was returned before the failure: %w", orNone(a.err))
	}
	return refused(divisionBy0).check(a)
}

func (h *harness) openResult(ctx context.Context, tb *table) error {
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		for _, end := range []func(dialect.Tx) error{dialect.Tx.Commit, dialect.Tx.Rollback} {
			r, err := halfRead(as(ctx, h.victim.id), drv, end)
			if err != nil {
				return err
			}
			if err := h.ownRows(ctx, drv, tb); err != nil {
				return err
			}
			var n int
			if r.Scan(&n) == nil || r.Next() {
				return errors.New("the result can be read after its transaction ended")
			}
			_ = r.Close()
		}
		return nil
	})
}

// halfRead reads one row of a result and ends the transaction.
func halfRead(ctx context.Context, drv *pgtenant.Driver, end func(dialect.Tx) error) (*entsql.Rows, error) {
	tx, err := drv.Tx(ctx)
	if err != nil {
		return nil, err
	}
	r := &entsql.Rows{}
	if err := tx.Query(ctx, "select generate_series(1, 10000)", []any{}, r); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	r.Next()
	_ = end(tx) // a commit is refused here, a rollback not; the connection must be clean after either
	return r, nil
}

func (h *harness) cut(ctx context.Context, tb *table) error {
	super, err := login(ctx, h.kit.target.Superuser)
	if err != nil {
		return err
	}
	defer super.close(ctx)
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		mine, ended := as(ctx, h.attacker.id), make(chan error, 1)
		write := "/* cut */ " + h.slowWrite(tb) // apart from other attacks' that are still ending
		go func() { ended <- drv.Exec(mine, write, []any{}, nil) }()
		terminated := super.await(ctx, "pg_terminate_backend(pid)", write)
		if err := <-ended; err == nil {
			return errors.New("a write whose connection was terminated reported success")
		}
		return errors.Join(terminated, h.unwritten(ctx, tb), h.ownRows(ctx, drv, tb))
	})
}

// await waits until a statement sleeps, and selects something about its connection. It finds the connection by the start
// of the text, which is all that the server shows: behind a pooler, statements change connections.
func (s *session) await(ctx context.Context, what, text string) error {
	for range 100 {
		a := s.do(ctx, "select "+what+" from pg_stat_activity where pid <> pg_backend_pid() and wait_event = 'PgSleep'"+
			" and datname = current_database() and query <> '' and starts_with("+rls.Literal(text)+", query)")
		if a.err != nil || len(a.rows) > 0 {
			return a.err
		}
		time.Sleep(shortly)
	}
	return errors.New("the statement is not running")
}
