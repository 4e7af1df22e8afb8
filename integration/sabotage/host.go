package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// host stands in for a test, where packages made for tests are used by this command: the harness's databases and the
// attack kit. What fails is remembered, by name.
type host struct {
	testing.TB // for the method that only the testing package can have; everything that is called is below

	ctx  context.Context //nolint:containedctx // a test has one, too
	name string
	log  *failures
	skip []string // names of subtests that are not run

	returned chan struct{}   // closed when the host's own function has returned
	parallel chan struct{}   // closed when the subtest wants to run beside its siblings
	released <-chan struct{} // closed when the parent's own function has returned, and parallel subtests may go on
	beside   sync.WaitGroup

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

// failures are what was reported, of a host and all of its subtests.
type failures struct {
	mu    sync.Mutex
	lines []string
}

// hosted runs do as a test would run, and returns what it reported.
func hosted(ctx context.Context, name string, do func(*host)) error {
	h := newHost(ctx, name, &failures{})
	h.run(do)
	if len(h.log.lines) > 0 {
		return errors.New(strings.Join(h.log.lines, "\n"))
	}
	return nil
}

func newHost(ctx context.Context, name string, log *failures) *host {
	return &host{ctx: ctx, name: name, log: log, parallel: make(chan struct{}), returned: make(chan struct{})}
}

// run returns when do, all subtests and all clean-ups have ended. FailNow ends do's goroutine, as in the testing package.
func (h *host) run(do func(*host)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer h.tidy()
		defer h.beside.Wait()
		defer close(h.returned)
		defer func() {
			if p := recover(); p != nil {
				h.Errorf("panicked: %v", p)
			}
		}()
		do(h)
	}()
	<-done
}

func (h *host) tidy() {
	for _, clean := range slices.Backward(h.cleanups) {
		clean()
	}
}

// Run runs a subtest, and returns when it has ended, or has said that it is a parallel one.
func (h *host) Run(name string, f func(*host)) bool {
	if slices.Contains(h.skip, name) {
		return true
	}
	sub := newHost(h.ctx, h.name+"/"+name, h.log)
	sub.skip = h.skip
	sub.released = h.returned
	ended := make(chan struct{})
	h.beside.Go(func() {
		defer close(ended)
		sub.run(f)
	})
	select {
	case <-ended:
	case <-sub.parallel:
	}
	return !sub.Failed()
}

// Parallel lets the siblings begin, and goes on when the parent's function has returned, as in the testing package.
func (h *host) Parallel() {
	close(h.parallel)
	if h.released != nil {
		<-h.released
	}
}

// Helper, Name and Context are those of testing.TB.
func (h *host) Helper()                  {}
func (h *host) Name() string             { return h.name }
func (h *host) Context() context.Context { return h.ctx }

// Logf drops what it is told: a passing test says nothing either.
func (h *host) Logf(string, ...any) {}

// Cleanup is testing.TB's.
func (h *host) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

// Errorf marks the host as failed.
func (h *host) Errorf(format string, args ...any) {
	h.mu.Lock()
	h.failed = true
	h.mu.Unlock()
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	h.log.lines = append(h.log.lines, h.name+": "+fmt.Sprintf(format, args...))
}

// FailNow ends the host's goroutine.
func (h *host) FailNow() {
	h.mu.Lock()
	h.failed = true
	h.mu.Unlock()
	runtime.Goexit()
}

// Fatalf is Errorf, then FailNow.
func (h *host) Fatalf(format string, args ...any) {
	h.Errorf(format, args...)
	h.FailNow()
}

// Failed tells whether this very host has failed.
func (h *host) Failed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed
}
