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
	// firstBackoff and longestBackoff bound the pause between two attempts to open a connection, before jitter of ±50 %.
	firstBackoff   = 50 * time.Millisecond
	longestBackoff = time.Second
	// grace is how long a lease waits without any working connection if the cause is likely to pass by itself.
	grace = time.Second
)

// slots bounds the leases by the connections that can be had. A lease takes a slot, then a connection of the pool.
//
// At first there is a slot for each connection that the pool may open. The pool opens one when none is idle, and returns
// a failure to do so to its caller even if other connections work and are about to be released. So a slot whose connection
// could not be opened is withheld, which leaves as many slots as there are connections: the next lease waits in line for
// one of those. While leases wait, one goroutine tries to open another connection, with backoff, and returns a slot for
// each that it opens.
type slots struct {
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
	next     time.Time     // not before then is the next attempt
	cause    *ConnectError // of the last failed attempt
	wake     chan struct{} // ends redial's pause early
}

func newSlots(pool *pgxpool.Pool, t *timeouts) *slots {
	limit := int64(pool.Config().MaxConns)
	return &slots{
		pool: pool, timeouts: t, free: semaphore.NewWeighted(limit), limit: limit, wake: make(chan struct{}, 1),
	}
}

// acquire waits for a slot and a connection until ctx ends. It is a [*ConnectError] when there is no working
// connection to wait for. Give the slot back with release.
func (s *slots) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	var failing time.Time
	for {
		if err := s.take(ctx); err != nil {
			return nil, err
		}
		conn, refused, err := s.connect(ctx)
		if refused == nil {
			return conn, err
		}
		if failing.IsZero() {
			failing = time.Now()
		}
		if s.working() == 0 && (!refused.passing() || time.Since(failing) >= grace) {
			return nil, refused
		}
	}
}

// release gives a slot back.
func (s *slots) release() { s.free.Release(1) }

// take waits for a slot, in the order of arrival.
func (s *slots) take(ctx context.Context) error {
	if s.free.TryAcquire(1) {
		return nil
	}
	defer s.waits.begin()()
	s.wait(ctx, 1)
	defer s.wait(ctx, -1)
	return s.free.Acquire(ctx, 1)
}

func (s *slots) wait(ctx context.Context, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting += n
	s.startDialing(ctx)
}

// connect takes a connection of the pool, for a slot that was taken. On failure the slot is given back, or withheld
// where the pool could not open a connection: that is refused.
func (s *slots) connect(ctx context.Context) (conn *pgxpool.Conn, refused *ConnectError, err error) {
	keep := false
	defer func() {
		if !keep {
			s.release()
		}
	}()
	conn, err = s.pool.Acquire(ctx)
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
	s.withhold(ctx, refused)
	return nil, refused, nil
}

// withhold keeps the caller's slot back, and the free ones for which there is no connection either: each would cost
// another attempt that fails.
func (s *slots) withhold(ctx context.Context, refused *ConnectError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withheld++
	for s.limit-s.withheld > int64(s.pool.Stat().TotalConns()) && s.free.TryAcquire(1) {
		s.withheld++
	}
	s.cause, s.delay = refused, 0
	s.backOff()
	s.startDialing(ctx)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// backOff sets the time of the next attempt. The mutex is held.
func (s *slots) backOff() {
	s.delay = min(max(firstBackoff, 2*s.delay), longestBackoff)
	jitter := time.Duration(rand.Int64N(int64(s.delay))) //nolint:gosec // it only has to differ between processes
	s.next = time.Now().Add(s.delay/2 + jitter)
}

// startDialing runs redial where it is wanted and does not run. The mutex is held.
func (s *slots) startDialing(ctx context.Context) {
	if !s.dialing && s.wanted() {
		s.dialing = true
		go s.redial(context.WithoutCancel(ctx))
	}
}

// wanted reports whether another connection would serve a lease. The mutex is held.
func (s *slots) wanted() bool { return s.withheld > 0 && s.waiting > 0 }

// redial opens connections, one after the other, as long as leases wait and slots are withheld.
func (s *slots) redial(ctx context.Context) {
	for s.due() {
		conn, err := s.pool.Acquire(ctx)
		if err == nil {
			conn.Release()
			s.regain()
			continue
		}
		s.failed(newConnectError(err))
	}
}

// due waits for the time of the next attempt. It is false when none is wanted any more.
func (s *slots) due() bool {
	for {
		s.mu.Lock()
		s.regainLocked()
		pause := time.Until(s.next)
		s.dialing = s.wanted()
		wanted := s.dialing
		s.mu.Unlock()
		if !wanted || pause <= 0 {
			return wanted
		}
		select {
		case <-time.After(pause):
		case <-s.wake:
		}
	}
}

// regain returns slots after an attempt that gave a connection.
func (s *slots) regain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.regainLocked() {
		// The pool had an idle connection, so no attempt was made.
		s.next = time.Now().Add(firstBackoff)
	}
}

// regainLocked returns the slots for which there is a connection after all, and reports whether there was one.
func (s *slots) regainLocked() (regained bool) {
	if s.withheld == 0 {
		return false
	}
	for working := int64(s.working()); s.withheld > 0 && s.limit-s.withheld < working; regained = true {
		s.withheld--
		s.free.Release(1)
	}
	if regained {
		s.delay, s.next = 0, time.Time{}
	}
	return regained
}

// failed notes the outcome of an attempt. Where no connection works, the waiting leases end with it.
func (s *slots) failed(refused *ConnectError) {
	s.mu.Lock()
	s.cause = refused
	s.backOff()
	s.mu.Unlock()
	if s.working() > 0 {
		return
	}
	since := time.Now()
	if refused.passing() {
		since = since.Add(-grace)
	}
	s.timeouts.abandon(refused, since)
}

// working counts the connections that are open, in use or not.
func (s *slots) working() int32 {
	stat := s.pool.Stat()
	return stat.TotalConns() - stat.ConstructingConns()
}

// busy returns the error of a lease that got no connection within the acquire timeout.
func (s *slots) busy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch working := s.working(); {
	case working == 0 && s.withheld == 0: // each slot's attempt goes on: several hosts or addresses that do not answer
		return &ConnectError{Cause: CauseTimeout}
	case working == 0:
		return s.cause
	case s.withheld == 0:
		return ErrPoolBusy
	}
	return &busyError{cause: s.cause.Cause}
}

// busyError is [ErrPoolBusy] with the reason why the pool is smaller than it may be.
type busyError struct{ cause Cause }

func (e *busyError) Error() string {
	return ErrPoolBusy.Error() + "; opening another one failed: " + string(e.cause)
}

func (*busyError) Unwrap() error { return ErrPoolBusy }
