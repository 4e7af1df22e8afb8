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
// outside of the transaction by mistake. A client of [Driver.Joining] joins the transaction instead.
func InTx[T Tx](ctx context.Context, begin func(context.Context) (T, error), fn func(context.Context, T) error) error {
	if _, nested := ctx.Value(unitKey{}).(*unit); nested {
		begin = mustJoin(begin)
	} else {
		ctx = context.WithValue(ctx, unitKey{}, &unit{})
	}
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

// mustJoin returns a begin that returns ErrNestedTx unless its transaction joins the context's.
func mustJoin[T Tx](begin func(context.Context) (T, error)) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		joins := new(atomic.Bool)
		tx, err := begin(context.WithValue(ctx, joinsKey{}, joins))
		if joins.Load() {
			return tx, err
		}
		if err == nil { // it did not use the context
			_ = tx.Rollback()
		}
		return tx, ErrNestedTx
	}
}

// unit marks a context of InTx, with its transaction.
type unit struct{ tx atomic.Pointer[tx] }

type (
	unitKey  struct{}
	joinsKey struct{}
)

// enter makes t the unit's transaction. It returns an error if the unit has one.
func enter(ctx context.Context, t *tx) error {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok || u.tx.CompareAndSwap(nil, t) {
		return nil
	}
	return ErrNestedTx
}

// txOf returns the driver's transaction that the unit of ctx has or had, or nil.
func txOf(ctx context.Context, d *Driver) *tx {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok {
		return nil
	}
	if t := u.tx.Load(); t != nil && t.driver == d {
		return t
	}
	return nil
}

func inside(ctx context.Context, d *Driver) bool { return txOf(ctx, d) != nil }
