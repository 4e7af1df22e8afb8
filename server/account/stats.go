package account

import (
	"errors"
	"sync/atomic"
)

// LoginStats counts login attempts since the process started, and the callers of the semaphores for hashing now.
type LoginStats struct {
	// Attempts are counted by outcome: succeeded, wrong_credentials, throttled, busy or failed.
	Attempts                     map[string]int64
	UnknownDevices, KnownDevices SemaphoreStats
}

// SemaphoreStats are the callers of a [Semaphore] now.
type SemaphoreStats struct{ Running, Waiting int }

// Stats returns the current counts.
func (l *Logins) Stats() LoginStats {
	return LoginStats{
		Attempts: map[string]int64{
			"succeeded": l.counts.succeeded.Load(), "wrong_credentials": l.counts.wrong.Load(),
			"throttled": l.counts.throttled.Load(), "busy": l.counts.busy.Load(), "failed": l.counts.failed.Load(),
		},
		UnknownDevices: l.unknownDevices.Stats(), KnownDevices: l.knownDevices.Stats(),
	}
}

// Stats returns the current numbers of callers.
func (s *Semaphore) Stats() SemaphoreStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return SemaphoreStats{Running: s.running, Waiting: s.waiting}
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
