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

func (s *harness) callers(st statement) []caller {
	return []caller{
		{"another tenant", s.attacker.id, st.other},
		{"no tenant", tenancy.ID{}, st.unset},
		{"the owner", s.victim.id, st.owner},
	}
}

// send sends a statement as each caller, by a raw login and through the driver.
func (s *harness) send(ctx context.Context, st statement, tb *table) error {
	for _, c := range s.callers(st) {
		given := s.given(st, tb, c.id)
		a, err := s.byLogin(ctx, st, tb, c)
		if err := errors.Join(err, s.judge(c, a, given)); err != nil {
			return fmt.Errorf("%s, by a raw login: %w", c.says, err)
		}
		if st.raw {
			continue
		}
		a, err = s.byDriver(ctx, st, tb, c)
		if err := errors.Join(err, s.judge(c, a, given), discreet(a.err)); err != nil {
			return fmt.Errorf("%s, through the driver: %w", c.says, err)
		}
	}
	return nil
}

// given returns all text that the attacker submitted.
func (s *harness) given(st statement, tb *table, id tenancy.ID) string {
	return s.spell(strings.Join(append(st.before, st.sql), "\n"), tb, id)
}

func (s *harness) judge(c caller, a answer, given string) error {
	if err := c.want.check(a); err != nil {
		return err
	}
	if c.id == s.victim.id {
		return nil
	}
	return s.victim.leaks(a.text(), given)
}

// byLogin sends a statement beside the driver, in a transaction that is rolled back after a check, as the victim, that
// the victim's rows are unchanged.
func (s *harness) byLogin(ctx context.Context, st statement, tb *table, c caller) (a answer, err error) {
	if err := s.raw.as(ctx, c.id); err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, s.raw.rollback(ctx)) }()
	for _, sql := range append(append([]string{}, st.before...), st.sql) {
		said := a.notices
		a = s.raw.do(ctx, s.spell(sql, tb, c.id))
		a.notices = append(a.notices, said...)
		if a.err != nil {
			return a, nil // the transaction has failed, so nothing can have changed
		}
	}
	if c.id == s.victim.id || tb == nil {
		return a, nil
	}
	return a, s.unchanged(ctx, tb)
}

func (s *harness) unchanged(ctx context.Context, tb *table) error {
	// The statement may have turned row_security off.
	if err := s.raw.all(ctx, "set local row_security = on", setTenant(s.victim.id, true)).err; err != nil {
		return err
	}
	digest, err := digestInTx(ctx, s.raw, tb)
	if err == nil && digest != s.victim.digests[tb.Name] {
		return errors.New("it changed or added rows of another tenant")
	}
	return err
}

// byDriver sends a statement through the driver, in a transaction that is rolled back.
func (s *harness) byDriver(ctx context.Context, st statement, tb *table, c caller) (a answer, err error) {
	ctx = as(ctx, c.id)
	tx, err := s.driver.Tx(ctx)
	if err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	for _, sql := range append(append([]string{}, st.before...), st.sql) {
		if a = ask(ctx, tx, s.spell(sql, tb, c.id)); a.err != nil {
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

// ask sends a statement through a driver or a transaction.
func ask(ctx context.Context, q dialect.ExecQuerier, text string) answer {
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

// discreet returns an error if the driver passed on fields that could contain a row's values.
func discreet(err error) error {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok && db.Detail+db.Hint+db.Where+db.InternalQuery != "" {
		return errors.New("the driver's error carries DETAIL, HINT or CONTEXT")
	}
	return nil
}
