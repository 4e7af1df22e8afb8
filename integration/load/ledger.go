package load

import (
	"fmt"
	"sync"

	"github.com/konstruct/konstruct/tenancy"
)

// outcome is the expected result of a write.
type outcome int

const (
	// unknown writes were interrupted, and may have been committed.
	unknown outcome = iota
	present
	absent
)

type entry struct {
	tenant  tenancy.ID
	outcome outcome
}

// ledger records writes by their rows' unique names.
type ledger struct {
	mu      sync.Mutex
	entries map[string]entry
}

func newLedger() *ledger { return &ledger{entries: map[string]entry{}} }

func (l *ledger) note(name string, tenant tenancy.ID, o outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[name] = entry{tenant: tenant, outcome: o}
}

// outcomes is called after the run.
func (l *ledger) outcomes() map[outcome]int {
	counts := map[outcome]int{}
	for _, e := range l.entries {
		counts[e.outcome]++
	}
	return counts
}

// audit compares the entries with the stored rows, which are canaries by name. It is called after the run.
func (l *ledger) audit(stored map[string]string) []error {
	var faults []error
	for name, e := range l.entries {
		found, exists := stored[name]
		switch {
		case exists && found != canary(e.tenant):
			faults = append(faults, fmt.Errorf("a row of %s carries %q", e.tenant, found))
		case exists && e.outcome == absent:
			faults = append(faults, fmt.Errorf("a row of %s was rolled back or deleted, but exists", e.tenant))
		case !exists && e.outcome == present:
			faults = append(faults, fmt.Errorf("a row of %s was acknowledged, but is missing", e.tenant))
		}
	}
	for name := range stored {
		if _, known := l.entries[name]; !known {
			faults = append(faults, fmt.Errorf("unknown row %q", name))
		}
	}
	return faults
}
