package attack

import (
	"context"
	"database/sql/driver"
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
	const released = "the connection and the slot are released"
	return family{name: "leak", title: "Connections and slots that are not released", scenarios: []scenario{
		once("A72-panic-in-statement",
			"panics while a statement is sent: an empty text, a value that panics, also in a slice", released,
			panicInStatement),
		once("A72-panic-in-scan", "panics while a row is read into its destination", released, panicInScan),
		once("A72-goroutine-exit", "ends the goroutine in a transaction, and in the middle of a result",
			released+", and nothing is written", goroutineExit),
		once("A76-copy",
			"sends COPY FROM STDIN and TO STDOUT through the driver, plain and in disguise, in each query mode",
			"refused before it is sent; "+released, copyInOut),
	}}
}

// withSlots opens a direct driver with one slot per tenant, in each query mode.
func (a *attempt) withSlots(do func(*pgtenant.Driver)) {
	for _, mode := range queryModes() {
		a.where = "query mode " + mode + ": "
		drv, err := pgtenant.Open(a.ctx, a.kit.target.DSN, pgtenant.WithMaxConns(leakConns),
			pgtenant.WithAcquireTimeout(leakWait), pgtenant.WithQueryMode(mode))
		a.must(err)
		do(drv)
		a.must(allReleased(drv))
		a.ownRows(drv)
		_ = drv.Close() // not after a failure, as it would wait for lost connections
	}
	a.where = ""
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

func panicInStatement(a *attempt) {
	a.withSlots(func(drv *pgtenant.Driver) {
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
			a.stepf("after %q with %T", st.text, st.args)
			for range leakRounds {
				survive(func() { _ = drv.Exec(a.mine, st.text, st.args, nil) })
				survive(func() { _ = queryOnly(a.mine, drv, st.text, st.args) })
				for _, first := range []string{"", "select 1"} {
					survive(func() { _ = execInTx(a.mine, drv, first, st.text, st.args) })
				}
			}
			a.ownRows(drv)
		}
		a.step = ""
	})
}

func queryOnly(ctx context.Context, drv *pgtenant.Driver, text string, args []any) error {
	var r entsql.Rows
	err := drv.Query(ctx, text, args, &r)
	if err == nil {
		_ = r.Close()
	}
	return err
}

func execInTx(ctx context.Context, drv *pgtenant.Driver, first, text string, args []any) error {
	return pgtenant.InTx(ctx, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
		if first != "" {
			if err := tx.Exec(ctx, first, []any{}, nil); err != nil {
				return err
			}
		}
		return tx.Exec(ctx, text, args, nil)
	})
}

type badScanner struct{}

func (*badScanner) Scan(any) error { panic("a destination that panics") }

func panicInScan(a *attempt) {
	const text = "select generate_series(1, 1000)"
	a.withSlots(func(drv *pgtenant.Driver) {
		for range leakRounds {
			survive(func() { _ = pgtenant.QueryRow(a.mine, drv, text).Scan(&badScanner{}) })
			survive(func() { // the rows are not closed
				var r entsql.Rows
				if drv.Query(a.mine, text, []any{}, &r) == nil && r.Next() {
					_ = r.Scan(&badScanner{})
				}
			})
			survive(func() {
				_ = pgtenant.InTx(a.mine, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
					return pgtenant.QueryRow(ctx, tx, text).Scan(&badScanner{})
				})
			})
		}
	})
}

func goroutineExit(a *attempt) {
	a.withSlots(func(drv *pgtenant.Driver) {
		for range leakRounds {
			survive(func() {
				_ = pgtenant.InTx(a.mine, drv.Tx, func(ctx context.Context, tx dialect.Tx) error {
					if err := a.exec(ctx, tx, insert("{mine}")); err != nil {
						return err
					}
					runtime.Goexit()
					return nil
				})
			})
			survive(func() {
				var r entsql.Rows
				if drv.Query(a.mine, "select generate_series(1, 10000)", []any{}, &r) == nil {
					defer func() { _ = r.Close() }()
					r.Next()
					runtime.Goexit()
				}
			})
		}
	})
	a.unwritten()
}

// copyInOut sends COPY with a timeout, in case the driver waits for data.
func copyInOut(a *attempt) {
	a.withSlots(func(drv *pgtenant.Driver) {
		for _, text := range []string{
			"copy {table} from stdin", "COPY {table} FROM STDIN",
			"\n\t copy {table} from stdin", "-- x\ncopy {table} from stdin",
			"/* x /* nested */ */ copy {table} from stdin", "copy/**/{table} from stdin",
			";copy {table} from stdin", "copy {table} from stdin with (format csv);",
			"copy pg_catalog.pg_class from stdin", "copy (select 1) to stdout",
			"copy {table} to stdout", "/* x */ copy (select generate_series(1, 100000)) to stdout",
		} {
			text = a.spell(a.mine, text)
			a.stepf("%q", text)
			short, cancel := context.WithTimeout(a.mine, 10*time.Second)
			for _, err := range []error{
				drv.Exec(short, text, []any{}, nil), queryOnly(short, drv, text, nil),
				execInTx(short, drv, "select 1", text, nil),
			} {
				a.requireErr(err, pgtenant.ErrCopy)
			}
			cancel()
			a.ownRows(drv)
		}
		a.step = ""
	})
}
