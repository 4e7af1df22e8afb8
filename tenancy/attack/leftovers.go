package attack

import (
	"context"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

const poisonings = 20

func leftovers() family {
	return family{name: "leftovers", title: "State left on a connection", scenarios: []scenario{
		{
			id: "A29-poisoned", does: "sets a tenant for the whole session on a pooled connection, beside the driver",
			required: "each tenant gets its own rows; without a tenant there are none", each: (*harness).poisoned,
		},
		{
			id:       "A29-poisoned-by-statement",
			does:     "sets another tenant for the whole session by a statement through the driver",
			required: "each tenant gets its own rows; without a tenant there are none",
			each:     (*harness).poisonedByStatement,
		},
		{
			id:       "A29-after-the-driver",
			does:     "uses a pooled connection directly, after a tenant's statements and transactions on it",
			required: "the tenant is not set, and none of its rows are returned", each: (*harness).afterTheDriver,
		},
		{
			id: "A30-release", does: "changes the tenant inside a savepoint and releases it",
			required: "the next statement runs under its own tenant", each: (*harness).release,
		},
		{
			id: "A31-end-of-transaction", does: "ends the transaction by a statement instead of the driver",
			required: "later statements have no effect", once: (*harness).endBehind,
		},
		{
			id: "A31-begin", does: "begins a transaction by a statement and leaves it open",
			required: "ErrTxLeftOpen; the connection is destroyed", once: (*harness).leftOpen,
		},
		{
			id: "A34-temp-table", does: "leaves a temporary table with rows", required: "refused, 42501",
			each: func(h *harness, ctx context.Context, tb *table) error {
				err := h.driver.Exec(as(ctx, h.victim.id),
					"create temp table left_behind as select * from "+tb.SQL, []any{}, nil)
				return refused(denied).check(answer{err: err})
			},
		},
		{
			id: "A34-session-lock", does: "leaves a session's advisory lock", required: "refused, 42501",
			once: func(h *harness, ctx context.Context) error {
				return refused(denied).check(query(as(ctx, h.victim.id), h.driver, "select pg_advisory_lock(7)"))
			},
		},
		{
			id:       "A34-held-cursor",
			does:     "declares a cursor WITH HOLD beside the driver and fetches from it later in the same session",
			required: "the rows are returned: a session that is not released keeps its cursors",
			accepted: "session-state", each: (*harness).heldCursor,
		},
	}}
}

func (h *harness) poisoned(ctx context.Context, tb *table) error {
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		// The attack could succeed: without the driver, the poisoned connection returns the other tenant's rows.
		if err := h.poison(ctx, drv, tb); err != nil {
			return err
		}
		return h.ownRows(ctx, drv, tb)
	})
}

// poison sets the other tenant on connections until one returns its rows: behind a pooler, statements change
// connections.
func (h *harness) poison(ctx context.Context, drv *pgtenant.Driver, tb *table) error {
	for range poisonings {
		if _, err := drv.Pool().Exec(ctx, "select set_config($1, $2, false)",
			rls.Setting, h.victim.id.String()); err != nil {
			return err
		}
		var rows int
		if err := drv.Pool().QueryRow(ctx, "select count(*) from "+tb.SQL).Scan(&rows); err != nil {
			return err
		}
		if rows > 0 {
			return nil
		}
	}
	return errors.New("a session-level setting has no effect, so nothing was proven")
}

func (h *harness) poisonedByStatement(ctx context.Context, tb *table) error {
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		for _, text := range []string{
			setTenant(h.victim.id, false), "set session " + rls.Setting + " = " + rls.Literal(h.victim.id.String()),
		} {
			for _, id := range []tenancy.ID{h.attacker.id, {}} {
				if err := drv.Exec(as(ctx, id), text, []any{}, nil); err != nil {
					return err
				}
				if err := h.ownRows(ctx, drv, tb); err != nil {
					return fmt.Errorf("after %q: %w", text, err)
				}
			}
		}
		return nil
	})
}

// afterTheDriver requires that the driver sets nothing beyond a transaction. It checks the driver's own tenant: behind
// a pooler, another attack may have set the other one on the connection.
func (h *harness) afterTheDriver(ctx context.Context, tb *table) error {
	theirs := as(ctx, h.attacker.id)
	read := "select count(*) from " + tb.SQL + " where tenant_id = " + rls.Literal(h.attacker.id.String())
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		for way, use := range map[string]func() error{
			"a statement": func() error { return query(theirs, drv, read).err },
			"a failure": func() error {
				return refused(divisionBy0).check(query(theirs, drv, "select 1 / (select 0)"))
			},
			"a commit": func() error {
				return pgtenant.InTx(theirs, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
					return query(ctx, tx, read).err
				})
			},
			"a rollback": func() error {
				tx, err := drv.Tx(theirs)
				if err != nil {
					return err
				}
				return errors.Join(query(theirs, tx, read).err, tx.Rollback())
			},
		} {
			var left string
			var rows int
			err := errors.Join(
				use(),
				drv.Pool().QueryRow(ctx, "select coalesce(current_setting($1, true), '')", rls.Setting).Scan(&left),
				drv.Pool().QueryRow(ctx, read).Scan(&rows),
			)
			if err != nil || left == h.attacker.id.String() || rows != 0 {
				return fmt.Errorf("after %s: the setting is %q, and %d rows are seen: %w", way, left, rows, orNone(err))
			}
		}
		return nil
	})
}

func (h *harness) release(ctx context.Context, tb *table) error {
	mine := as(ctx, h.attacker.id)
	tx, err := h.driver.Tx(mine)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, text := range []string{"savepoint inner_one", setTenant(h.victim.id, true), "release inner_one"} {
		if err := tx.Exec(mine, text, []any{}, nil); err != nil {
			return err
		}
	}
	a := query(mine, tx, "select * from "+tb.SQL)
	if !found(a) {
		return errors.Join(errors.New("its own rows are not returned"), a.err)
	}
	return h.victim.leaks(a.text(), "")
}

func (h *harness) endBehind(ctx context.Context) error {
	tb := h.tables[0]
	mine := as(ctx, h.attacker.id)
	for _, end := range []string{"commit", "rollback", "commit and chain", "rollback and chain"} {
		tx, err := h.driver.Tx(mine)
		if err != nil {
			return err
		}
		first := tx.Exec(mine, "select 1", []any{}, nil)
		_ = tx.Exec(mine, end, []any{}, nil)
		write := tx.Exec(mine, h.write(tb), []any{}, nil)
		_ = tx.Rollback()
		if err := errors.Join(first, h.ownRows(ctx, h.driver, tb), h.unwritten(ctx, tb)); err != nil {
			return fmt.Errorf("after %q and a write with %w: %w", end, orNone(write), err)
		}
	}
	return nil
}

func (h *harness) leftOpen(ctx context.Context) error {
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		err := drv.Exec(as(ctx, h.victim.id), "begin", []any{}, nil)
		if err := requireErr(err, pgtenant.ErrTxLeftOpen); err != nil {
			return err
		}
		return h.ownRows(ctx, drv, h.tables[0])
	})
}

func (h *harness) heldCursor(ctx context.Context, tb *table) error {
	return h.withLogin(ctx, func(raw *session) error {
		steps := []string{
			"begin", setTenant(h.victim.id, true), "declare left_behind cursor with hold for select * from " + tb.SQL,
			"commit",
			"begin", setTenant(h.attacker.id, true), "fetch all from left_behind",
		}
		a := raw.all(ctx, steps...)
		return pinned(a.err, h.victim.leaks(a.text(), "") != nil)
	})
}
