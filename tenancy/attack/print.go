package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Text writes the report for a terminal.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Tenant isolation report\n\n")
	fmt.Fprintf(&b, "  commit    %s\n  server    %s, database %s\n  role      %s\n  tables    %s\n  FORCE     %s\n\n",
		r.commit(), r.Server, r.Database, r.Role, strings.Join(r.Tables, ", "), r.forced())
	for _, f := range r.Families {
		fmt.Fprintf(&b, "  %-6s %-46s %3d attacks %5d attempts%s\n",
			f.status(), f.Title, len(f.Attacks), f.Attempts, f.remarks())
	}
	for _, line := range r.breaches() {
		fmt.Fprintf(&b, "\n  BREACH %s", line)
	}
	for _, line := range r.Faults {
		fmt.Fprintf(&b, "\n  FAULT %s", line)
	}
	b.WriteString("\n")
	for _, o := range outcomes() {
		fmt.Fprintf(&b, "  %-9s %s\n", o, r.Legend[o])
	}
	fmt.Fprintf(&b, "  Attacks: %s. Accepted risks: %s.\n\n%s\n", attacksPage, risksPage, r.Verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

func outcomes() []Outcome { return []Outcome{Breach, Held, Accepted, NotMade} }

func (r *Report) commit() string {
	if r.Commit == "" {
		return "unknown"
	}
	return r.Commit
}

func (r *Report) forced() string {
	var without []string
	for _, p := range r.Protection {
		if !p.Enabled || !p.Forced {
			without = append(without, p.Table)
		}
	}
	switch {
	case len(r.Protection) == 0:
		return "no table with a " + tenantColumn
	case len(without) > 0:
		return "MISSING on " + strings.Join(without, ", ")
	default:
		return fmt.Sprintf("row-level security is enabled and forced on each of the %d tables", len(r.Protection))
	}
}

func (f *FamilyReport) status() string {
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
	}{{f.Breaches, "breaches"}, {f.Accepted, "accepted"}, {f.NotMade, "not made"}} {
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
					lines = append(lines,
						strings.TrimSpace(e.ID+" "+res.On)+": "+e.Does+": "+strings.ReplaceAll(res.Detail, "\n", "; "))
				}
			}
		}
	}
	return lines
}

// Markdown writes the report as an auditor's page, with links relative to the root of Konstruct's repository.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Isolation report\n\n**%s**\n\n", r.Verdict)
	r.markdownHead(&b)
	r.markdownLegend(&b)
	b.WriteString("\n## Families\n\n| family | attacks | attempts | held | accepted | breaches | not made |\n" +
		"|---|---:|---:|---:|---:|---:|---:|\n")
	for _, f := range r.Families {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d |\n",
			f.Title, len(f.Attacks), f.Attempts, f.Held, f.Accepted, f.Breaches, f.NotMade)
	}
	for _, f := range r.Families {
		fmt.Fprintf(&b, "\n## %s\n\n| attack | what is tried | required | outcome |\n|---|---|---|---|\n", f.Title)
		for _, e := range f.Attacks {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", e.ID, cell(e.Does), cell(e.Required), cell(e.outcome()))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) markdownHead(b *strings.Builder) {
	fmt.Fprintf(b,
		"| | |\n|---|---|\n| run | %s, in %s |\n| commit | %s |\n| server | %s, database `%s` |\n| role | `%s` |\n"+
			"| FORCE | %s |\n\n",
		r.At.Format("2006-01-02 15:04:05 UTC"), r.Took, r.commit(), r.Server, r.Database, r.Role, r.forced())
	b.WriteString("| table | the live catalog says (`relrowsecurity`, `relforcerowsecurity`) |\n|---|---|\n")
	for _, p := range r.Protection {
		fmt.Fprintf(b, "| `%s` | %s |\n", p.Table, p)
	}
	for _, line := range r.Faults {
		fmt.Fprintf(b, "\n**Fault:** %s\n", line)
	}
}

func (r *Report) markdownLegend(b *strings.Builder) {
	fmt.Fprintf(b, "\n## How to read it\n\n"+
		"Every attack is described in [attacks.md](%s), every accepted risk in [accepted-risks.md](%s).\n"+
		"An attack is attempted on each table that it concerns: by another tenant, by a connection without a tenant, and\n"+
		"by the row's own tenant, for which the same operation must work. \"Required\" is what another tenant must get.\n\n"+
		"| outcome | meaning |\n|---|---|\n", attacksPage, risksPage)
	for _, o := range outcomes() {
		fmt.Fprintf(b, "| %s | %s |\n", o, r.Legend[o])
	}
}

func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}

func (e Entry) outcome() string {
	counts, details := map[Outcome]int{}, []string{}
	for _, res := range e.Results {
		counts[res.Outcome]++
		if res.Outcome == Breach || res.Outcome == NotMade && len(e.Results) == 1 {
			details = append(details, strings.TrimSpace(res.On+" "+res.Detail))
		}
	}
	var parts []string
	for _, o := range outcomes() {
		if counts[o] == 0 {
			continue
		}
		part := fmt.Sprintf("%s %d×", o, counts[o])
		if o == Accepted {
			part += fmt.Sprintf(" ([%s](%s#%s))", e.Accepted, risksPage, e.Accepted)
		}
		parts = append(parts, part)
	}
	if len(details) > 0 {
		parts = append(parts, strings.Join(details, "; "))
	}
	return strings.Join(parts, ", ")
}

// JSON writes the report as JSON.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
