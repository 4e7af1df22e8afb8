package channel

import (
	"iter"
	"sync/atomic"
)

// Stats counts what came in since the process started.
type Stats struct {
	Delivered  int64 // messages that reached their tenant
	Unknown    int64 // messages of workspaces without an active connection; acknowledged
	Ignored    int64 // events that carry no message; acknowledged
	Unverified int64 // requests that are not the channel's; refused
	Dead       int64 // what can never be handled; logged and acknowledged
	Failed     int64 // what the channel should send again
}

// All yields each count under the name of its outcome, in a fixed order: the label and the value of a metric.
func (s Stats) All() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for _, c := range [...]struct {
			outcome string
			count   int64
		}{
			{"delivered", s.Delivered},
			{"unknown", s.Unknown},
			{"ignored", s.Ignored},
			{"unverified", s.Unverified},
			{"dead", s.Dead},
			{"failed", s.Failed},
		} {
			if !yield(c.outcome, c.count) {
				return
			}
		}
	}
}

type counts struct {
	delivered, unknown, ignored, unverified, dead, failed atomic.Int64
}

func (c *counts) stats() Stats {
	return Stats{
		Delivered:  c.delivered.Load(),
		Unknown:    c.unknown.Load(),
		Ignored:    c.ignored.Load(),
		Unverified: c.unverified.Load(),
		Dead:       c.dead.Load(),
		Failed:     c.failed.Load(),
	}
}
