package account

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
)

// QueueOptions bounds a [Queue]. Zero values have defaults.
type QueueOptions struct {
	// AtOnce is how many turns run at the same time. The default is half of the cores, at least 1, and no more hashes than
	// fit into a quarter of Go's memory limit (GOMEMLIMIT), or into 64 MiB where there is none.
	AtOnce int
	// Waiting is how many callers may wait for a turn. The default is 256.
	Waiting int
}

const (
	defaultWaiting = 256
	// hashMemory is what all running hashes may take together where Go has no memory limit, in bytes.
	hashMemory = 64 << 20
	// memoryShare is the fraction of Go's memory limit that they may take otherwise.
	memoryShare = 4
)

// Queue gives turns to callers, bounded in number and shared fairly between clients: each client that waits gets one
// turn before any client gets a second one, however many callers of it wait. When the queue is full, the client with the
// most waiting callers loses its newest one. It is safe for concurrent use.
//
// Hashing a password is expensive by design, so it needs such a bound, and no single client may take all of it.
type Queue struct {
	atOnce, waiting int

	mu      sync.Mutex
	running int
	queued  int
	clients []*line // in the order of their next turn; none is empty
}

// line is the callers of one client that wait.
type line struct {
	client string
	turns  []*turn
}

// turn is one caller's. Its channel receives nil when the turn begins, and ErrBusy when the caller lost its place.
type turn struct{ begin chan error }

// NewQueue makes a queue.
func NewQueue(o QueueOptions) *Queue {
	if o.AtOnce <= 0 {
		o.AtOnce = defaultAtOnce(runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1))
	}
	if o.Waiting <= 0 {
		o.Waiting = defaultWaiting
	}
	return &Queue{atOnce: o.AtOnce, waiting: o.Waiting}
}

// defaultAtOnce bounds hashing by cores and by memory. The limit is Go's, in bytes.
func defaultAtOnce(cores int, limit int64) int {
	budget := limit / memoryShare
	if limit == math.MaxInt64 { // none
		budget = hashMemory
	}
	each := int64(OWASP().MemoryKiB) << 10
	return int(max(1, min(int64(cores/2), budget/each)))
}

// Enter waits for a turn of client's and returns the function that ends it. The error is [ErrBusy] when the queue is full,
// or the context's. Neither costs more than memory.
func (q *Queue) Enter(ctx context.Context, client string) (leave func(), err error) {
	mine, err := q.join(client)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-mine.begin:
	case <-ctx.Done():
		if q.forget(client, mine) {
			return nil, ctx.Err()
		}
		err = <-mine.begin // the turn began, or was lost, at the same moment
	}
	if err != nil {
		return nil, err
	}
	return q.leave, nil
}

// join begins a turn at once where one is free, and otherwise lines it up.
func (q *Queue) join(client string) (*turn, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := &turn{begin: make(chan error, 1)}
	if q.running < q.atOnce {
		q.running++
		mine.begin <- nil
		return mine, nil
	}
	own := q.find(client)
	if q.queued >= q.waiting && !q.displace(own) {
		return nil, ErrBusy
	}
	if own == nil {
		own = &line{client: client}
		q.clients = append(q.clients, own)
	}
	own.turns = append(own.turns, mine)
	q.queued++
	return mine, nil
}

// displace takes a place from the longest line, if it is longer than own would become.
func (q *Queue) displace(own *line) bool {
	longest := slices.MaxFunc(q.clients, func(a, b *line) int { return len(a.turns) - len(b.turns) })
	mine := 0
	if own != nil {
		mine = len(own.turns)
	}
	if len(longest.turns) <= mine+1 {
		return false
	}
	last := longest.turns[len(longest.turns)-1]
	q.remove(longest, last)
	last.begin <- ErrBusy
	return true
}

// forget removes a caller that stopped waiting. It reports false when the caller is no longer in the queue.
func (q *Queue) forget(client string, mine *turn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := q.find(client)
	return own != nil && q.remove(own, mine)
}

// leave ends a turn, and begins the next one: of the client whose turn it is, the caller that has waited longest.
func (q *Queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.clients) == 0 {
		q.running--
		return
	}
	next := q.clients[0]
	first := next.turns[0]
	q.clients = append(q.clients[1:], next)
	q.remove(next, first)
	first.begin <- nil
}

func (q *Queue) find(client string) *line {
	if i := slices.IndexFunc(q.clients, func(l *line) bool { return l.client == client }); i >= 0 {
		return q.clients[i]
	}
	return nil
}

func (q *Queue) remove(from *line, t *turn) bool {
	i := slices.Index(from.turns, t)
	if i < 0 {
		return false
	}
	from.turns = slices.Delete(from.turns, i, i+1)
	q.queued--
	if len(from.turns) == 0 {
		q.clients = slices.DeleteFunc(q.clients, func(l *line) bool { return l == from })
	}
	return true
}
