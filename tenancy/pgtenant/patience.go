package pgtenant

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// patience bounds waits as context.WithTimeout would, with one timer for all of them. A timer of its own for each
// statement, armed and stopped again, costs more than everything else about taking a connection that is free.
type patience struct {
	limit time.Duration

	mu    sync.Mutex
	waits list.List // of wait; the oldest is the first to end, since all have the same limit
	armed bool      // a sweep will come
}

type wait struct {
	until  time.Time
	giveUp context.CancelFunc
}

func newPatience(limit time.Duration) *patience { return &patience{limit: limit} }

// bound returns a context that ends with ctx, or when the limit has passed. Call stop when the wait is over.
func (p *patience) bound(ctx context.Context) (waiting context.Context, stop func()) {
	waiting, giveUp := context.WithCancel(ctx)
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
		giveUp()
	}
}

// sweep ends the waits whose time has come, and comes again for the next one.
func (p *patience) sweep() {
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
		w.giveUp()
	}
	p.armed = false
}
