package attack

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Outcome is the result of one attempt.
type Outcome string

// The outcomes of attempts. See [Legend].
const (
	Held     Outcome = "held"
	Accepted Outcome = "accepted"
	Breach   Outcome = "breach"
	NotMade  Outcome = "not made"
)

// Legend explains the outcomes.
func Legend() map[Outcome]string {
	return map[Outcome]string{
		Held: "The attempt was stopped as required, and the same operation worked for the row's own tenant.",
		Accepted: "The attempt has exactly the effect that the accepted risk describes, and no other. It fails when the risk has grown, " +
			"and when it is gone.",
		Breach: "The attempt was not stopped as required: isolation is broken.",
		NotMade: "The attack was not attempted, because the table offers no place for it (no foreign key, for example) or the run has no " +
			"superuser. It counts neither as held nor as a breach.",
	}
}

// Pages that explain a report, relative to the root of Konstruct's repository.
const (
	attacksPage = "docs/security/attacks.md"
	risksPage   = "docs/security/accepted-risks.md"
)

// Result is one attempt, on a table or on none in particular.
type Result struct {
	On      string  `json:"on,omitempty"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
}

// Entry is an attack with its attempts.
type Entry struct {
	Attack

	Results []Result `json:"results"`
}

// FamilyReport is a family's attacks with their results.
type FamilyReport struct {
	Name     string  `json:"name"`
	Title    string  `json:"title"`
	Attacks  []Entry `json:"attacks"`
	Attempts int     `json:"attempts"`
	Held     int     `json:"held"`
	Accepted int     `json:"accepted"`
	Breaches int     `json:"breaches"`
	NotMade  int     `json:"not_made"`
}

// Protection is a table's row-level security in the catalog.
type Protection struct {
	Table string `json:"table"`
	// Enabled is pg_class.relrowsecurity, Forced is pg_class.relforcerowsecurity.
	Enabled bool `json:"enabled"`
	Forced  bool `json:"forced"`
}

// Report is the result of a run. It contains no values of rows but the kit's canaries.
type Report struct {
	Mode string    `json:"mode"`
	At   time.Time `json:"at"`
	Took string    `json:"took"`
	// Commit is the version of the code that ran, empty if unknown.
	Commit     string          `json:"commit,omitempty"`
	Server     string          `json:"server"`
	Database   string          `json:"database"`
	Role       string          `json:"role"`
	Tables     []string        `json:"tables"`
	Protection []Protection    `json:"protection"`
	Families   []*FamilyReport `json:"families"`
	// Faults are problems other than breaches: an unregistered table, a table without FORCE, rows that could not be
	// created.
	Faults []string `json:"faults,omitempty"`
	// Holds requires at least one attempt, no breach and no fault.
	Holds   bool   `json:"holds"`
	Verdict string `json:"verdict"`
	// Legend explains the outcomes. Documentation names the pages on attacks and accepted risks.
	Legend        map[Outcome]string `json:"legend"`
	Documentation map[string]string  `json:"documentation"`

	mu sync.Mutex
}

func newReport(mode string) *Report {
	return &Report{
		Mode: mode, At: time.Now().UTC(), Commit: builtFrom(), Legend: Legend(),
		Documentation: map[string]string{"attacks": attacksPage, "accepted_risks": risksPage},
	}
}

// builtFrom returns the commit that the build recorded, if any.
func builtFrom() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			commit += " with uncommitted changes"
		}
	}
	return commit
}

func (r *Report) readServer(ctx context.Context, s *session) error {
	a := s.do(ctx, `select split_part(current_setting('server_version'), ' ', 1), current_database(),
		current_user || case when rolsuper then ' SUPERUSER' else '' end || case when rolbypassrls then ' BYPASSRLS' else '' end
		  from pg_roles where rolname = current_user`)
	if a.err != nil {
		return a.err
	}
	r.Server, r.Database, r.Role = "PostgreSQL "+a.rows[0][0], a.rows[0][1], a.rows[0][2]
	return nil
}

// readProtection reports each table's row-level security. A table without it, or without FORCE, is a fault.
func (r *Report) readProtection(tables []*table) {
	for _, tb := range tables {
		p := Protection{Table: tb.Name, Enabled: tb.Enabled, Forced: tb.Forced}
		r.Tables, r.Protection = append(r.Tables, tb.Name), append(r.Protection, p)
		if !p.Enabled || !p.Forced {
			r.fault("table " + p.Table + ": " + p.String())
		}
	}
}

// String describes the protection in a sentence.
func (p Protection) String() string {
	switch {
	case !p.Enabled:
		return "row-level security is DISABLED"
	case !p.Forced:
		return "row-level security is enabled, but NOT FORCED for the table's owner"
	default:
		return "row-level security is enabled and forced"
	}
}

func (r *Report) add(title string, a Attack, result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.family(a.Family, title)
	i := slices.IndexFunc(f.Attacks, func(e Entry) bool { return e.ID == a.ID })
	if i < 0 {
		f.Attacks = append(f.Attacks, Entry{Attack: a})
		i = len(f.Attacks) - 1
	}
	f.Attacks[i].Results = append(f.Attacks[i].Results, result)
	f.count(result.Outcome)
}

func (r *Report) fault(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Faults = append(r.Faults, what)
}

func (r *Report) family(name, title string) *FamilyReport {
	for _, f := range r.Families {
		if f.Name == name {
			return f
		}
	}
	f := &FamilyReport{Name: name, Title: title}
	r.Families = append(r.Families, f)
	return f
}

func (f *FamilyReport) count(o Outcome) {
	if o == NotMade {
		f.NotMade++
		return
	}
	f.Attempts++
	switch o {
	case Held:
		f.Held++
	case Accepted:
		f.Accepted++
	default:
		f.Breaches++
	}
}

// finish orders the families and sets the verdict.
func (r *Report) finish() {
	order := familyOrder()
	slices.SortFunc(r.Families, func(a, b *FamilyReport) int {
		return cmp.Compare(slices.Index(order, a.Name), slices.Index(order, b.Name))
	})
	r.Took = time.Since(r.At).Round(time.Millisecond).String()
	attacks, attempts, breaches := 0, 0, 0
	for _, f := range r.Families {
		attacks, attempts, breaches = attacks+len(f.Attacks), attempts+f.Attempts, breaches+f.Breaches
	}
	r.Holds = breaches == 0 && attempts > 0 && len(r.Faults) == 0
	switch {
	case attempts == 0:
		r.Verdict = "NOT PROVEN: nothing was attacked."
	case breaches > 0:
		r.Verdict = fmt.Sprintf("ISOLATION IS BROKEN: %d of %d attempts were not stopped.", breaches, attempts)
	case len(r.Faults) > 0:
		r.Verdict = fmt.Sprintf("NOT PROVEN: %d faults; none of %d attempts crossed tenants.", len(r.Faults), attempts)
	default:
		r.Verdict = fmt.Sprintf("Isolation holds: %d attacks, %d attempts, no breach.", attacks, attempts)
	}
	if n := r.leftOut(); n > 0 {
		r.Verdict += fmt.Sprintf(" This was a partial run: %d attacks were left out.", n)
	}
}

// leftOut counts the attacks skipped by -run.
func (r *Report) leftOut() (n int) {
	made := map[string]bool{}
	for _, f := range r.Families {
		for _, e := range f.Attacks {
			made[e.ID] = true
		}
	}
	for _, a := range All(Target{}) {
		if (a.Family == liveFamily) == (r.Mode == liveFamily) && !made[a.ID] {
			n++
		}
	}
	return n
}

func familyOrder() []string {
	var names []string
	for _, f := range families(Target{}) {
		names = append(names, f.name)
	}
	return append(names, liveFamily)
}
