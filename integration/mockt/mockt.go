// Package mockt is a fake testing.T: it runs code that takes one outside a test, or where a failure is expected.
package mockt

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

// T records failures by test name instead of failing. It discards logs.
type T struct {
	testing.TB // for the method that only the testing package can implement

	// Without are names of subtests that Run leaves out. Subtests inherit it.
	Without []string

	ctx  context.Context //nolint:containedctx // as *testing.T
	name string
	log  *failures

	returned chan struct{}   // closed when the test's own function has returned
	parallel chan struct{}   // closed when the subtest calls Parallel
	released <-chan struct{} // closed when the parent's own function has returned, and parallel subtests may continue
	slots    chan struct{}   // limits parallel subtests; one that waits for its own subtests needs no slot
	hasSlot  bool
	subtests sync.WaitGroup

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

// failures are those of a test and all of its subtests.
type failures struct {
	mu    sync.Mutex
	lines []string
}

// maxParallel limits the parallel subtests that run at once, as the flag -parallel does in the testing package.
const maxParallel = 4

// New returns a test that has not started.
func New(ctx context.Context, name string) *T {
	return newT(ctx, name, &failures{}, make(chan struct{}, maxParallel))
}

func newT(ctx context.Context, name string, log *failures, slots chan struct{}) *T {
	return &T{
		ctx: ctx, name: name, log: log, slots: slots,
		parallel: make(chan struct{}), returned: make(chan struct{}),
	}
}

// Do runs the test once. It returns when do, all subtests and all cleanups have ended.
func (t *T) Do(do func(*T)) {
	done := make(chan struct{})
	go func() { // FailNow ends this goroutine, as in the testing package
		defer close(done)
		defer t.cleanup()
		defer t.subtests.Wait()
		defer func() {
			if t.hasSlot {
				<-t.slots
			}
			close(t.returned)
		}()
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("panicked: %v", p)
			}
		}()
		do(t)
	}()
	<-done
}

func (t *T) cleanup() {
	for _, clean := range slices.Backward(t.cleanups) {
		clean()
	}
}

// Failures returns what the test and its subtests reported, as "name: message".
func (t *T) Failures() []string {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	return slices.Clone(t.log.lines)
}

// Err returns the failures as one error.
func (t *T) Err() error {
	if lines := t.Failures(); len(lines) > 0 {
		return errors.New(strings.Join(lines, "\n"))
	}
	return nil
}

// Run runs a subtest. It returns when the subtest has ended or called Parallel.
func (t *T) Run(name string, f func(*T)) bool {
	if slices.Contains(t.Without, name) {
		return true
	}
	sub := newT(t.ctx, t.name+"/"+name, t.log, t.slots)
	sub.Without, sub.released = t.Without, t.returned
	ended := make(chan struct{})
	t.subtests.Go(func() {
		defer close(ended)
		sub.Do(f)
	})
	select {
	case <-ended:
	case <-sub.parallel:
	}
	return !sub.Failed()
}

// Parallel waits until the parent's function has returned and fewer than 4 other parallel subtests run.
func (t *T) Parallel() {
	close(t.parallel)
	if t.released != nil {
		<-t.released
	}
	t.slots <- struct{}{}
	t.hasSlot = true
}

// Helper does nothing.
func (t *T) Helper() {}

// Name returns the names of the test and its parents.
func (t *T) Name() string { return t.name }

// Context returns the context given to New.
func (t *T) Context() context.Context { return t.ctx }

// Logf discards the message.
func (t *T) Logf(string, ...any) {}

// Cleanup calls f when the test has ended.
func (t *T) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// Errorf records a failure.
func (t *T) Errorf(format string, args ...any) {
	t.fail()
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	t.log.lines = append(t.log.lines, t.name+": "+fmt.Sprintf(format, args...))
}

// FailNow ends the test's goroutine.
func (t *T) FailNow() {
	t.fail()
	runtime.Goexit()
}

// Fatalf is Errorf, then FailNow.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}

func (t *T) fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
}

// Failed reports whether this test, not a subtest, has failed.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}
