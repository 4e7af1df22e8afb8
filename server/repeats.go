package server

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// firstSummary is when the repetitions of a failure are counted in the log for the first time.
	firstSummary = 10 * time.Second
	// laterSummaries is how much longer it takes until they are counted again.
	laterSummaries = 6
	// maxKinds bounds how many kinds of failure are told apart at a time.
	maxKinds = 256
)

// repeats logs failures that can occur on every request: the first one of a kind at once, and its repetitions as a count,
// after ten seconds and then once a minute. During an outage the log stays readable, and does not fill the disk.
type repeats struct {
	log   *slog.Logger
	first time.Duration

	mu    sync.Mutex
	kinds map[string]*repeated
}

// repeated is a failure that was logged lately.
type repeated struct {
	level slog.Level
	msg   string
	attrs []slog.Attr
	ctx   context.Context //nolint:containedctx // the summary belongs to no request, and is logged without one
	count int             // since it was last logged
	quiet bool            // nothing was counted in the last interval
	timer *time.Timer
}

func newRepeats(log *slog.Logger, first time.Duration) *repeats {
	return &repeats{log: log, first: first, kinds: map[string]*repeated{}}
}

// failureLine is one log line. Kind tells failures apart: it must not hold anything that differs for each request. Attrs
// are those of the kind; each are those of this occurrence.
type failureLine struct {
	kind        string
	level       slog.Level
	msg         string
	attrs, each []slog.Attr
}

// add logs the line, or counts it if one of its kind was logged lately.
func (r *repeats) add(ctx context.Context, line failureLine) {
	if r.known(ctx, line) {
		return
	}
	r.log.LogAttrs(ctx, line.level, line.msg, slices.Concat(line.attrs, line.each)...) //nolint:sloglint // a constant of the caller
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
	k := &repeated{
		level: line.level, msg: line.msg, attrs: line.attrs,
		ctx: withRequest(context.WithoutCancel(ctx), &request{}),
	}
	k.timer = time.AfterFunc(r.first, func() { r.summarize(line.kind) })
	r.kinds[line.kind] = k
	return false
}

// summarize logs how often the failure was repeated, and forgets one that was not for two intervals.
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

// flush logs what was counted so far, because the process is about to end.
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

// warn logs a failure that no request depends on. A nil err is none.
func (s *Server) warn(ctx context.Context, msg string, err error) {
	if err == nil {
		return
	}
	s.failures.add(ctx, failureLine{
		kind: msg + causeKind(err), level: slog.LevelWarn, msg: msg, attrs: []slog.Attr{causeAttr(err)},
	})
}
