package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Text writes the report for a person: server, role, tables, a line for each family, what got through, the verdict.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Isolation of tenants, attacked\n\n")
	fmt.Fprintf(&b, "  server    %s, database %s\n  role      %s\n  tables    %s\n\n",
		r.Server, r.Database, r.Role, strings.Join(r.Tables, ", "))
	for _, f := range r.Families {
		fmt.Fprintf(&b, "  %-6s %-46s %3d attacks %5d attempts%s\n", f.mark(), f.Title, len(f.Attacks), f.Attempts, f.remarks())
	}
	for _, line := range r.breaches() {
		fmt.Fprintf(&b, "\n  BREACH %s", line)
	}
	for _, line := range r.Faults {
		fmt.Fprintf(&b, "\n  FAULT %s", line)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *FamilyReport) mark() string {
	switch {
	case f.Breaches > 0:
		return "BROKEN"
	case f.Attempts == 0:
		return "-"
	default:
		return "held"
	}
}

func (f *FamilyReport) remarks() string {
	var parts []string
	for _, p := range []struct {
		n    int
		says string
	}{{f.Breaches, "got through"}, {f.Accepted, "accepted"}, {f.NotMade, "not made"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.says))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "  (" + strings.Join(parts, ", ") + ")"
}

func (r *Report) breaches() []string {
	var lines []string
	for _, f := range r.Families {
		for _, e := range f.Attacks {
			for _, res := range e.Results {
				if res.Outcome == Breach {
					lines = append(lines, strings.TrimSpace(e.ID+" "+res.On)+": "+e.Does+": "+res.Detail)
				}
			}
		}
	}
	return lines
}

// Markdown writes the report as a page to hand to an auditor.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Isolation report\n\n**%s**\n\n", r.Verdict)
	fmt.Fprintf(&b, "| | |\n|---|---|\n| when | %s, in %s |\n| server | %s, database `%s` |\n| role | `%s` |\n| tables | `%s` |\n\n",
		r.At.Format("2006-01-02 15:04:05 UTC"), r.Took, r.Server, r.Database, r.Role, strings.Join(r.Tables, "`, `"))
	b.WriteString("| family | attacks | attempts | held | accepted | got through | not made |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, f := range r.Families {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d |\n",
			f.Title, len(f.Attacks), f.Attempts, f.Held, f.Accepted, f.Breaches, f.NotMade)
	}
	for _, line := range r.Faults {
		fmt.Fprintf(&b, "\n**Fault:** %s\n", line)
	}
	b.WriteString("\nEach statement and each path is tried by another tenant, by nobody, and by the owner, who must succeed: " +
		"a way that leads nowhere proves nothing.\n")
	for _, f := range r.Families {
		fmt.Fprintf(&b, "\n## %s\n\n| attack | what is tried | required | outcome |\n|---|---|---|---|\n", f.Title)
		for _, e := range f.Attacks {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", e.ID, cell(e.Does), cell(e.Required), cell(e.outcome()))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}

// outcome sums an attack's results up.
func (e Entry) outcome() string {
	counts, details := map[Outcome]int{}, []string{}
	for _, res := range e.Results {
		counts[res.Outcome]++
		if res.Outcome == Breach || res.Outcome == NotMade && len(e.Results) == 1 {
			details = append(details, strings.TrimSpace(res.On+" "+res.Detail))
		}
	}
	var parts []string
	for _, o := range []Outcome{Breach, Held, Accepted, NotMade} {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d×", o, counts[o]))
		}
	}
	if len(details) > 0 {
		parts = append(parts, strings.Join(details, "; "))
	}
	return strings.Join(parts, ", ")
}

// JSON writes the report for machines.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
