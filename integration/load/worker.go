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
	// stepTimeout ends a step that is not interrupted, which is an error of the driver.
	stepTimeout = 30 * time.Second
	// interruptedPercent of the steps are interrupted, within interruptWithin.
	interruptedPercent = 35
	interruptWithin    = 15 * time.Millisecond
)

// Expected SQLSTATE codes (PostgreSQL manual, appendix A). A pooler reports a lost server as a protocol violation.
const (
	codeAdminShutdown     = "57P01"
	codeQueryCanceled     = "57014"
	codeProtocolViolation = "08P01"
)

var (
	errBoom = errors.New("boom")
	// errNoError is returned when a statement succeeded that had to fail.
	errNoError = errors.New("load: no error")
	// errMissingRows is returned when a result lacks rows.
	errMissingRows = errors.New("load: missing rows")
)

// worker is a goroutine. Each step is for another tenant.
type worker struct {
	*harness

	random *rand.Rand
	// written are the worker's rows that it has not deleted.
	written []row
}

type row struct {
	name   string
	tenant tenancy.ID
}

// step runs a random operation for a random tenant. It may be interrupted at any moment.
func (w *worker) step(ctx context.Context) {
	operation := operations[w.random.IntN(len(operations))]
	ctx, interrupted, cancel := w.bounded(ctx)
	defer cancel()
	err := w.do(ctx, operation)
	if err == nil {
		w.results.add(func(c *Result) { c.Done[operation.name]++ })
		return
	}
	if kind := w.faultKind(ctx, interrupted, err); kind != "" {
		w.results.add(func(c *Result) { c.Faults[kind]++ })
		return
	}
	w.results.unexpected(operation.name, err)
}

// bounded interrupts some contexts, half by a deadline and half by cancellation.
func (w *worker) bounded(ctx context.Context) (bounded context.Context, interrupted bool, cancel context.CancelFunc) {
	if w.random.IntN(100) >= interruptedPercent {
		bounded, cancel = context.WithTimeout(ctx, stepTimeout)
		return bounded, false, cancel
	}
	soon := time.Duration(w.random.Int64N(int64(interruptWithin)))
	if w.random.IntN(2) == 0 {
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

// do recovers the panic of the panicking operation.
func (w *worker) do(ctx context.Context, o operation) (err error) {
	defer func() {
		switch thrown := recover(); thrown {
		case nil:
		case any(errBoom):
			err = nil
		default:
			panic(thrown)
		}
	}()
	return o.do(w, ctx, w.randomTenant())
}

func (w *worker) randomTenant() tenancy.ID { return w.tenants[w.random.IntN(len(w.tenants))] }

func (w *worker) other(id tenancy.ID) tenancy.ID {
	for {
		if other := w.randomTenant(); other != id {
			return other
		}
	}
}

// faultKind returns the injected fault that explains err, or "".
func (w *worker) faultKind(ctx context.Context, interrupted bool, err error) string {
	db, isDB := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, errNoError), errors.Is(err, errMissingRows):
		return ""
	case interrupted && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return ctx.Err().Error()
	case w.options.Disconnects == 0:
		return ""
	case errors.Is(err, pgtenant.ErrConnection):
		return "connection lost"
	case isDB && (db.Code == codeAdminShutdown || db.Code == codeProtocolViolation):
		return "connection terminated"
	}
	return ""
}

// checkRows counts rows, and those of other tenants.
func checkRows[T any](w *worker, rows []T, own func(T) bool) {
	var wrong int64
	for _, r := range rows {
		if !own(r) {
			wrong++
		}
	}
	w.results.add(func(c *Result) {
		c.Checked += int64(len(rows))
		c.Wrong += wrong
	})
}
