package mail

import "sync/atomic"

// WorkerStats counts attempts since the process started.
type WorkerStats struct {
	Sent, Retried int64
	// GaveUp is counted by reason: rejected, gave_up or obsolete.
	GaveUp map[string]int64
}

// Stats returns the current counts.
func (w *Worker) Stats() WorkerStats {
	return WorkerStats{
		Sent: w.counts.sent.Load(), Retried: w.counts.retried.Load(),
		GaveUp: map[string]int64{
			ReasonRejected: w.counts.rejected.Load(), ReasonGaveUp: w.counts.gaveUp.Load(),
			ReasonObsolete: w.counts.obsolete.Load(),
		},
	}
}

type workerCounts struct{ sent, retried, rejected, gaveUp, obsolete atomic.Int64 }

func (c *workerCounts) add(reason string) {
	switch reason {
	case ReasonRejected:
		c.rejected.Add(1)
	case ReasonGaveUp:
		c.gaveUp.Add(1)
	case ReasonObsolete:
		c.obsolete.Add(1)
	default:
		c.retried.Add(1)
	}
}
