package attack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// changing matches statements that need UPDATE or DELETE.
var changing = regexp.MustCompile(`(?i)\b(update|delete|for key share|lock table)\b`)

// try sends the statement as each caller.
func (st statement) try(a *attempt) {
	statements := slices.Concat(st.before, []string{st.sql})
	wanted := []expectation{st.other, st.unset, st.owner}
	if a.tb.AppendOnly && changing.MatchString(strings.Join(statements, "\n")) {
		wanted = []expectation{refused(denied), refused(denied), refused(denied)}
	}
	for i, want := range wanted {
		c := a.callers()[i]
		a.stepf("%s, by a raw login", c.says)
		a.require(want, a.byLogin(c.ctx, statements))
		if st.raw {
			continue
		}
		a.stepf("%s, through the driver", c.says)
		got := a.byDriver(c.ctx, statements)
		a.require(want, got)
		a.must(withoutValues(got.err))
	}
}

// byLogin sends statements beside the driver, in a transaction that is rolled back after the victim has checked its
// rows.
func (a *attempt) byLogin(ctx context.Context, statements []string) answer {
	a.must(a.raw.begin(ctx))
	got := a.raw.all(ctx, a.spellAll(ctx, statements)...)
	got.owner = a.isOwner(ctx)
	if got.err == nil && !got.owner { // a failed transaction can have changed nothing
		a.unchanged()
	}
	a.must(a.raw.rollback(ctx))
	return got
}

func (a *attempt) unchanged() {
	// The statement may have turned row_security off.
	got := a.raw.all(a.ctx, "set local row_security = on", setTenant(a.victim.id, true), digestOf(a.tb))
	a.must(got.err)
	if strings.Join(got.rows[0], " ") != a.victim.stock[a.tb.Name].digest {
		a.failf("it changed or added rows of another tenant")
	}
}

// byDriver sends statements through the driver, in a transaction that is rolled back.
func (a *attempt) byDriver(ctx context.Context, statements []string) (got answer) {
	tx := a.begin(ctx, a.driver)
	for _, sql := range statements {
		before := got.given
		got = a.query(ctx, tx, sql)
		got.given = before + "\n" + got.given
		if got.err != nil {
			break
		}
	}
	a.must(tx.Rollback())
	return got
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
