package channel

import "sync/atomic"

// Stats counts what came in since the start.
type Stats struct {
	Delivered  int64 // messages that reached their tenant
	Unknown    int64 // of workspaces that belong to no tenant; acknowledged
	Ignored    int64 // events that carry no message; acknowledged
	Unverified int64 // not the channel's
	Malformed  int64 // the channel's, but unreadable
	Failed     int64 // to come again
}

type counts struct {
	delivered, unknown, ignored, unverified, malformed, failed atomic.Int64
}

// Stats returns the counts of now.
func (s *Slack) Stats() Stats {
	return Stats{
		Delivered:  s.counts.delivered.Load(),
		Unknown:    s.counts.unknown.Load(),
		Ignored:    s.counts.ignored.Load(),
		Unverified: s.counts.unverified.Load(),
		Malformed:  s.counts.malformed.Load(),
		Failed:     s.counts.failed.Load(),
	}
}
