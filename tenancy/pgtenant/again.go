package pgtenant

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// execAgain sends a statement of which nothing has run once more, in a transaction, so that a pooler can't give the statement
// another session than the one that was reset.
func (d *Driver) execAgain(ctx context.Context, l *lease, s statement, r remedy) (pgconn.CommandTag, error) {
	t := &tx{driver: d, ctx: ctx, tenant: s.tenant, begin: "begin", lease: l}
	defer func() { _ = t.Rollback() }()
	if err := t.again(ctx, s, r); err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := t.exec(ctx, s)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return tag, t.Commit()
}

// queryAgain is execAgain for a statement with rows. The transaction ends with them.
func (d *Driver) queryAgain(ctx context.Context, l *lease, s statement, r remedy) (*rows, error) {
	t := &tx{driver: d, ctx: ctx, tenant: s.tenant, begin: "begin", lease: l}
	open := false // until the rows end
	defer func() {
		if !open {
			_ = t.Rollback()
		}
	}()
	if err := t.again(ctx, s, r); err != nil {
		return nil, err
	}
	result, err := t.query(ctx, s)
	if err != nil {
		return nil, err
	}
	if result.ended {
		return result, t.Commit()
	}
	open = true
	end := result.end
	result.mu = &result.own // the end of the rows takes the transaction's
	result.end = func(err error) error {
		defer func() { _ = t.Rollback() }() // unless it was committed
		if err := end(err); err != nil {
			return err
		}
		return t.Commit()
	}
	return result, nil
}

// again begins the transaction of a statement that is sent once more, on a session that was reset: the lease's own, or
// another where the remedy says so.
func (t *tx) again(ctx context.Context, s statement, r remedy) error {
	if begins(s.sql, "begin", "start") { // inside a transaction, that would be no more than a warning
		t.lease.spoiled = true
		return ErrTxLeftOpen
	}
	l := t.lease
	return l.translate(ctx, s.tenant, noEffect, t.reopen(ctx, r))
}

// reopen begins the transaction once more, where nothing of it has run. The caller holds the lock.
func (t *tx) reopen(ctx context.Context, r remedy) (err error) {
	if r == anotherSession {
		t.driver.counts.replaced.Add(1)
		t.lease.destroy()
		if t.lease, err = t.driver.lease(ctx, t.tenant); err != nil {
			return err
		}
		if _, err = t.lease.state(ctx); err != nil { // inside the transaction it can't be read
			return err
		}
	}
	if t.lease.status() != idleStatus {
		if _, err = t.command(ctx, "rollback"); err != nil {
			return err
		}
	}
	t.suspect = r == checkedSession
	return t.lease.openReset(ctx, t.begin, t.tenant)
}
