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

// tally counts, for all visitors.
type tally struct {
	mu     sync.Mutex
	counts Tally
	// strange errors are those that no fault of ours explains, by their text.
	strange map[string]int
}

func newTally() *tally {
	return &tally{counts: Tally{Done: map[string]int{}, Faults: map[string]int{}}, strange: map[string]int{}}
}

func (t *tally) checked(rows, wrong int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Checked += rows
	t.counts.Wrong += wrong
}

func (t *tally) wrong(rows int64) { t.checked(0, rows) }

func (t *tally) ended(connections int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Ended += connections
}

func (t *tally) done(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Done[what]++
}

func (t *tally) fault(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Faults[kind]++
}

func (t *tally) unexpected(where string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.strange[fmt.Sprintf("%s: %v", where, err)]++
}

// enough reports whether everything has come up, so that a run proves something.
func (t *tally) enough(o Options) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.Report {
		return t.counts.Wrong > 0
	}
	return t.counts.Checked >= o.AtLeast && len(t.missing(o)) == 0
}

// missing lists the operations that never once went through, and the faults that never came up.
func (t *tally) missing(o Options) []string {
	var missing []string
	for _, operation := range operations {
		if t.counts.Done[operation.name] == 0 {
			missing = append(missing, operation.name)
		}
	}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if t.counts.Faults[ended.Error()] == 0 {
			missing = append(missing, ended.Error())
		}
	}
	if o.Disconnects > 0 && t.counts.Ended == 0 {
		missing = append(missing, "a connection that the server ended")
	}
	return missing
}

// judge fails the test for wrong rows, for too few, for errors that nothing explains, and for whatever never came up:
// it was not tried.
func (t *tally) judge(tb testing.TB, o Options) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts.Wrong > 0 {
		tb.Errorf("load: %d wrong rows among %d checked", t.counts.Wrong, t.counts.Checked)
	}
	for _, text := range slices.Sorted(maps.Keys(t.strange)) {
		tb.Errorf("load: %d × %s", t.strange[text], text)
	}
	if missing := t.missing(o); len(missing) > 0 {
		tb.Errorf("load: never came up: %s", strings.Join(missing, ", "))
	}
	if t.counts.Checked < max(1, o.AtLeast) {
		tb.Errorf("load: %d rows checked, of at least %d", t.counts.Checked, o.AtLeast)
	}
}

func (t *tally) sum(l *ledger) Tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum, outcomes := t.counts, l.outcomes()
	sum.Present, sum.Absent, sum.Unknown = outcomes[present], outcomes[absent], outcomes[unknown]
	return sum
}
