package attack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func connections() family {
	return family{name: "connection", title: "Prepared statements, cursors and channels", scenarios: []scenario{
		{
			id:       "A68-planted-statement",
			does:     "prepares its own SQL under the name of a statement that the driver has prepared",
			required: "the planted SQL runs for no other tenant, in any query mode", each: (*harness).planted,
		},
		{
			id: "A68-execute", does: "executes a statement that another tenant has prepared",
			required: "refused, 26000", once: func(h *harness, ctx context.Context) error {
				return h.notLeft(ctx, "prepare left_behind as select 'left behind'",
					"execute left_behind", undefinedStatement)
			},
		},
		{
			id:       "A34-cursor-by-driver",
			does:     "fetches from a cursor WITH HOLD that another tenant has declared through the driver",
			required: "refused, 34000", once: func(h *harness, ctx context.Context) error {
				hold := h.spell("declare left_behind cursor with hold for select * from {table}",
					h.tables[0], h.victim.id)
				return h.notLeft(ctx, hold, "fetch all from left_behind", undefinedCursor)
			},
		},
		{
			id: "A71-listen", does: "listens on a channel, and leaves the connection listening",
			required: "the next tenant's connection does not listen",
			once: func(h *harness, ctx context.Context) error {
				return h.notLeft(ctx, "listen left_behind", "select * from pg_listening_channels()", "")
			},
		},
		{
			id:       "A71-flood",
			does:     "floods a listening connection with notifications, which the client could queue without bound",
			required: "none is queued", once: (*harness).flood,
		},
		{
			id: "A68-forget", does: "deallocates the statements that the driver has prepared",
			required: "the next statement works, and each tenant gets its own rows", once: (*harness).forget,
		},
		{
			id: "A68-other-commands", does: "runs commands that are neither a query nor a change of rows",
			required: "the connection is destroyed; one that ran queries and changes only is kept",
			once:     (*harness).otherCommands,
		},
	}}
}

const (
	undefinedStatement = "26000"
	undefinedCursor    = "34000"
)

func queryModes() []string { return []string{"cache_statement", "cache_describe", "exec"} }

// direct opens a driver with one connection to the server.
func (h *harness) direct(ctx context.Context, do func(*pgtenant.Driver) error, opts ...pgtenant.Option) error {
	drv, err := pgtenant.Open(ctx, h.kit.target.DSN, append(opts, pgtenant.WithMaxConns(1))...)
	if err != nil {
		return err
	}
	defer func() { _ = drv.Close() }()
	return do(drv)
}

func (h *harness) inEachMode(ctx context.Context, do func(*pgtenant.Driver) error) error {
	for _, mode := range queryModes() {
		if err := h.direct(ctx, do, pgtenant.WithQueryMode(mode)); err != nil {
			return fmt.Errorf("query mode %s: %w", mode, err)
		}
	}
	return nil
}

// inEachDriver is inEachMode, and the driver as the product opens it, which may use a pooler.
func (h *harness) inEachDriver(ctx context.Context, do func(*pgtenant.Driver) error) error {
	if err := h.inEachMode(ctx, do); err != nil {
		return err
	}
	return h.withOneConn(ctx, do)
}

// planted replaces the statement that the driver prepared for a text, and has other callers send that text.
func (h *harness) planted(ctx context.Context, tb *table) error {
	const word = "planted"
	mine := as(ctx, h.attacker.id)
	return h.inEachDriver(ctx, func(drv *pgtenant.Driver) error {
		for i, plant := range plantings() {
			// Each way uses another text, so that it can't profit from what the last one left.
			text := fmt.Sprintf("select %s::text as key_%d from %s", tb.Key, i, tb.SQL)
			name := preparedName(mine, drv, text)
			if err := plant(mine, drv, "deallocate "+name, "prepare "+name+" as select '"+word+"'"); err != nil {
				return err
			}
			if err := h.notPlanted(ctx, drv, tb, text, word); err != nil {
				return err
			}
		}
		return h.ownRows(ctx, drv, tb)
	})
}

