package pgtenant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/konstruct/konstruct/tenancy"
)

// idleStatus is PostgreSQL's transaction status outside of a transaction.
const idleStatus = 'I'

// closeTimeout bounds the Terminate message to the server.
const closeTimeout = time.Second

// lease is a pooled connection in use, and its slots of the two limiters.
type lease struct {
	ctx      context.Context //nolint:containedctx // for closing the connection, which takes none
	pooled   *pgxpool.Conn
	driver   *Driver
	slot     *tenantSlot
	discard  bool // release closes the connection
	released bool
}

// lease waits for a slot of the tenant's limit and for a connection, within the acquire timeout.
func (d *Driver) lease(ctx context.Context, tenant tenancy.ID) (*lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("pgtenant: %w (%w)", err, ErrNoEffect)
	}
	waiting, stop := d.timeouts.bound(ctx)
	defer stop()
	slot, err := d.tenants.acquire(waiting, tenant)
	if err != nil {
		return nil, leaseError(ctx, waiting, err, func() error { return ErrTenantBusy })
	}
	leased := false
	defer func() {
		if !leased { // the pool had no connection, or one of its hooks panicked
			slot.release()
		}
	}()
	pooled, err := d.conns.acquire(waiting)
	if err != nil {
		return nil, leaseError(ctx, waiting, err, d.conns.busyErr)
	}
	leased = true
	return &lease{ctx: ctx, pooled: pooled, driver: d, slot: slot}, nil
}

// leaseError returns the reason why a wait ended: ctx, the acquire timeout (busy's error), or no connection could be
// opened.
func leaseError(ctx, waiting context.Context, err error, busy func() error) error {
	switch cause := context.Cause(waiting); {
	case ctx.Err() != nil:
		return fmt.Errorf("pgtenant: waiting for a connection: %w (%w)", ctx.Err(), ErrNoEffect)
	case errors.Is(cause, errAcquireTimeout):
		return busy()
	case cause != nil:
		return cause
	}
	return err
}

func (l *lease) conn() *pgx.Conn { return l.pooled.Conn() }

func (l *lease) status() byte { return l.conn().PgConn().TxStatus() }

// checkIdle returns an error if a single statement began a transaction.
func (l *lease) checkIdle() error {
	if l.status() != idleStatus {
		return ErrTxLeftOpen
	}
	return nil
}

// recordTag decides by a statement's command tag whether its connection may be used again. The effects of PREPARE,
// LISTEN, DECLARE and others outlive even a rolled-back transaction, so anything but a query or a change of rows costs
// the connection. A failed statement has no tag and is classified by its text.
func (l *lease) recordTag(s statement, tag pgconn.CommandTag, columns int, err error) {
	if err == nil && !isPlainTag(tag, columns) || err != nil && !isPlain(s.sql) {
		l.discard = true
	}
	switch {
	case outdated(tag, err):
		l.forgetAll()
	case err != nil:
		l.forget(s.sql)
	}
}

// translate calls [translate], and discards the connection to a read-only server.
func (l *lease) translate(ctx context.Context, tenant tenancy.ID, e effect, err error) error {
	err = translate(ctx, tenant, e, err)
	l.discard = l.discard || errors.Is(err, ErrReadOnlyServer)
	return err
}

// release returns the connection to the pool, once. The pool destroys a connection that is busy or in a transaction, so
// no transaction reaches the next user.
func (l *lease) release() {
	if l.released {
		return
	}
	l.released = true
	defer l.slot.release()
	defer l.driver.conns.release()
	defer l.returnToPool()
	if l.discard {
		l.close()
	}
}

// returnToPool removes a closed connection from the pool, which would otherwise count it while pgx closes the socket:
// 15 s if the server does not answer.
func (l *lease) returnToPool() {
	if l.conn().IsClosed() {
		l.pooled.Hijack()
		return
	}
	l.pooled.Release()
}

func (l *lease) destroy() {
	l.discard = true
	l.release()
}

//nolint:contextcheck,nolintlint // contextcheck reports all callers; the context may have ended
func (l *lease) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), closeTimeout)
	defer cancel()
	_ = l.conn().Close(ctx) // closes the socket in any case
}

// WithConn runs fn on a connection of the pool, then closes the connection. It waits as a statement does and returns
// the same errors, whereas [Driver.Pool] fails if the server accepts no further connection. What fn sends has no tenant
// and none of the driver's guarantees: use it to read the catalog.
func (d *Driver) WithConn(ctx context.Context, fn func(*pgx.Conn) error) error {
	l, err := d.lease(ctx, tenancy.ID{})
	if err != nil {
		return err
	}
	defer l.destroy()
	return fn(l.conn())
}
