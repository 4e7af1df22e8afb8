package attack

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	// leakConns gives each tenant one slot, so that a lost one blocks its tenant.
	leakConns = 2
	// leakWait bounds the wait for a lost connection.
	leakWait = 2 * time.Second
	// leakRounds exceeds the pool's connections.
	leakRounds = leakConns + 1
)

func leaks() family {
	return family{name: "leak", title: "Connections and slots that are not released", scenarios: []scenario{
		{
			id:       "A72-panic-in-statement",
			does:     "panics while a statement is sent: an empty text, a value that panics, also in a slice",
			required: "the connection and the slot are released", once: (*harness).panicInStatement,
		},
		{
			id: "A72-panic-in-scan", does: "panics while a row is read into its destination",
			required: "the connection and the slot are released", once: (*harness).panicInScan,
		},
		{
			id: "A72-goroutine-exit", does: "ends the goroutine in a transaction, and in the middle of a result",
			required: "the connection and the slot are released, and nothing is written",
			once:     (*harness).goroutineExit,
		},
		{
			id:       "A76-copy",
			does:     "sends COPY FROM STDIN and TO STDOUT through the driver, plain and in disguise, in each query mode",
			required: "refused before it is sent; the connection and the slot are released",
			once:     (*harness).copyInOut,
		},
	}}
}

// withSlots opens a direct driver with one slot per tenant, in each query mode.
func (h *harness) withSlots(ctx context.Context, do func(*pgtenant.Driver) error) error {
	for _, mode := range queryModes() {
		drv, err := pgtenant.Open(ctx, h.kit.target.DSN, pgtenant.WithMaxConns(leakConns),
			pgtenant.WithAcquireTimeout(leakWait), pgtenant.WithQueryMode(mode))
		if err != nil {
			return err
		}
		if err = errors.Join(do(drv), allReleased(drv)); err == nil {
			err = h.ownRows(ctx, drv, h.tables[0])
		}
		if err != nil {
			// Closing would wait for lost connections.
			return fmt.Errorf("query mode %s: %w", mode, err)
		}
		_ = drv.Close()
	}
	return nil
}

// allReleased waits, because the pool closes connections in the background.
func allReleased(drv *pgtenant.Driver) error {
	for end := time.Now().Add(leakWait); drv.Pool().Stat().AcquiredConns() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%d connections are not released", drv.Pool().Stat().AcquiredConns())
		}
	}
	return nil
}

type panicking struct{}

func (panicking) Value() (driver.Value, error) { panic("a value that panics") }

// survive runs do on a new goroutine until it ends, also by a panic or runtime.Goexit.
func survive(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		do()
	}()
	<-done
}

func (h *harness) panicInStatement(ctx context.Context) error {
	mine := as(ctx, h.attacker.id)
	return h.withSlots(ctx, func(drv *pgtenant.Driver) error {
		for _, st := range []struct {
			text string
			args []any
		}{
			{"", nil},
			{" ", nil},
			{";", nil},
			{"-- nothing", nil},
			{"/* nothing */", nil},
			{"select $1::text", []any{panicking{}}},
			{"select $1::text[]", []any{[]any{panicking{}}}},
			{"select $1::text[]", []any{[]panicking{{}}}},
			{"select $1::text[]", []any{[]driver.Valuer{panicking{}}}},
			{"select $1::text", []any{(*panicking)(nil)}},
		} {
			for range leakRounds {
				survive(func() { _ = drv.Exec(mine, st.text, st.args, nil) })
				survive(func() {
					var r entsql.Rows
					if drv.Query(mine, st.text, st.args, &r) == nil {
						_ = r.Close()
					}
				})
				survive(func() {
					_ = pgtenant.InTx(mine, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
						return tx.Exec(ctx, st.text, st.args, nil)
					})
				})
				survive(func() {
					_ = pgtenant.InTx(mine, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
						return errors.Join(tx.Exec(ctx, "select 1", []any{}, nil), tx.Exec(ctx, st.text, st.args, nil))
					})
				})
			}
			if err := h.ownRows(ctx, drv, h.tables[0]); err != nil {
				return fmt.Errorf("after %q with %T: %w", st.text, st.args, err)
			}
		}
		return nil
	})
}