// plantings run the planting statements alone, and in a transaction that commits, rolls back or fails. Prepared
// statements survive all of them. Which ones the server accepts depends on the query mode.
func plantings() []func(context.Context, *pgtenant.Driver, ...string) error {
	inside := func(
		end func(dialect.Tx) error, last ...string,
	) func(context.Context, *pgtenant.Driver, ...string) error {
		return func(ctx context.Context, drv *pgtenant.Driver, steps ...string) error {
			for _, from := range []int{0, 1} { // with the name taken, and with no such name
				tx, err := drv.Tx(ctx)
				if err != nil {
					return err
				}
				for _, step := range append(append([]string{}, steps[from:]...), last...) {
					_ = tx.Exec(ctx, step, []any{}, nil)
				}
				_ = end(tx)
			}
			return nil
		}
	}
	return []func(context.Context, *pgtenant.Driver, ...string) error{
		func(ctx context.Context, drv *pgtenant.Driver, steps ...string) error {
			for _, step := range steps {
				_ = drv.Exec(ctx, step, []any{}, nil)
			}
			return nil
		},
		inside(dialect.Tx.Commit), inside(dialect.Tx.Rollback), inside(dialect.Tx.Rollback, "select 1 / (select 0)"),
	}
}

// preparedName returns the server's name for the statement that the driver prepared for a text or, in query modes
// without names, would prepare in the mode cache_statement.
func preparedName(ctx context.Context, drv *pgtenant.Driver, text string) string {
	for range 2 { // so that the text is prepared
		query(ctx, drv, text)
	}
	a := query(ctx, drv, "select name from pg_prepared_statements where statement = "+rls.Literal(text))
	if a.err == nil && len(a.rows) == 1 {
		return rls.Quote(a.rows[0][0])
	}
	return rls.Quote("konstruct_5")
}

func (h *harness) notPlanted(ctx context.Context, drv *pgtenant.Driver, tb *table, text, word string) error {
	for _, c := range []struct {
		says string
		id   tenancy.ID
		rows string
	}{
		{"the other tenant", h.victim.id, h.victim.digests[tb.Name]},
		{"the attacker", h.attacker.id, h.attacker.digests[tb.Name]},
		{"no tenant", tenancy.ID{}, "0"},
	} {
		a := query(as(ctx, c.id), drv, text)
		if a.err != nil {
			return fmt.Errorf("%s: %w", c.says, a.err)
		}
		if len(a.rows) > 0 && a.rows[0][0] == word {
			return fmt.Errorf("%s: the planted statement was executed", c.says)
		}
		if n, err := rowsIn(c.rows); err != nil || n != len(a.rows) {
			return fmt.Errorf("%s: %d rows instead of %d", c.says, len(a.rows), n)
		}
	}
	return nil
}

// notLeft has the other tenant leave something, by a statement and in a transaction. A search for it must then be
// refused with the code, or find no row. It uses direct connections: server sessions behind a pooler are shared by
// design, an accepted risk.
func (h *harness) notLeft(ctx context.Context, leave, read, refusal string) error {
	theirs := as(ctx, h.victim.id)
	want := nothing()
	if refusal != "" {
		want = refused(refusal)
	}
	return h.inEachMode(ctx, func(drv *pgtenant.Driver) error {
		if err := runInTx(theirs, drv, dialect.Tx.Commit, leave); err != nil {
			return err
		}
		for _, id := range []tenancy.ID{h.attacker.id, {}} {
			a := query(as(ctx, id), drv, read)
			if err := errors.Join(want.check(a), h.victim.leaks(a.text(), "")); err != nil {
				return err
			}
		}
		return h.ownRows(ctx, drv, h.tables[0])
	})
}

