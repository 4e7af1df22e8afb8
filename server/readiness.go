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
	// readyFor is how long an answer of /readyz is reused: the route is public, and may be asked at any rate.
	readyFor = time.Second
	// checkTimeout bounds each check. The checks run at the same time, so it bounds the answer as well.
	checkTimeout = 2 * time.Second
	// checkGrace is how long a check may take to return after its context has ended.
	checkGrace = 250 * time.Millisecond
)

// Check is one condition of the server's readiness. A check that is neither Required nor Degrades is only reported.
type Check struct {
	Name string // as /readyz shows it
	// Required makes a failure turn /readyz to not_ready, which is a 503.
	Required bool
	// Degrades makes a failure turn /readyz to degraded, which is a 200: the server still serves reads.
	Degrades bool
	// Run returns nil while the condition holds. ctx ends after 2 seconds, and the check has failed then.
	Run func(context.Context) error
}

// errNoAnswer is the result of a check that outlasted its timeout.
var errNoAnswer = errors.New("timed out after " + checkTimeout.String())

// probe runs a check, at most once at a time.
type probe struct {
	Check

	running atomic.Bool
}

// run returns the check's result, or [errNoAnswer] after the timeout if the check ignores its context. Such a check is
// not started again until it has returned.
func (p *probe) run(ctx context.Context) error {
	if !p.running.CompareAndSwap(false, true) {
		return errNoAnswer
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
		return errNoAnswer
	}
}

// readiness runs the checks for one caller at a time and reuses the answer for [readyFor].
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

// drain makes the server not ready for good, so that load balancers stop sending requests.
func (r *readiness) drain() { r.draining.Store(true) }

func (r *readiness) now(ctx context.Context) readyView {
	if r.draining.Load() {
		return readyView{Status: statusNotReady, Checks: []checkView{{Name: "stopping", Status: "failing", Required: true}}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := r.clock().Sub(r.at); age >= 0 && age < readyFor {
		return r.last
	}
	// The answer is reused for other callers, so it must not depend on this one's connection.
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

// worsen returns the server's status after a failure of the check.
func (c Check) worsen(status string) string {
	switch {
	case c.Required:
		return statusNotReady
	case c.Degrades && status == statusReady:
		return statusDegraded
	}
	return status
}
