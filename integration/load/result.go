package load

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

type recorder struct {
	mu     sync.Mutex
	counts Result
	// unexplained counts errors that no injected fault explains, by text.
	unexplained map[string]int
}

func newRecorder() *recorder {
	return &recorder{counts: Result{Done: map[string]int{}, Faults: map[string]int{}}, unexplained: map[string]int{}}
}

// add changes the counts.
func (r *recorder) add(change func(*Result)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.counts)
}

func (r *recorder) unexpected(where string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unexplained[fmt.Sprintf("%s: %v", where, err)]++
}

// enough reports whether the run tried everything.
func (r *recorder) enough(o Options) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Report {
		return r.counts.Wrong > 0
	}
	return r.counts.Checked >= o.AtLeast && len(r.missing(o)) == 0
}

// missing lists operations that never succeeded and faults that never occurred.
func (r *recorder) missing(o Options) []string {
	var missing []string
	for _, operation := range operations {
		if r.counts.Done[operation.name] == 0 {
			missing = append(missing, operation.name)
		}
	}
	for _, fault := range []error{context.Canceled, context.DeadlineExceeded} {
		if r.counts.Faults[fault.Error()] == 0 {
			missing = append(missing, fault.Error())
		}
	}
	if o.Disconnects > 0 && r.counts.Terminated == 0 {
		missing = append(missing, "terminated connection")
	}
	return missing
}

// check fails the test for wrong rows, unexplained errors, and anything not tried. It is called after the run.
func (r *recorder) check(tb testing.TB, o Options) {
	tb.Helper()
	if r.counts.Wrong > 0 {
		tb.Errorf("load: %d wrong rows among %d checked", r.counts.Wrong, r.counts.Checked)
	}
	for _, text := range slices.Sorted(maps.Keys(r.unexplained)) {
		tb.Errorf("load: %d × %s", r.unexplained[text], text)
	}
	if missing := r.missing(o); len(missing) > 0 {
		tb.Errorf("load: never occurred: %s", strings.Join(missing, ", "))
	}
	if r.counts.Checked < max(1, o.AtLeast) {
		tb.Errorf("load: %d rows checked, want at least %d", r.counts.Checked, o.AtLeast)
	}
}

func (r *recorder) sum(l *ledger) Result {
	sum, outcomes := r.counts, l.outcomes()
	sum.Present, sum.Absent, sum.Unknown = outcomes[present], outcomes[absent], outcomes[unknown]
	return sum
}
