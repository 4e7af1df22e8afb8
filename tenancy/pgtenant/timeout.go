package pgtenant

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// errAcquireTimeout is the cause of a context that ended by the limit of its [timeouts].
var errAcquireTimeout = errors.New("pgtenant: acquire timeout")

// timeouts bounds waits as context.WithTimeout would, with one timer for all of them. A timer of its own for each
// statement, armed and stopped again, costs more than everything else about taking a connection that is free.
type timeouts struct {
	limit time.Duration

	mu    sync.Mutex
	waits list.List // of wait; the oldest is the first to end, since all have the same limit
	armed bool      // a sweep will come
}

type wait struct {
	until  time.Time
	giveUp context.CancelCauseFunc
}

func newTimeouts(limit time.Duration) *timeouts { return &timeouts{limit: limit} }

// bound returns a context that ends with ctx, when the limit has passed, or when it is abandoned. Call stop when the wait
// is over.
func (p *timeouts) bound(ctx context.Context) (waiting context.Context, stop func()) {
	waiting, giveUp := context.WithCancelCause(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	entry := p.waits.PushBack(wait{until: time.Now().Add(p.limit), giveUp: giveUp})
	if !p.armed {
		p.armed = true
		time.AfterFunc(p.limit, p.sweep)
	}
	return waiting, func() {
		p.mu.Lock()
		p.waits.Remove(entry)
		p.mu.Unlock()
		giveUp(nil)
	}
}

// sweep ends the waits whose time has come, and comes again for the next one.
func (p *timeouts) sweep() {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for oldest := p.waits.Front(); oldest != nil; oldest = p.waits.Front() {
		w, _ := oldest.Value.(wait)
		if left := w.until.Sub(now); left > 0 {
			time.AfterFunc(left, p.sweep)
			return
		}
		p.waits.Remove(oldest)
		w.giveUp(errAcquireTimeout)
	}
	p.armed = false
}

// abandon ends the waits that began before since, with the cause.
func (p *timeouts) abandon(cause error, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for oldest := p.waits.Front(); oldest != nil; oldest = p.waits.Front() {
		w, _ := oldest.Value.(wait)
		if !w.until.Before(since.Add(p.limit)) {
			return
		}
		p.waits.Remove(oldest)
		w.giveUp(cause)
	}
}
