package account

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
)

// SemaphoreOptions configures a [Semaphore]. Zero values have defaults.
type SemaphoreOptions struct {
	// Concurrency is the number of slots. The default is half of the cores, at least 1, bounded by the hashes that fit
	// into a quarter of Go's memory limit (GOMEMLIMIT), or into 64 MiB without one.
	Concurrency int
	// MaxWaiting is the number of callers that may wait for a slot. The default is 256.
	MaxWaiting int
}

const (
	defaultMaxWaiting = 256
	// hashMemory bounds the memory of all running hashes if Go has no memory limit, in bytes.
	hashMemory = 64 << 20
	// memoryDivisor is the fraction of Go's memory limit that they may use otherwise.
	memoryDivisor = 4
)

// Semaphore bounds password hashing and is fair: it grants slots to waiting clients in round-robin order. If the queue
// is full, the client with the most waiting callers loses its newest one. It is safe for concurrent use.
type Semaphore struct {
	concurrency, maxWaiting int

	mu      sync.Mutex
	running int
	waiting int
	clients []*clientQueue // in round-robin order, none of them empty
}

// clientQueue holds the waiting callers of one client.
type clientQueue struct {
	client  string
	waiters []waiter
}

// waiter receives nil when it acquires a slot, and ErrBusy when it is displaced.
type waiter chan error

// NewSemaphore creates a semaphore.
func NewSemaphore(o SemaphoreOptions) *Semaphore {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency(runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1))
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = defaultMaxWaiting
	}
	return &Semaphore{concurrency: o.Concurrency, maxWaiting: o.MaxWaiting}
}

// defaultConcurrency bounds hashing by cores and by Go's memory limit in bytes.
func defaultConcurrency(cores int, limit int64) int {
	budget := limit / memoryDivisor
	if limit == math.MaxInt64 { // no limit
		budget = hashMemory
	}
	each := int64(OWASP().MemoryKiB) << 10
	return int(max(1, min(int64(cores/2), budget/each)))
}

// Acquire waits for a slot for the client and returns the function that releases it. Returns [ErrBusy] if the queue is
// full, or the context's error.
func (s *Semaphore) Acquire(ctx context.Context, client string) (release func(), err error) {
	w, err := s.enqueue(client)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-w:
	case <-ctx.Done():
		if s.cancel(client, w) {
			return nil, ctx.Err()
		}
		err = <-w // acquired or displaced at the same moment
	}
	if err != nil {
		return nil, err
	}
	return s.release, nil
}

// enqueue takes a free slot or adds a waiter.
func (s *Semaphore) enqueue(client string) (waiter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := make(waiter, 1)
	if s.running < s.concurrency {
		s.running++
		w <- nil
		return w, nil
	}
	queue := s.find(client)
	if s.waiting >= s.maxWaiting && !s.displace(queue) {
		return nil, ErrBusy
	}
	if queue == nil {
		queue = &clientQueue{client: client}
		s.clients = append(s.clients, queue)
	}
	queue.waiters = append(queue.waiters, w)
	s.waiting++
	return w, nil
}

// displace removes the newest waiter of the longest queue if that is longer than queue would become.
func (s *Semaphore) displace(queue *clientQueue) bool {
	longest := slices.MaxFunc(s.clients, func(a, b *clientQueue) int { return len(a.waiters) - len(b.waiters) })
	length := 0
	if queue != nil {
		length = len(queue.waiters)
	}
	if len(longest.waiters) <= length+1 {
		return false
	}
	last := longest.waiters[len(longest.waiters)-1]
	s.remove(longest, last)
	last <- ErrBusy
	return true
}

// cancel removes a waiter whose context ended. It reports false if the waiter has left the queue.
func (s *Semaphore) cancel(client string, w waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.find(client)
	return queue != nil && s.remove(queue, w)
}

// release passes the slot to the oldest waiter of the next client.
func (s *Semaphore) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) == 0 {
		s.running--
		return
	}
	next := s.clients[0]
	first := next.waiters[0]
	s.clients = append(s.clients[1:], next)
	s.remove(next, first)
	first <- nil
}

func (s *Semaphore) find(client string) *clientQueue {
	if i := slices.IndexFunc(s.clients, func(q *clientQueue) bool { return q.client == client }); i >= 0 {
		return s.clients[i]
	}
	return nil
}

func (s *Semaphore) remove(queue *clientQueue, w waiter) bool {
	i := slices.Index(queue.waiters, w)
	if i < 0 {
		return false
	}
	queue.waiters = slices.Delete(queue.waiters, i, i+1)
	s.waiting--
	if len(queue.waiters) == 0 {
		s.clients = slices.DeleteFunc(s.clients, func(q *clientQueue) bool { return q == queue })
	}
	return true
}
