package server

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// firstSummary is the delay of the first summary of a repeated failure.
	firstSummary = 10 * time.Second
	// laterSummaries is the factor to the delay of later summaries.
	laterSummaries = 6
	// maxKinds bounds the failures that are summarized.
	maxKinds = 256
)

// repeats logs failures that can occur on every request: the first one of a kind at once, then a summary after ten
// seconds and every minute, so that an outage does not flood the log.
type repeats struct {
	log   *slog.Logger
	first time.Duration

	mu    sync.Mutex
	kinds map[string]*repeated
}

// repeated is a recently logged failure.
type repeated struct {
	failureLine

	ctx   context.Context //nolint:containedctx // for the summary, which has no request
	count int             // since the last log line
	quiet bool            // no repetition in the last interval
	timer *time.Timer
}

func newRepeats(log *slog.Logger, first time.Duration) *repeats {
	return &repeats{log: log, first: first, kinds: map[string]*repeated{}}
}

// failureLine is a log line. Kind identifies the failure and must not contain anything specific to a request. Attrs
// belong to the kind, each to this occurrence.
type failureLine struct {
	kind        string
	level       slog.Level
	msg         string
	attrs, each []slog.Attr
}

// add logs the line, or counts it if one of its kind was logged recently.
func (r *repeats) add(ctx context.Context, line failureLine) {
	if r.known(ctx, line) {
		return
	}
	attrs := slices.Concat(line.attrs, line.each)
	r.log.LogAttrs(ctx, line.level, line.msg, attrs...) //nolint:sloglint // a constant of the caller
}

func (r *repeats) known(ctx context.Context, line failureLine) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.kinds[line.kind]; ok {
		k.count++
		return true
	}
	if len(r.kinds) >= maxKinds {
		return false
	}
	k := &repeated{failureLine: line, ctx: withRequest(context.WithoutCancel(ctx), &request{})}
	k.timer = time.AfterFunc(r.first, func() { r.summarize(line.kind) })
	r.kinds[line.kind] = k
	return false
}

// summarize logs the number of repetitions. It forgets a failure after two intervals without one.
func (r *repeats) summarize(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.kinds[kind]
	if k == nil {
		return
	}
	if k.count == 0 && k.quiet {
		delete(r.kinds, kind)
		return
	}
	k.quiet = k.count == 0
	if k.count > 0 {
		r.count(k)
	}
	k.timer.Reset(laterSummaries * r.first)
}

func (r *repeats) count(k *repeated) {
	attrs := append(slices.Clip(k.attrs), slog.Int("repeated", k.count))
	r.log.LogAttrs(k.ctx, k.level, k.msg, attrs...) //nolint:sloglint // a constant of the caller
	k.count = 0
}

// flush logs all pending summaries before the process exits.
func (r *repeats) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, k := range r.kinds {
		k.timer.Stop()
		if k.count > 0 {
			r.count(k)
		}
		delete(r.kinds, kind)
	}
}

// warn logs a failure that does not fail a request. A nil err is ignored.
func (s *Server) warn(ctx context.Context, msg string, err error) {
	if err == nil {
		return
	}
	s.failures.add(ctx, failureLine{
		kind: msg + causeKind(err), level: slog.LevelWarn, msg: msg, attrs: []slog.Attr{causeAttr(err)},
	})
}
