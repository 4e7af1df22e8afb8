package attack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Outcome is what came of an attempt.
type Outcome string

// The outcomes of attempts.
const (
	// Held: the attack failed, and the owner's own operation worked.
	Held Outcome = "held"
	// Accepted: the attack has the shape that the accepted risk describes, no more and no less.
	Accepted Outcome = "accepted"
	// Breach: it had not.
	Breach Outcome = "breach"
	// NotMade: the target offers no place for it, or lacks what it needs.
	NotMade Outcome = "not made"
)

// Result is one attempt: an attack on one table, or on none in particular.
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

// FamilyReport is a family's attacks with what came of them.
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

// Report is what a run found. It holds no value of any row, but for the marks that the kit itself has made.
type Report struct {
	Mode     string          `json:"mode"`
	At       time.Time       `json:"at"`
	Took     string          `json:"took"`
	Server   string          `json:"server"`
	Database string          `json:"database"`
	Role     string          `json:"role"`
	Tables   []string        `json:"tables"`
	Families []*FamilyReport `json:"families"`
	// Faults are what went wrong besides the attacks: a table that nobody registered, rows that could not be made.
	Faults []string `json:"faults,omitempty"`
	// Holds is true where nothing was breached and something was attempted.
	Holds   bool   `json:"holds"`
	Verdict string `json:"verdict"`

	mu sync.Mutex
}

func newReport(mode string) *Report { return &Report{Mode: mode, At: time.Now().UTC()} }

// introduce reads who answers, and whom as.
func (r *Report) introduce(ctx context.Context, s *session) error {
	a := s.do(ctx, `select split_part(current_setting('server_version'), ' ', 1), current_database(),
		current_user || case when rolsuper then ' SUPERUSER' else '' end || case when rolbypassrls then ' BYPASSRLS' else '' end
		  from pg_roles where rolname = current_user`)
	if a.err != nil {
		return a.err
	}
	r.Server, r.Database, r.Role = "PostgreSQL "+a.rows[0][0], a.rows[0][1], a.rows[0][2]
	return nil
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

// finish puts the families in order and gives the verdict.
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
		r.Verdict = "Nothing was attacked, so nothing is proven."
	case breaches > 0:
		r.Verdict = fmt.Sprintf("ISOLATION IS BROKEN: %d of %d attempts got through.", breaches, attempts)
	case len(r.Faults) > 0:
		r.Verdict = fmt.Sprintf("NOT PROVEN: %d faults; of %d attempts none got through.", len(r.Faults), attempts)
	default:
		r.Verdict = fmt.Sprintf("Isolation holds: %d attacks, %d attempts, none got through.", attacks, attempts)
	}
	if n := r.leftOut(); n > 0 {
		r.Verdict += fmt.Sprintf(" This was a part only: %d attacks were left out.", n)
	}
}

// leftOut counts the kit's attacks that a run, narrowed down by -run, did not come to.
func (r *Report) leftOut() (n int) {
	made := map[string]bool{}
	for _, f := range r.Families {
		for _, e := range f.Attacks {
			made[e.ID] = true
		}
	}
	for _, a := range Catalogue() {
		if (a.Family == liveFamily) == (r.Mode == liveFamily) && !made[a.ID] {
			n++
		}
	}
	return n
}

func familyOrder() []string {
	var names []string
	for _, f := range families() {
		names = append(names, f.name)
	}
	return append(names, entityFamily, pinFamily, redisFamily, liveFamily)
}
