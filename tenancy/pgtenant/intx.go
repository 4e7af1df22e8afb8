package pgtenant

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Tx is what [InTx] needs of a transaction: an *ent.Tx of any generated client has it.
type Tx interface {
	Commit() error
	Rollback() error
}

// InTx runs fn as one unit of work, in a transaction of ctx's tenant, or of none:
//
//	err := pgtenant.InTx(ctx, client.Tx, func(ctx context.Context, tx *ent.Tx) error {
//		…
//	})
//
// It commits when fn returns nil, and rolls back when fn returns an error, panics (the panic goes on) or ctx has ended.
// fn uses the context that it is given: on that one, the pool's client answers [ErrPoolInTx] and another transaction
// [ErrNestedTx], so that nothing is written beside the transaction by mistake.
func InTx[T Tx](ctx context.Context, begin func(context.Context) (T, error), fn func(context.Context, T) error) error {
	if _, nested := ctx.Value(unitKey{}).(*unit); nested {
		return ErrNestedTx
	}
	ctx = context.WithValue(ctx, unitKey{}, &unit{})
	tx, err := begin(ctx)
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed { // fn panicked, or ended its goroutine
			_ = tx.Rollback()
		}
	}()
	if err := fn(ctx, tx); err != nil {
		committed = true
		if rollback := tx.Rollback(); rollback != nil {
			return errors.Join(err, fmt.Errorf("rolling back: %w", rollback))
		}
		return err
	}
	committed = true
	return tx.Commit()
}

// unit marks a context as being inside InTx, and remembers the driver that its transaction runs on.
type unit struct{ driver atomic.Pointer[Driver] }

type unitKey struct{}

// enter lets the unit's own transaction begin, once.
func enter(ctx context.Context, d *Driver) error {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok || u.driver.CompareAndSwap(nil, d) {
		return nil
	}
	return ErrNestedTx
}

// inside reports whether ctx belongs to a unit of work on d.
func inside(ctx context.Context, d *Driver) bool {
	u, ok := ctx.Value(unitKey{}).(*unit)
	return ok && u.driver.Load() == d
}
