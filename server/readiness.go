package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// readyFor is how long a result of /readyz is cached, because the route is public.
	readyFor = time.Second
	// checkTimeout bounds each check. Checks run concurrently.
	checkTimeout = 2 * time.Second
	// checkGrace is the time for a check to return after its context has ended.
	checkGrace = 250 * time.Millisecond
)

// Check is a readiness check. A check that is neither Required nor Degrades is only reported.
type Check struct {
	Name string // in /readyz
	// Required turns /readyz to not_ready (503) on failure.
	Required bool
	// Degrades turns /readyz to degraded (200) on failure: the server still serves reads.
	Degrades bool
	// Run returns nil if the check passes. ctx ends after 2 seconds.
	Run func(context.Context) error
}

// errCheckTimeout is returned when a check exceeds its timeout.
var errCheckTimeout = errors.New("timed out after " + checkTimeout.String())

// probe runs a check without overlap.
type probe struct {
	Check

	running atomic.Bool
}

// run returns the result of the check, or an error if it exceeds its timeout. A check that ignores its context is not
// started again before it returns.
func (p *probe) run(ctx context.Context) error {
	if !p.running.CompareAndSwap(false, true) {
		return errCheckTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	result := make(chan error, 1)
	go func() {
		defer cancel()
		defer p.running.Store(false)
		result <- p.Run(ctx)
	}()
	select {
	case err := <-result:
		return err
	case <-time.After(checkTimeout + checkGrace):
		return errCheckTimeout
	}
}

// readiness runs the checks and caches the result for [readyFor].
type readiness struct {
	log      *repeats
	clock    func() time.Time
	probes   []*probe
	draining atomic.Bool

	mu   sync.Mutex
	last readyView
	at   time.Time
}

func newReadiness(log *repeats, clock func() time.Time, checks []Check) *readiness {
	r := &readiness{log: log, clock: clock}
	for _, check := range checks {
		r.probes = append(r.probes, &probe{Check: check})
	}
	return r
}

// drain makes the server not ready permanently.
func (r *readiness) drain() { r.draining.Store(true) }

func (r *readiness) now(ctx context.Context) readyView {
	if r.draining.Load() {
		return readyView{Status: statusNotReady, Checks: []checkView{{
			Name: "stopping", Status: "failing",
			Required: true,
		}}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := r.clock().Sub(r.at); age >= 0 && age < readyFor {
		return r.last
	}
	// The result is cached for other callers, so it must not depend on this request's context.
	r.last, r.at = r.run(context.WithoutCancel(ctx)), r.clock()
	return r.last
}

func (r *readiness) run(ctx context.Context) readyView {
	results := make([]error, len(r.probes))
	var running sync.WaitGroup
	for i, p := range r.probes {
		running.Go(func() { results[i] = p.run(ctx) })
	}
	running.Wait()

	view := readyView{Status: statusReady, Checks: make([]checkView, 0, len(r.probes))}
	for i, p := range r.probes {
		state := checkOK
		if err := results[i]; err != nil {
			state = "failing"
			view.Status = p.worsen(view.Status)
			r.log.add(ctx, failureLine{
				kind: "check " + p.Name + causeKind(err), level: slog.LevelWarn, msg: "readiness check failed",
				attrs: []slog.Attr{slog.String("check", p.Name), slog.Bool("required", p.Required), causeAttr(err)},
			})
		}
		view.Checks = append(view.Checks, checkView{Name: p.Name, Status: state, Required: p.Required})
	}
	return view
}

// worsen returns the status after a failure of the check.
func (c Check) worsen(status string) string {
	switch {
	case c.Required:
		return statusNotReady
	case c.Degrades && status == statusReady:
		return statusDegraded
	}
	return status
}