// flood makes a connection listen through the pool, beside the driver, and sends it notifications.
func (h *harness) flood(ctx context.Context) error {
	return h.inEachMode(ctx, func(drv *pgtenant.Driver) error {
		if _, err := drv.Pool().Exec(ctx, "listen konstruct_flood"); err != nil {
			return err
		}
		flood := "select pg_notify('konstruct_flood', n::text || repeat('x', 1000)) from generate_series(1, 100) n"
		if err := h.raw.do(ctx, flood).err; err != nil {
			return err
		}
		if err := h.ownRows(ctx, drv, h.tables[0]); err != nil {
			return err
		}
		return drv.Pool().AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			if n, err := conn.Conn().WaitForNotification(short); err == nil {
				return fmt.Errorf("a notification of %d bytes is queued", len(n.Payload))
			}
			return nil
		})
	})
}

func (h *harness) forget(ctx context.Context) error {
	tb := h.tables[0]
	return h.inEachDriver(ctx, func(drv *pgtenant.Driver) error {
		for _, text := range []string{"deallocate all", "discard plans", "deallocate prepare all"} {
			for _, forget := range []func(context.Context) error{
				func(ctx context.Context) error { return drv.Exec(ctx, text, []any{}, nil) },
				func(ctx context.Context) error { return runInTx(ctx, drv, dialect.Tx.Rollback, text) },
			} {
				// The texts are prepared, and then sent by name.
				err := errors.Join(
					h.ownRows(ctx, drv, tb), h.ownRows(ctx, drv, tb),
					forget(as(ctx, h.attacker.id)), h.ownRows(ctx, drv, tb))
				if err != nil {
					return fmt.Errorf("%q: %w", text, err)
				}
			}
		}
		return nil
	})
}

// otherCommands requires a new server process after a command that could leave something behind, and the same one after
// queries and changes.
func (h *harness) otherCommands(ctx context.Context) error {
	mine, tb := as(ctx, h.attacker.id), h.tables[0]
	return h.inEachMode(ctx, func(drv *pgtenant.Driver) error {
		for _, text := range []string{
			"select 1", "values (1)", "with x as (select 1) select * from x", "table pg_catalog.pg_class",
			h.spell("select * from {table}", tb, h.attacker.id),
			h.spell("update {table} set tenant_id = tenant_id", tb, h.attacker.id),
			h.spell("delete from {table} where false", tb, h.attacker.id),
			h.spell(insert("{mine}")+" where false", tb, h.attacker.id),
			h.spell("merge into {table} t using (select 1) s on false when matched then delete", tb, h.attacker.id),
		} {
			if err := h.keepsConn(mine, drv, true, text); err != nil {
				return err
			}
		}
		for _, text := range []string{
			"prepare left_behind as select 1", "deallocate all", "listen left_behind", "unlisten *",
			"set local lock_timeout = 1", "show lock_timeout", "reset lock_timeout",
			"savepoint one", "declare left_behind cursor for select 1", "explain select 1", "discard plans",
			"lock table " + tb.SQL + " in access share mode", "set constraints all deferred", "notify left_behind",
			"checkpoint", "call nothing()", "set transaction read only", "load 'nothing'",
		} {
			if err := h.keepsConn(mine, drv, false, text); err != nil {
				return err
			}
		}
		return h.ownRows(ctx, drv, tb)
	})
}

// keepsConn compares the server process before and after a transaction that is rolled back. A refused statement has
// done nothing, so its connection may be kept.
func (h *harness) keepsConn(ctx context.Context, drv *pgtenant.Driver, kept bool, text string) error {
	const process = "select pg_backend_pid()"
	before := query(ctx, drv, process)
	tx, err := drv.Tx(ctx)
	if err != nil {
		return err
	}
	done := query(ctx, tx, text)
	if err := tx.Rollback(); err != nil {
		return err
	}
	after := query(ctx, drv, process)
	if err := errors.Join(before.err, after.err); err != nil {
		return err
	}
	same := before.rows[0][0] == after.rows[0][0]
	if kept && (done.err != nil || !same) || !kept && done.err == nil && same {
		return fmt.Errorf("after %q: the connection is kept: %t, required: %t: %w", text, same, kept, orNone(done.err))
	}
	return nil
}
