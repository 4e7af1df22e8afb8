package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	// longest is how long a visit may take that nobody cuts short. Reaching it is a fault of the driver's.
	longest = 30 * time.Second
	// cutWithin is when a visit is cut short that somebody does.
	cutWithin = 15 * time.Millisecond
	// cutShort is how many visits of a hundred are.
	cutShort = 35
)

// SQLSTATE codes that a run has to expect (PostgreSQL manual, appendix A). A pooler passes a lost server on as the last.
const (
	codeAdminShutdown     = "57P01"
	codeQueryCanceled     = "57014"
	codeProtocolViolation = "08P01"
)

var (
	errBoom = errors.New("boom")
	// errUnharmed means that a statement went through that had to fail.
	errUnharmed = errors.New("no error where one had to be")
	// errNotAll means that a result had fewer rows than there are.
	errNotAll = errors.New("rows are missing")
)

// visitor is one goroutine: it comes as another tenant each time.
type visitor struct {
	*storm

	random *rand.Rand
	// mine are the rows that this visitor has written and not deleted.
	mine []row
}

type row struct {
	name   string
	tenant tenancy.ID
}

// visit does one thing at random for a tenant at random, and may be cut short at any moment.
func (v *visitor) visit(ctx context.Context) {
	operation := operations[v.random.IntN(len(operations))]
	ctx, cut, cancel := v.bounded(ctx)
	defer cancel()
	err := v.survive(ctx, operation)
	if err == nil {
		v.tally.done(operation.name)
		return
	}
	if kind := v.explain(ctx, cut, err); kind != "" {
		v.tally.fault(kind)
		return
	}
	v.tally.unexpected(operation.name, err)
}

// bounded cuts some contexts short, half of them by a deadline and half by cancelling.
func (v *visitor) bounded(ctx context.Context) (bounded context.Context, cut bool, cancel context.CancelFunc) {
	if v.random.IntN(100) >= cutShort {
		bounded, cancel = context.WithTimeout(ctx, longest)
		return bounded, false, cancel
	}
	soon := time.Duration(v.random.Int64N(int64(cutWithin)))
	if v.random.IntN(2) == 0 {
		bounded, cancel = context.WithTimeout(ctx, soon)
		return bounded, true, cancel
	}
	bounded, stop := context.WithCancel(ctx)
	timer := time.AfterFunc(soon, stop)
	return bounded, true, func() {
		timer.Stop()
		stop()
	}
}

// survive takes the panics that operations throw, and no others.
func (v *visitor) survive(ctx context.Context, o operation) (err error) {
	defer func() {
		switch thrown := recover(); thrown {
		case nil:
		case any(errBoom):
			err = nil
		default:
			panic(thrown)
		}
	}()
	return o.do(v, ctx, v.anyone())
}

func (v *visitor) anyone() tenancy.ID { return v.tenants[v.random.IntN(len(v.tenants))] }

// other is a tenant that id is not.
func (v *visitor) other(id tenancy.ID) tenancy.ID {
	for {
		if other := v.anyone(); other != id {
			return other
		}
	}
}

// explain names the fault of ours that an error comes from; empty where there is none.
func (v *visitor) explain(ctx context.Context, cut bool, err error) string {
	var db *pgconn.PgError
	isDB := errors.As(err, &db)
	switch {
	case errors.Is(err, errUnharmed), errors.Is(err, errNotAll):
		return ""
	case cut && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return ctx.Err().Error()
	case v.options.Disconnects == 0:
		return ""
	case errors.Is(err, pgtenant.ErrConnection):
		return "connection lost"
	case isDB && (db.Code == codeAdminShutdown || db.Code == codeProtocolViolation):
		return "connection ended by the server"
	}
	return ""
}

// hold counts rows that were read, and those among them that are not the tenant's.
func hold[T any](v *visitor, rows []T, own func(T) bool) {
	var wrong int64
	for _, r := range rows {
		if !own(r) {
			wrong++
		}
	}
	v.tally.checked(int64(len(rows)), wrong)
}