type badScanner struct{}

func (*badScanner) Scan(any) error { panic("a destination that panics") }

func (h *harness) panicInScan(ctx context.Context) error {
	mine := as(ctx, h.attacker.id)
	const text = "select generate_series(1, 1000)"
	return h.withSlots(ctx, func(drv *pgtenant.Driver) error {
		for range leakRounds {
			survive(func() { _ = pgtenant.QueryRow(mine, drv, text).Scan(&badScanner{}) })
			survive(func() { // the rows are not closed
				var r entsql.Rows
				if drv.Query(mine, text, []any{}, &r) == nil && r.Next() {
					_ = r.Scan(&badScanner{})
				}
			})
			survive(func() {
				_ = pgtenant.InTx(mine, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
					return pgtenant.QueryRow(ctx, tx, text).Scan(&badScanner{})
				})
			})
		}
		return nil
	})
}

func (h *harness) goroutineExit(ctx context.Context) error {
	mine, tb := as(ctx, h.attacker.id), h.tables[0]
	err := h.withSlots(ctx, func(drv *pgtenant.Driver) error {
		for range leakRounds {
			survive(func() {
				_ = pgtenant.InTx(mine, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
					if err := tx.Exec(ctx, h.write(tb), []any{}, nil); err != nil {
						return err
					}
					runtime.Goexit()
					return nil
				})
			})
			survive(func() {
				var r entsql.Rows
				if drv.Query(mine, "select generate_series(1, 10000)", []any{}, &r) == nil {
					defer func() { _ = r.Close() }()
					r.Next()
					runtime.Goexit()
				}
			})
		}
		return nil
	})
	return errors.Join(err, h.unwritten(ctx, tb))
}

// copyInOut sends COPY with a timeout, in case the driver waits for data.
func (h *harness) copyInOut(ctx context.Context) error {
	tb := h.tables[0].SQL
	return h.withSlots(ctx, func(drv *pgtenant.Driver) error {
		for _, text := range []string{
			"copy " + tb + " from stdin", "COPY " + tb + " FROM STDIN",
			"\n\t copy " + tb + " from stdin", "-- x\ncopy " + tb + " from stdin",
			"/* x /* nested */ */ copy " + tb + " from stdin", "copy/**/" + tb + " from stdin",
			";copy " + tb + " from stdin", "copy " + tb + " from stdin with (format csv);",
			"copy pg_catalog.pg_class from stdin", "copy (select 1) to stdout",
			"copy " + tb + " to stdout", "/* x */ copy (select generate_series(1, 100000)) to stdout",
		} {
			if err := h.refusedCopy(ctx, drv, text); err != nil {
				return fmt.Errorf("%q: %w", text, err)
			}
		}
		return nil
	})
}

func (h *harness) refusedCopy(ctx context.Context, drv *pgtenant.Driver, text string) error {
	short, cancel := context.WithTimeout(as(ctx, h.attacker.id), 10*time.Second)
	defer cancel()
	for _, send := range []func() error{
		func() error { return drv.Exec(short, text, []any{}, nil) },
		func() error {
			var r entsql.Rows
			err := drv.Query(short, text, []any{}, &r)
			if err == nil {
				_ = r.Close()
			}
			return err
		},
		func() error {
			return pgtenant.InTx(short, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
				if err := tx.Exec(ctx, "select 1", []any{}, nil); err != nil {
					return nil //nolint:nilerr // not the statement in question
				}
				return tx.Exec(ctx, text, []any{}, nil)
			})
		},
	} {
		if err := requireErr(send(), pgtenant.ErrCopy); err != nil {
			return err
		}
	}
	return h.ownRows(ctx, drv, h.tables[0])
}
