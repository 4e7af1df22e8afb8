package pgtenant

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// retryExec resends a statement that has not run, in a transaction: a pooler could otherwise send it to another session
// than the one that was reset.
func (d *Driver) retryExec(ctx context.Context, l *lease, s statement, r retry) (pgconn.CommandTag, error) {
	t := &tx{driver: d, ctx: ctx, tenant: s.tenant, begin: "begin", lease: l}
	defer func() { _ = t.Rollback() }()
	if err := t.restart(ctx, s, r); err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := t.exec(ctx, s)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return tag, t.Commit()
}

// retryQuery is retryExec for rows, which end the transaction.
func (d *Driver) retryQuery(ctx context.Context, l *lease, s statement, r retry) (*rowReader, error) {
	t := &tx{driver: d, ctx: ctx, tenant: s.tenant, begin: "begin", lease: l}
	open := false
	defer func() {
		if !open {
			_ = t.Rollback()
		}
	}()
	if err := t.restart(ctx, s, r); err != nil {
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
	result.mu = &result.own // result.end locks the transaction
	result.end = func(err error) error {
		defer func() { _ = t.Rollback() }() // has no effect after the commit
		if err := end(err); err != nil {
			return err
		}
		return t.Commit()
	}
	return result, nil
}

// restart resets the session and begins the transaction of a resent statement.
func (t *tx) restart(ctx context.Context, s statement, r retry) error {
	if startsWith(s.sql, "begin", "start") { // within a transaction BEGIN is only a warning
		t.lease.discard = true
		return ErrTxLeftOpen
	}
	l := t.lease
	return l.translate(ctx, s.tenant, noEffect, t.reopen(ctx, r))
}

// reopen restarts a transaction of which nothing has run. The caller holds the lock.
func (t *tx) reopen(ctx context.Context, r retry) (err error) {
	if r == retryOnNewConn {
		t.driver.counts.replaced.Add(1)
		t.lease.destroy()
		if t.lease, err = t.driver.lease(ctx, t.tenant); err != nil {
			return err
		}
		if _, err = t.lease.state(ctx); err != nil { // it can't be read within a transaction
			return err
		}
	}
	if t.lease.status() != idleStatus {
		if _, err = t.command(ctx, "rollback"); err != nil {
			return err
		}
	}
	t.suspect = r == retryUnprepared
	return t.lease.openReset(ctx, t.begin, t.tenant)
}
