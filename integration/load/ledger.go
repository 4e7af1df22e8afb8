package load

import (
	"fmt"
	"sync"

	"github.com/konstruct/konstruct/tenancy"
)

// outcome is what is known of a write.
type outcome int

const (
	// unknown writes were cut off: they may have been committed or not.
	unknown outcome = iota
	present
	absent
)

// entry is one row that somebody wrote, or tried to.
type entry struct {
	tenant  tenancy.ID
	outcome outcome
}

// ledger remembers the writes by the names of their rows, which are unique.
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

// outcomes counts the entries.
func (l *ledger) outcomes() map[outcome]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[outcome]int{}
	for _, e := range l.entries {
		counts[e.outcome]++
	}
	return counts
}

// audit holds the rows that are really there, canaries by name, against the entries.
func (l *ledger) audit(written map[string]string) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var faults []error
	for name, e := range l.entries {
		found, there := written[name]
		switch {
		case there && found != canary(e.tenant):
			faults = append(faults, fmt.Errorf("a row of %s carries %q", e.tenant, found))
		case there && e.outcome == absent:
			faults = append(faults, fmt.Errorf("a row of %s was rolled back or deleted, and is there", e.tenant))
		case !there && e.outcome == present:
			faults = append(faults, fmt.Errorf("a row of %s was acknowledged, and is not there", e.tenant))
		}
	}
	for name := range written {
		if _, known := l.entries[name]; !known {
			faults = append(faults, fmt.Errorf("nobody wrote the row %q", name))
		}
	}
	return faults
}
