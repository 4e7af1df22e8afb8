package account

import (
	"errors"
	"sync/atomic"
)

// LoginStats counts login attempts since the process started, and the callers of the queues for hashing now.
type LoginStats struct {
	// Attempts are counted by outcome: succeeded, wrong_credentials, throttled, busy or failed.
	Attempts map[string]int64
	// Strangers and Devices are the two queues; Devices is for remembered devices.
	Strangers, Devices QueueStats
}

// QueueStats are the callers of a [Queue] now.
type QueueStats struct{ Running, Waiting int }

// Stats returns the current counts.
func (l *Logins) Stats() LoginStats {
	return LoginStats{
		Attempts: map[string]int64{
			"succeeded": l.counts.succeeded.Load(), "wrong_credentials": l.counts.wrong.Load(),
			"throttled": l.counts.throttled.Load(), "busy": l.counts.busy.Load(), "failed": l.counts.failed.Load(),
		},
		Strangers: l.strangers.Stats(), Devices: l.devices.Stats(),
	}
}

// Stats returns the current numbers of callers.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStats{Running: q.running, Waiting: q.queued}
}

type loginCounts struct{ succeeded, wrong, throttled, busy, failed atomic.Int64 }

func (c *loginCounts) add(err error) {
	switch {
	case err == nil:
		c.succeeded.Add(1)
	case errors.Is(err, ErrCredentials):
		c.wrong.Add(1)
	case errors.Is(err, ErrTooManyAttempts):
		c.throttled.Add(1)
	case errors.Is(err, ErrBusy):
		c.busy.Add(1)
	default:
		c.failed.Add(1)
	}
}
