package pgtenant

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy"
)

// Joining returns d for code that runs both by itself and inside a caller's [InTx]:
//
//	client := ent.NewClient(ent.Driver(d.Joining()))
//
// Outside of InTx it is d. Inside, where d returns [ErrPoolInTx] or [ErrNestedTx], its statements run in the context's
// transaction, and so does every transaction that it begins, by InTx, Tx or BeginTx. A statement or a transaction of
// another tenant returns [tenancy.ErrTenantMismatch], and after the end of InTx [sql.ErrTxDone]. A transaction of
// another driver is not joined: it is treated as d treats it.
//
// A transaction that joins has no savepoint. Its Commit sends nothing, and hooks on it run before the data is
// committed. Its Rollback, or a Commit that returns an error, aborts the whole transaction, whose Commit then returns
// [ErrTxAborted]. Ent also begins a transaction for changes of edges in other tables, and rolls it back if they fail.
// Options other than the defaults must be those of the outer transaction: otherwise BeginTx returns [ErrArgument].
func (d *Driver) Joining() dialect.Driver { return joining{d} }

type joining struct{ *Driver }

// Exec implements dialect.Driver.
func (j joining) Exec(ctx context.Context, query string, args, v any) error {
	return j.at(ctx).Exec(ctx, query, args, v)
}

// Query implements dialect.Driver.
func (j joining) Query(ctx context.Context, query string, args, v any) error {
	return j.at(ctx).Query(ctx, query, args, v)
}

func (j joining) at(ctx context.Context) dialect.ExecQuerier {
	if t := txOf(ctx, j.Driver); t != nil {
		return t
	}
	return j.Driver
}

// Tx implements dialect.Driver.
func (j joining) Tx(ctx context.Context) (dialect.Tx, error) { return j.BeginTx(ctx, nil) }

// BeginTx joins the context's transaction, or begins one if it has none.
func (j joining) BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	t := txOf(ctx, j.Driver)
	if t == nil {
		return j.Driver.BeginTx(ctx, opts)
	}
	if joins, ok := ctx.Value(joinsKey{}).(*atomic.Bool); ok {
		joins.Store(true)
	}
	asked, err := j.newTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return t.join(asked)
}

// join returns a transaction that joins t in place of the one that was asked for.
func (t *tx) join(asked *tx) (dialect.Tx, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case asked.tenant != t.tenant:
		return nil, tenancy.ErrTenantMismatch
	case t.done:
		return nil, sql.ErrTxDone
	case asked.begin != t.begin && asked.begin != plainBegin:
		return nil, fmt.Errorf("%w: a joined transaction has the options of the outer one", ErrArgument)
	}
	return &joined{outer: t, ctx: asked.ctx}, nil
}

var errJoinedRollback = errors.New("pgtenant: a joined transaction was rolled back")

// joined is a transaction inside another one of the same context.
type joined struct {
	outer *tx
	ctx   context.Context //nolint:containedctx // Commit ends with BeginTx's context, as in tx
	done  atomic.Bool
}

// Exec implements dialect.ExecQuerier.
func (j *joined) Exec(ctx context.Context, query string, args, v any) error {
	if j.done.Load() {
		return sql.ErrTxDone
	}
	return j.outer.Exec(ctx, query, args, v)
}

// Query implements dialect.ExecQuerier.
func (j *joined) Query(ctx context.Context, query string, args, v any) error {
	if j.done.Load() {
		return sql.ErrTxDone
	}
	return j.outer.Query(ctx, query, args, v)
}

// Commit implements driver.Tx. It sends nothing, and returns an error if the outer transaction can't be committed as it
// is now. That aborts the outer one: the caller was told that nothing is written, and may repeat the work.
func (j *joined) Commit() error {
	return j.end(func(t *tx) error {
		err := t.mayCommit()
		if err == nil && j.ctx.Err() != nil {
			err = fmt.Errorf("pgtenant: not committed: %w (%w)", j.ctx.Err(), ErrNoEffect)
		}
		t.failed = cmp.Or(t.failed, err)
		return err
	})
}

// Rollback implements driver.Tx. It aborts the outer transaction.
func (j *joined) Rollback() error {
	return j.end(func(t *tx) error {
		t.failed = cmp.Or(t.failed, errJoinedRollback)
		return nil
	})
}

// end calls verdict once, under the outer transaction's lock.
func (j *joined) end(verdict func(*tx) error) error {
	j.outer.mu.Lock()
	defer j.outer.mu.Unlock()
	if j.done.Swap(true) || j.outer.done {
		return sql.ErrTxDone
	}
	return verdict(j.outer)
}
