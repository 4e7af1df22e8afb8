package attack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs that attacks expect (PostgreSQL manual, appendix A).
const (
	denied      = "42501" // insufficient privilege, or a row-level security policy
	foreignKey  = "23503"
	duplicate   = "23505"
	notNull     = "23502"
	unsupported = "0A000"
	syntax      = "42601"
	divisionBy0 = "22012"
	invalidText = "22P02"
	notFunction = "42883"
	noFile      = "58P01"
	canceled    = "57014"
	notPrepared = "55000"
	lockTimeout = "55P03"
)

// answer is everything returned for a statement.
type answer struct {
	rows     [][]string
	affected int64
	notices  []string
	err      error
	given    string // the statements
	owner    bool   // the victim itself sent them
}

// text returns every part of the answer that could contain a secret.
func (a answer) text() string {
	var b strings.Builder
	for _, row := range a.rows {
		b.WriteString(strings.Join(row, "\t") + "\n")
	}
	b.WriteString(strings.Join(a.notices, "\n") + "\n" + errorText(a.err))
	return b.String()
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("%v\n%+v", err, *db)
	}
	return err.Error()
}

func (a answer) got() string {
	if a.err != nil {
		return "error: " + a.err.Error()
	}
	return fmt.Sprintf("%d rows, %d affected", len(a.rows), a.affected)
}

// expectation is the required result of a statement. Answers are also searched for values of the other tenant.
type expectation struct {
	says string
	met  func(answer) bool
}

func (e expectation) or(other expectation) expectation {
	if e.met == nil {
		return other
	}
	return e
}

func (e expectation) check(a answer) error {
	if e.met(a) {
		return nil
	}
	return fmt.Errorf("required: %s; got %s", e.says, a.got())
}

func found(a answer) bool { return a.err == nil && (len(a.rows) > 0 || a.affected > 0) }

func nothing() expectation {
	return expectation{"no row", func(a answer) bool { return a.err == nil && len(a.rows) == 0 && a.affected == 0 }}
}

func something() expectation { return expectation{"its own row", found} }

// allowed is an effect that is not stopped because its risk is accepted.
func allowed(effect string) expectation { return expectation{effect, found} }

func ownOr(codes ...string) expectation {
	return expectation{own().says, somethingOr(codes...).met}
}

// own accepts any row: the search for secrets proves that it is the caller's.
func own() expectation { return expectation{"own rows only", found} }

// somethingOr also accepts an error that occurs only after the row was found.
func somethingOr(codes ...string) expectation {
	return expectation{"its own row", func(a answer) bool { return found(a) || slices.Contains(codes, code(a.err)) }}
}

func refused(codes ...string) expectation {
	return expectation{"refused, " + strings.Join(codes, " or "), func(a answer) bool {
		return slices.Contains(codes, code(a.err))
	}}
}

// nothingOrRefused accepts both where PostgreSQL may return either.
func nothingOrRefused(codes ...string) expectation {
	return expectation{"no row, or refused", func(a answer) bool {
		return nothing().met(a) || slices.Contains(codes, code(a.err))
	}}
}

// anything leaves the verdict to the search for secrets.
func anything() expectation {
	return expectation{"no value of another tenant", func(answer) bool { return true }}
}

func code(err error) string {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		return db.Code
	}
	return ""
}
