package pgtenant

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
)

// Stats are counts since the driver was created.
type Stats struct {
	// Statements counts statements and commits by their [Outcome]. All outcomes are present.
	Statements map[Outcome]int64
	// SessionsReplaced counts connections closed because an earlier user changed their session.
	SessionsReplaced int64
	// RoundTrips is counted by [Open] only.
	RoundTrips int64
	// PoolWaits are waits for any connection, TenantWaits those due to the tenant's limit.
	PoolWaits, TenantWaits Waits
}

// Waits counts the statements and transactions that waited for a connection.
type Waits struct {
	Pending int64         // waiting now
	Total   int64         // ended since the driver was created
	Time    time.Duration // sum over Total
}

// Stats returns the current counts. [Driver.Pool] has those of the connections.
func (d *Driver) Stats() Stats {
	s := Stats{
		Statements:       make(map[Outcome]int64, len(d.counts.statements)),
		SessionsReplaced: d.counts.replaced.Load(),
		PoolWaits:        d.conns.waits.load(),
		TenantWaits:      d.tenants.waits.load(),
	}
	for i, outcome := range outcomes() {
		s.Statements[outcome.name] = d.counts.statements[i].Load()
	}
	if d.trips != nil {
		s.RoundTrips = d.trips.Count()
	}
	return s
}

// Outcome is "ok" or the kind of failure of a statement or a commit.
type Outcome string

const outcomeCount = 14

type counts struct {
	statements [outcomeCount]atomic.Int64 // in the order of outcomes
	replaced   atomic.Int64
}

type outcome struct {
	name   Outcome
	errors []error
}

// outcomes lists the outcomes with their errors. The first match counts, so specific ones come first.
func outcomes() [outcomeCount]outcome {
	return [...]outcome{
		{"ok", nil},
		{"tenant_mismatch", []error{tenancy.ErrTenantMismatch}},
		{"no_tenant", []error{tenancy.ErrNoTenant}},
		{"tenant_busy", []error{ErrTenantBusy}},
		{"pool_busy", []error{ErrPoolBusy}},
		{"outcome_unknown", []error{ErrOutcomeUnknown}},
		{"read_only_server", []error{ErrReadOnlyServer}},
		{"canceled", []error{context.Canceled}},
		{"deadline_exceeded", []error{context.DeadlineExceeded}},
		{"connection", []error{ErrConnection}},
		{"aborted", []error{ErrTxAborted}},
		{"refused", []error{
			ErrNestedTx, ErrPoolInTx, ErrRowsOpen, ErrTxLeftOpen, ErrCopy, ErrArgument, ErrConfig, sql.ErrTxDone,
		}},
		{"sql_error", nil}, // any *pgconn.PgError
		{"other", nil},
	}
}

// outcomeOf returns the index of the outcome.
func outcomeOf(err error) int {
	if err == nil {
		return 0
	}
	for i, outcome := range outcomes() {
		if isAny(err, outcome.errors...) {
			return i
		}
	}
	if errors.As(err, new(*pgconn.PgError)) {
		return outcomeCount - 2
	}
	return outcomeCount - 1
}

// waits counts [Waits].
type waits struct{ pending, total, nanoseconds atomic.Int64 }

// begin counts a wait until the returned function is called.
func (w *waits) begin() (end func()) {
	started := time.Now()
	w.pending.Add(1)
	return func() {
		w.pending.Add(-1)
		w.total.Add(1)
		w.nanoseconds.Add(int64(time.Since(started)))
	}
}

func (w *waits) load() Waits {
	return Waits{Pending: w.pending.Load(), Total: w.total.Load(), Time: time.Duration(w.nanoseconds.Load())}
}
