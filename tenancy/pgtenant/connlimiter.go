package pgtenant

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"
)

const (
	// firstBackoff and longestBackoff bound the pause between two attempts to open a connection, before jitter of ±50%.
	firstBackoff   = 50 * time.Millisecond
	longestBackoff = time.Second
	// grace is how long a lease waits with no open connection if the cause is transient.
	grace = time.Second
)

// connLimiter bounds the leases by the connections that exist. A lease takes a slot, then a connection of the pool.
//
// At first there is a slot for each connection that the pool may open. If opening one fails, the pool returns the
// error, even if another connection is about to be released. So the slot is withheld: there are as many slots as open
// connections, and the next lease waits for one of those. While leases wait, one goroutine redials, with backoff, and
// returns a slot for each success.
type connLimiter struct {
	pool     *pgxpool.Pool
	timeouts *timeouts
	free     *semaphore.Weighted
	waits    waits
	limit    int64

	mu       sync.Mutex
	withheld int64
	waiting  int           // leases that wait for a slot
	dialing  bool          // redial runs
	delay    time.Duration // the current backoff
	next     time.Time     // earliest time of the next attempt
	cause    *ConnectError // of the last failed attempt
	wake     chan struct{} // ends redial's pause early
}

func newConnLimiter(pool *pgxpool.Pool, t *timeouts) *connLimiter {
	limit := int64(pool.Config().MaxConns)
	return &connLimiter{
		pool: pool, timeouts: t, free: semaphore.NewWeighted(limit), limit: limit, wake: make(chan struct{}, 1),
	}
}

// acquire waits for a slot and a connection until ctx ends. It returns a [*ConnectError] if no connection is open. Call
// release afterwards.
func (l *connLimiter) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	var failing time.Time
	for {
		if err := l.acquireSlot(ctx); err != nil {
			return nil, err
		}
		conn, refused, err := l.connect(ctx)
		if refused == nil {
			return conn, err
		}
		if failing.IsZero() {
			failing = time.Now()
		}
		if l.working() == 0 && (!refused.transient() || time.Since(failing) >= grace) {
			return nil, refused
		}
	}
}

func (l *connLimiter) release() { l.free.Release(1) }

func (l *connLimiter) acquireSlot(ctx context.Context) error {
	if l.free.TryAcquire(1) {
		return nil
	}
	defer l.waits.begin()()
	l.addWaiting(ctx, 1)
	defer l.addWaiting(ctx, -1)
	return l.free.Acquire(ctx, 1)
}

func (l *connLimiter) addWaiting(ctx context.Context, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting += n
	l.startDialing(ctx)
}

// connect takes a connection of the pool for an acquired slot. On failure it releases the slot, or withholds it if the
// pool could not open a connection, which is the error refused.
func (l *connLimiter) connect(ctx context.Context) (conn *pgxpool.Conn, refused *ConnectError, err error) {
	keep := false
	defer func() {
		if !keep {
			l.release()
		}
	}()
	conn, err = l.pool.Acquire(ctx)
	switch {
	case err == nil:
		keep = true
		return conn, nil, nil
	case ctx.Err() != nil:
		return nil, nil, err
	}
	refused = newConnectError(err)
	if refused.Cause == CauseClosed {
		return nil, nil, refused
	}
	keep = true
	l.withhold(ctx, refused)
	return nil, refused, nil
}

// withhold takes the caller's slot out of use, and the free slots without a connection: each would cost another failed
// attempt.
func (l *connLimiter) withhold(ctx context.Context, refused *ConnectError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.withheld++
	for l.limit-l.withheld > int64(l.pool.Stat().TotalConns()) && l.free.TryAcquire(1) {
		l.withheld++
	}
	l.cause, l.delay = refused, 0
	l.backOff()
	l.startDialing(ctx)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// The caller of backOff, startDialing, needsDial and reclaimLocked holds the mutex.

func (l *connLimiter) backOff() {
	l.delay = min(max(firstBackoff, 2*l.delay), longestBackoff)
	jitter := time.Duration(rand.Int64N(int64(l.delay))) //nolint:gosec // jitter
	l.next = time.Now().Add(l.delay/2 + jitter)
}

func (l *connLimiter) startDialing(ctx context.Context) {
	if !l.dialing && l.needsDial() {
		l.dialing = true
		go l.redial(context.WithoutCancel(ctx))
	}
}

func (l *connLimiter) needsDial() bool { return l.withheld > 0 && l.waiting > 0 }

func (l *connLimiter) redial(ctx context.Context) {
	for l.waitForDial() {
		conn, err := l.pool.Acquire(ctx)
		if err == nil {
			conn.Release()
			l.reclaim()
			continue
		}
		l.dialFailed(newConnectError(err))
	}
}

// waitForDial waits for the next attempt. It returns false if none is needed.
func (l *connLimiter) waitForDial() bool {
	for {
		l.mu.Lock()
		l.reclaimLocked()
		pause := time.Until(l.next)
		l.dialing = l.needsDial()
		wanted := l.dialing
		l.mu.Unlock()
		if !wanted || pause <= 0 {
			return wanted
		}
		select {
		case <-time.After(pause):
		case <-l.wake:
		}
	}
}

func (l *connLimiter) reclaim() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.reclaimLocked() {
		// The pool returned an idle connection and opened none.
		l.next = time.Now().Add(firstBackoff)
	}
}

// reclaimLocked returns the withheld slots that have a connection now, and reports whether there were any.
func (l *connLimiter) reclaimLocked() (reclaimed bool) {
	if l.withheld == 0 {
		return false
	}
	for working := int64(l.working()); l.withheld > 0 && l.limit-l.withheld < working; reclaimed = true {
		l.withheld--
		l.free.Release(1)
	}
	if reclaimed {
		l.delay, l.next = 0, time.Time{}
	}
	return reclaimed
}

// dialFailed records a failed attempt. If no connection is open, it ends the waits.
func (l *connLimiter) dialFailed(refused *ConnectError) {
	l.mu.Lock()
	l.cause = refused
	l.backOff()
	l.mu.Unlock()
	if l.working() > 0 {
		return
	}
	since := time.Now()
	if refused.transient() {
		since = since.Add(-grace)
	}
	l.timeouts.cancelBefore(refused, since)
}

func (l *connLimiter) working() int32 {
	stat := l.pool.Stat()
	return stat.TotalConns() - stat.ConstructingConns()
}

// busyErr returns the error of a lease whose acquire timeout expired.
func (l *connLimiter) busyErr() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch working := l.working(); {
	case working == 0 && l.withheld == 0: // attempts are still running, since no host answers
		return &ConnectError{Cause: CauseTimeout}
	case working == 0:
		return l.cause
	case l.withheld == 0:
		return ErrPoolBusy
	}
	return &busyError{cause: l.cause.Cause}
}

// busyError is [ErrPoolBusy] with the reason why the pool can't grow.
type busyError struct{ cause Cause }

func (e *busyError) Error() string {
	return ErrPoolBusy.Error() + "; opening another one failed: " + string(e.cause)
}

func (*busyError) Unwrap() error { return ErrPoolBusy }
