package attack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

type caller struct {
	says string
	id   tenancy.ID
	want expectation
}

func (h *harness) callers(st statement) []caller {
	return []caller{
		{"another tenant", h.attacker.id, st.other},
		{"no tenant", tenancy.ID{}, st.unset},
		{"the owner", h.victim.id, st.owner},
	}
}

func (h *harness) send(ctx context.Context, st statement, tb *table) error {
	for _, c := range h.callers(st) {
		given := h.given(st, tb, c.id)
		a, err := h.byLogin(ctx, st, tb, c)
		if err := errors.Join(err, h.judge(c, a, given)); err != nil {
			return fmt.Errorf("%s, by a raw login: %w", c.says, err)
		}
		if st.raw {
			continue
		}
		a, err = h.byDriver(ctx, st, tb, c)
		if err := errors.Join(err, h.judge(c, a, given), withoutValues(a.err)); err != nil {
			return fmt.Errorf("%s, through the driver: %w", c.says, err)
		}
	}
	return nil
}

// given returns all text that the attacker submitted.
func (h *harness) given(st statement, tb *table, id tenancy.ID) string {
	return h.spell(strings.Join(append(st.before, st.sql), "\n"), tb, id)
}

func (h *harness) judge(c caller, a answer, given string) error {
	if err := c.want.check(a); err != nil {
		return err
	}
	if c.id == h.victim.id {
		return nil
	}
	return h.victim.leaks(a.text(), given)
}

// byLogin sends a statement beside the driver, in a transaction that is rolled back after the victim has checked its
// rows.
func (h *harness) byLogin(ctx context.Context, st statement, tb *table, c caller) (a answer, err error) {
	if err := h.raw.as(ctx, c.id); err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, h.raw.rollback(ctx)) }()
	for _, sql := range append(append([]string{}, st.before...), st.sql) {
		said := a.notices
		a = h.raw.do(ctx, h.spell(sql, tb, c.id))
		a.notices = append(a.notices, said...)
		if a.err != nil {
			return a, nil // the transaction has failed, so nothing can have changed
		}
	}
	if c.id == h.victim.id || tb == nil {
		return a, nil
	}
	return a, h.unchanged(ctx, tb)
}

func (h *harness) unchanged(ctx context.Context, tb *table) error {
	// The statement may have turned row_security off.
	a := h.raw.all(ctx, "set local row_security = on", setTenant(h.victim.id, true), digestOf(tb))
	if a.err == nil && strings.Join(a.rows[0], " ") != h.victim.digests[tb.Name] {
		return errors.New("it changed or added rows of another tenant")
	}
	return a.err
}

// byDriver sends a statement through the driver, in a transaction that is rolled back.
func (h *harness) byDriver(ctx context.Context, st statement, tb *table, c caller) (a answer, err error) {
	ctx = as(ctx, c.id)
	tx, err := h.driver.Tx(ctx)
	if err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	for _, sql := range append(append([]string{}, st.before...), st.sql) {
		if a = query(ctx, tx, h.spell(sql, tb, c.id)); a.err != nil {
			return a, nil
		}
	}
	return a, nil
}

// as returns a context with a tenant, or ctx itself for the zero tenant.
func as(ctx context.Context, id tenancy.ID) context.Context {
	if id.IsZero() {
		return ctx
	}
	return tenancy.With(ctx, id)
}

func query(ctx context.Context, q dialect.ExecQuerier, text string) answer {
	if !returnsRows(text) {
		n, err := pgtenant.Exec(ctx, q, text)
		return answer{affected: n, err: err}
	}
	rows, err := pgtenant.Collect(pgtenant.Query(ctx, q, text), func(row pgtenant.Row) ([]string, error) {
		columns, err := row.Columns()
		if err != nil {
			return nil, err
		}
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		err = row.Scan(cells...)
		return texts(cells), err
	})
	return answer{rows: rows, err: err}
}

// returnsRows guesses from a statement's words. The attacks are written so that it is right.
func returnsRows(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	for _, word := range []string{"select", "with", "explain", "fetch", "values", "show", "table"} {
		if strings.HasPrefix(text, word) {
			return true
		}
	}
	return strings.Contains(text, " returning ")
}

func texts(row []any) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		switch v := (*cell.(*any)).(type) {
		case []byte:
			out[i] = string(v)
		case [16]byte:
			out[i] = uuid.UUID(v).String()
		default:
			out[i] = fmt.Sprint(v)
		}
	}
	return out
}

// withoutValues returns an error if the driver passed on fields that could contain a row's values.
func withoutValues(err error) error {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok && db.Detail+db.Hint+db.Where+db.InternalQuery != "" {
		return errors.New("the driver's error carries DETAIL, HINT or CONTEXT")
	}
	return nil
}
