package pgtenant

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Tx is a transaction for [InTx], such as the *ent.Tx of any generated client.
type Tx interface {
	Commit() error
	Rollback() error
}

// InTx runs fn in a transaction of ctx's tenant, or of none:
//
//	err := pgtenant.InTx(ctx, client.Tx, func(ctx context.Context, tx *ent.Tx) error {
//		…
//	})
//
// It commits if fn returns nil, and rolls back if fn returns an error or panics, or ctx ends. Use the context passed to
// fn: on it, the pool's client returns [ErrPoolInTx] and another transaction [ErrNestedTx], so that nothing is written
// outside of the transaction by mistake.
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

// unit marks a context of InTx, with the driver of its transaction.
type unit struct{ driver atomic.Pointer[Driver] }

type unitKey struct{}

// enter returns an error for all but the unit's first transaction.
func enter(ctx context.Context, d *Driver) error {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok || u.driver.CompareAndSwap(nil, d) {
		return nil
	}
	return ErrNestedTx
}

func inside(ctx context.Context, d *Driver) bool {
	u, ok := ctx.Value(unitKey{}).(*unit)
	return ok && u.driver.Load() == d
}
