package attack

import (
	"context"
	"errors"
	"fmt"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// injections are SQL that an attacker has injected into a statement. Any SQL can write the setting that policies read,
// so the change must end with its statement, and values must never become SQL.
func injections() family {
	return family{
		name: "injection", title: "Injected SQL",
		statements: []statement{
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
		},
		scenarios: []scenario{
			{
				id:       "A39-set-before-read",
				does:     "sets the tenant earlier in the same statement or transaction, before rows are read",
				required: "rows are returned: any SQL can set the setting", accepted: "injected-setting",
				each: (*harness).injectedRead,
			},
			{
				id: "A39-next-statement", does: "sets the tenant for the next statement",
				required: "the next statement runs under its own tenant", each: (*harness).nextStatement,
			},
			{
				id: "A39-parameter", does: "sends SQL as a value", required: "it stays a value",
				each: (*harness).asValue,
			},
		},
	}
}

// injectedRead pins how far the setting alone goes: one statement can read the other tenant's rows.
func (h *harness) injectedRead(ctx context.Context, tb *table) error {
	text := "with s as materialized (select set_config('" + rls.Setting + "', {victim}, true))" +
		" select t.* from s, lateral (select * from {table}) t where s.set_config is not null"
	for _, planned := range []string{"select 1", "set local enable_hashjoin = off"} {
		a := h.raw.run(ctx, h.attacker.id, planned, h.spell(text, tb, h.attacker.id))
		if a.err != nil {
			return a.err
		}
		if h.victim.leaks(a.text(), h.victim.id.String()) != nil {
			return nil //nolint:nilerr // that it leaks is what is accepted
		}
	}
	// In one statement, the planner's order may prevent it, which is no protection. Two statements of one transaction
	// always succeed.
	a := h.raw.run(ctx, h.attacker.id, setTenant(h.victim.id, true), "select * from "+tb.SQL)
	return pinned(a.err, h.victim.leaks(a.text(), "") != nil)
}

func (h *harness) nextStatement(ctx context.Context, tb *table) error {
	mine := as(ctx, h.attacker.id)
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		for _, local := range []bool{true, false} {
			if err := drv.Exec(mine, setTenant(h.victim.id, local), []any{}, nil); err != nil {
				return err
			}
			if err := h.ownRows(ctx, drv, tb); err != nil {
				return fmt.Errorf("outside of a transaction: %w", err)
			}
		}
		tx, err := drv.Tx(mine)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if err := tx.Exec(mine, setTenant(h.victim.id, true), []any{}, nil); err != nil {
			return err
		}
		a := query(mine, tx, "select * from "+tb.SQL)
		return errors.Join(own().check(a), h.victim.leaks(a.text(), ""))
	})
}

func (h *harness) asValue(ctx context.Context, tb *table) error {
	attempts := []string{
		"' or '1'='1", "x'; " + setTenant(h.victim.id, false) + "; --", "' union select * from " + tb.SQL + " --",
		"') or set_config('" + rls.Setting + "', " + rls.Literal(h.victim.id.String()) + ", false) is not null --",
	}
	for _, value := range attempts {
		var rows int64
		query := "select count(*) from " + tb.SQL + " where " + tb.Key + "::text = $1"
		err := pgtenant.QueryRow(as(ctx, h.attacker.id), h.driver, query, value).Scan(&rows)
		if err != nil || rows != 0 {
			return fmt.Errorf("%d rows: %w", rows, orNone(err))
		}
	}
	return h.ownRows(ctx, h.driver, tb)
}
