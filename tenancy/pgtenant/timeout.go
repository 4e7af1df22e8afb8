package pgtenant

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// errAcquireTimeout is the cause of a context that [timeouts] canceled.
var errAcquireTimeout = errors.New("pgtenant: acquire timeout")

// timeouts cancels waits after the acquire timeout, with one timer for all. A timer per statement costs more than
// everything else in acquiring a free connection.
type timeouts struct {
	limit time.Duration

	mu    sync.Mutex
	waits list.List // of wait, the oldest first
	armed bool      // the timer runs
}

type wait struct {
	until  time.Time
	cancel context.CancelCauseFunc
}

func newTimeouts(limit time.Duration) *timeouts { return &timeouts{limit: limit} }

// bound returns a context that ends with ctx, when the limit has passed, or by cancelBefore. Call stop after the wait.
func (t *timeouts) bound(ctx context.Context) (waiting context.Context, stop func()) {
	waiting, cancel := context.WithCancelCause(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	entry := t.waits.PushBack(wait{until: time.Now().Add(t.limit), cancel: cancel})
	if !t.armed {
		t.armed = true
		time.AfterFunc(t.limit, t.sweep)
	}
	return waiting, func() {
		t.mu.Lock()
		t.waits.Remove(entry)
		t.mu.Unlock()
		cancel(nil)
	}
}

// sweep cancels the waits whose time has passed, and starts the timer for the next one.
func (t *timeouts) sweep() {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for oldest := t.waits.Front(); oldest != nil; oldest = t.waits.Front() {
		w, _ := oldest.Value.(wait)
		if left := w.until.Sub(now); left > 0 {
			time.AfterFunc(left, t.sweep)
			return
		}
		t.waits.Remove(oldest)
		w.cancel(errAcquireTimeout)
	}
	t.armed = false
}

// cancelBefore cancels the waits that began before since.
func (t *timeouts) cancelBefore(cause error, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for oldest := t.waits.Front(); oldest != nil; oldest = t.waits.Front() {
		w, _ := oldest.Value.(wait)
		if !w.until.Before(since.Add(t.limit)) {
			return
		}
		t.waits.Remove(oldest)
		w.cancel(cause)
	}
}
