package pgtenant

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// execAgain sends a statement of which nothing has run once more, in a transaction, so that a pooler can't give the statement
// another session than the one that was reset.
func (d *Driver) execAgain(ctx context.Context, l *lease, s statement, r remedy) (pgconn.CommandTag, error) {
	t, err := d.again(ctx, l, s, r)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer func() { _ = t.Rollback() }()
	tag, err := t.exec(ctx, s)
	if err != nil {
		return tag, err
	}
	return tag, t.Commit()
}

// queryAgain is execAgain for a statement with rows. The transaction ends with them.
func (d *Driver) queryAgain(ctx context.Context, l *lease, s statement, r remedy) (*rows, error) {
	t, err := d.again(ctx, l, s, r)
	if err != nil {
		return nil, err
	}
	finish := func(err error) error {
		if err != nil {
			_ = t.Rollback()
			return err
		}
		return t.Commit()
	}
	result, err := t.query(ctx, s)
	if err != nil || result.ended {
		return result, finish(err)
	}
	end := result.end
	result.end = func(err error) error { return finish(end(err)) }
	return result, nil
}

// again begins a transaction on a session that was reset: the lease's own, or another where the remedy says so.
func (d *Driver) again(ctx context.Context, l *lease, s statement, r remedy) (*tx, error) {
	if begins(s.sql, "begin", "start") { // inside a transaction, that would be no more than a warning
		return nil, ErrTxLeftOpen
	}
	t := &tx{driver: d, ctx: ctx, tenant: s.tenant, begin: "begin", lease: l}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.reopen(ctx, r); err != nil {
		t.finish()
		return nil, l.translate(ctx, s.tenant, noEffect, err)
	}
	return t, nil
}

// reopen begins the transaction once more, where nothing of it has run. The caller holds the lock.
func (t *tx) reopen(ctx context.Context, r remedy) (err error) {
	if r == anotherSession {
		t.lease.destroy()
		if t.lease, err = t.driver.lease(ctx, t.tenant); err != nil {
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
