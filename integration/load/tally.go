package load

import (
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

// judge fails the test for wrong rows, for errors that nothing explains, and for an operation that never once went
// through: then nothing was tried.
func (t *tally) judge(tb testing.TB) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts.Wrong > 0 {
		tb.Errorf("load: %d wrong rows among %d checked", t.counts.Wrong, t.counts.Checked)
	}
	for _, text := range slices.Sorted(maps.Keys(t.strange)) {
		tb.Errorf("load: %d × %s", t.strange[text], text)
	}
	var never []string
	for _, o := range operations {
		if t.counts.Done[o.name] == 0 {
			never = append(never, o.name)
		}
	}
	if len(never) > 0 {
		tb.Errorf("load: never done: %s", strings.Join(never, ", "))
	}
}

func (t *tally) sum(l *ledger) Tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum, outcomes := t.counts, l.outcomes()
	sum.Present, sum.Absent, sum.Unknown = outcomes[present], outcomes[absent], outcomes[unknown]
	return sum
}
