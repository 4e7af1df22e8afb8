package pgtenant

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
)

// execAgain sends a statement of which nothing has run once more. That takes a transaction, so that the session is reset,
// checked out by the pooler, if there is one, and used as one.
func (d *Driver) execAgain(ctx context.Context, l *lease, s statement, r remedy) (pgconn.CommandTag, error) {
	t, err := d.again(ctx, l, s.tenant, r)
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

// queryAgain is execAgain for a statement with rows, which are all read.
func (d *Driver) queryAgain(ctx context.Context, l *lease, s statement, r remedy) (*rows, error) {
	t, err := d.again(ctx, l, s.tenant, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Rollback() }()
	result, err := t.query(ctx, s, true)
	if err != nil {
		return nil, err
	}
	return result, t.Commit()
}

// again begins a transaction on a session that was reset: the lease's own, or another where the remedy says so.
func (d *Driver) again(ctx context.Context, l *lease, tenant tenancy.ID, r remedy) (*tx, error) {
	t := &tx{driver: d, ctx: ctx, tenant: tenant, begin: "begin", lease: l}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.reopen(ctx, r); err != nil {
		t.finish()
		return nil, l.translate(ctx, tenant, noEffect, err)
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
