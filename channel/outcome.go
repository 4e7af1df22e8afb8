package channel

import (
	"iter"
	"sync/atomic"
)

// Outcome is the result of a request, an event or a message.
type Outcome int

// The outcomes. Unverified is counted per request, the others per event or message.
const (
	Delivered  Outcome = iota // message delivered to its tenant
	Unknown                   // message of a workspace without an active connection; acknowledged
	Ignored                   // event without a message; acknowledged
	Unverified                // request with a bad signature; rejected
	Dead                      // event that can never be handled; logged and acknowledged
	Failed                    // message that the channel should send again
	outcomes
)

// String returns the outcome's name in logs and metrics.
func (o Outcome) String() string {
	return [outcomes]string{"delivered", "unknown", "ignored", "unverified", "dead", "failed"}[o]
}

// Stats counts outcomes since the process started. Its index is an [Outcome].
type Stats [outcomes]int64

// All yields each outcome's name and count, in a fixed order.
func (s Stats) All() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for outcome, count := range s {
			if !yield(Outcome(outcome).String(), count) {
				return
			}
		}
	}
}

type counts [outcomes]atomic.Int64

func (c *counts) stats() (s Stats) {
	for outcome := range c {
		s[outcome] = c[outcome].Load()
	}
	return s
}
