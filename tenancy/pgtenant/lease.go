package pgtenant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"github.com/konstruct/konstruct/tenancy"
)

// idleStatus is PostgreSQL's transaction status of a connection outside of any transaction.
const idleStatus = 'I'

// closeTimeout bounds how long it may take to say good-bye to the server.
const closeTimeout = time.Second

// lease is a pooled connection in use, together with the tenant's share that it takes up.
type lease struct {
	ctx     context.Context //nolint:containedctx // for closing the connection, which takes none
	pooled  *pgxpool.Conn
	slots   *slots
	share   *share
	resets  bool // sessions are reset after reads
	spoiled bool // the connection must not be used again
	over    bool // it was released
}

// lease waits for a connection, and for one of the tenant's share, within the acquire timeout.
func (d *Driver) lease(ctx context.Context, tenant tenancy.ID) (*lease, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("pgtenant: %w (%w)", err, ErrNoEffect)
	}
	waiting, stop := d.timeouts.bound(ctx)
	defer stop()
	own, err := d.shares.take(waiting, tenant)
	if err != nil {
		return nil, leaseError(ctx, waiting, err, func() error { return ErrTenantBusy })
	}
	leased := false
	defer func() {
		if !leased { // the pool had no connection, or one of its hooks panicked
			own.give()
		}
	}()
	pooled, err := d.slots.acquire(waiting)
	if err != nil {
		return nil, leaseError(ctx, waiting, err, d.slots.busy)
	}
	leased = true
	return &lease{ctx: ctx, pooled: pooled, slots: d.slots, share: own, resets: d.resets}, nil
}

// leaseError tells apart why a wait ended: the caller gave up, the acquire timeout expired, which is busy's error, or
// the server can't be reached.
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

// status is the server's own word on the connection's transaction, as of its last answer.
func (l *lease) status() byte { return l.conn().PgConn().TxStatus() }

// idle is an error when the connection is inside a transaction that nobody owns.
func (l *lease) idle() error {
	if l.status() != idleStatus {
		return ErrTxLeftOpen
	}
	return nil
}

// saw takes note of a statement's command tag. A connection on which anything but a query or a change of rows ran is not
// used again: what PREPARE, LISTEN, DECLARE and others leave in a session outlives the transaction, even one that is rolled
// back. A statement that failed has no tag, and is judged by its text.
func (l *lease) saw(s statement, tag pgconn.CommandTag, columns int, err error) {
	if err == nil && !isPlainTag(tag, columns) || err != nil && !isPlain(s.sql) {
		l.spoiled = true
	}
	switch {
	case outdated(tag, err):
		l.forgetAll()
	case err != nil:
		l.forget(s.sql)
	}
}

// translate is [translate]. A server that became read-only costs the connection.
func (l *lease) translate(ctx context.Context, tenant tenancy.ID, e effect, err error) error {
	err = translate(ctx, tenant, e, err)
	l.spoiled = l.spoiled || errors.Is(err, ErrReadOnlyServer)
	return err
}

// release gives the connection back, once. The pool destroys one that is busy, or not idle, so that nothing of a
// transaction reaches the next user.
func (l *lease) release() {
	if l.over {
		return
	}
	l.over = true
	defer l.share.give()
	defer l.slots.release()
	defer l.leave()
	if l.spoiled {
		l.close()
	}
}

// leave returns the connection to the pool. A closed one is removed from the pool instead: pgx may take up to 15 s to close
// its socket where the server does not answer, and the pool would count the connection until then.
func (l *lease) leave() {
	if l.conn().IsClosed() {
		l.pooled.Hijack()
		return
	}
	l.pooled.Release()
}

// destroy releases the connection so that it is not used again.
func (l *lease) destroy() {
	l.spoiled = true
	l.release()
}

//nolint:contextcheck,nolintlint // contextcheck reads this for all callers: the connection is closed, whatever became of the context
func (l *lease) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), closeTimeout)
	defer cancel()
	_ = l.conn().Close(ctx) // the socket is closed, whatever the server says
}

// shares bounds how many connections one tenant may hold at once, so that a busy tenant slows down itself and not
// the others.
type shares struct {
	each  int64
	waits waits

	mu    sync.Mutex
	inUse map[tenancy.ID]*share
}

// share is one tenant's. The nil share is the platform's, which is not bounded.
type share struct {
	shares *shares
	tenant tenancy.ID
	slots  *semaphore.Weighted
	users  int // holders and waiters; the last one to go removes the entry
}

func newShares(maxConns int32) *shares {
	return &shares{each: int64(max(1, maxConns/2)), inUse: map[tenancy.ID]*share{}}
}

// take waits for one of the tenant's slots. Give it back. Work without a tenant is the platform's own and is not bounded.
func (s *shares) take(ctx context.Context, tenant tenancy.ID) (*share, error) {
	if tenant.IsZero() {
		return nil, nil //nolint:nilnil // see share
	}
	own := s.enter(tenant)
	if own.slots.TryAcquire(1) {
		return own, nil
	}
	defer s.waits.begin()()
	if err := own.slots.Acquire(ctx, 1); err != nil {
		own.leave()
		return nil, err
	}
	return own, nil
}

func (s *shares) enter(tenant tenancy.ID) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, ok := s.inUse[tenant]
	if !ok {
		own = &share{shares: s, tenant: tenant, slots: semaphore.NewWeighted(s.each)}
		s.inUse[tenant] = own
	}
	own.users++
	return own
}

// give returns a slot that was taken.
func (s *share) give() {
	if s != nil {
		s.slots.Release(1)
		s.leave()
	}
}

func (s *share) leave() {
	s.shares.mu.Lock()
	defer s.shares.mu.Unlock()
	s.users--
	if s.users == 0 {
		delete(s.shares.inUse, s.tenant)
	}
}
