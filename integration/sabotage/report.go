package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type report struct {
	At       time.Time `json:"at"`
	Took     string    `json:"took"`
	Proven   bool      `json:"proven"`
	Verdict  string    `json:"verdict"`
	Verdicts []verdict `json:"verdicts"`
}

func newReport(verdicts []verdict, began time.Time) report {
	r := report{At: began.UTC(), Took: time.Since(began).Round(time.Second).String(), Verdicts: verdicts}
	missed, bad := count(verdicts, unnoticed), count(verdicts, broken)
	r.Proven = missed+bad == 0 && len(verdicts) > 0
	if r.Proven {
		r.Verdict = fmt.Sprintf("PROVEN: %d protections were removed, one at a time, and each removal was noticed",
			len(verdicts))
	} else {
		r.Verdict = fmt.Sprintf("NOT PROVEN: of %d saboteurs, %d went unnoticed and %d are broken",
			len(verdicts), missed, bad)
	}
	return r
}

// line formats the verdict for a terminal.
func (v verdict) line() string {
	head := fmt.Sprintf("%-9s %-34s %6s  %s", v.Status, v.ID, v.Took, short(v.By))
	return strings.Join(v.explained(head), "\n          ")
}

func short(by []string) string {
	const few = 2
	if len(by) <= few {
		return strings.Join(by, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(by[:few], ", "), len(by)-few)
}

func (r report) write(folder string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	const readable = 0o644 // the reports are not secret
	if err := os.WriteFile(filepath.Join(folder, "sabotage-report.json"), append(text, '\n'), readable); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "sabotage-report.md"), []byte(r.markdown()), readable)
}

func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Sabotage report\n\n%s. %s, in %s.\n", r.Verdict, r.At.Format(time.RFC3339), r.Took)
	for l, of := range byLayer(r.Verdicts, verdict.layer) {
		fmt.Fprintf(&b, "\n## %s\n\n| removed | outcome | noticed by | meanwhile |\n|---|---|---|---|\n", l)
		for _, v := range of {
			fmt.Fprintf(&b, "| %s (`%s`) | %s | %s | %s |\n",
				cell(v.Removes), v.ID, cell(v.explained(string(v.Status))...), cell(v.By...), cell(v.meanwhile()))
		}
	}
	return b.String()
}

// explained adds what was missed, and why the saboteur is broken.
func (v verdict) explained(head string) []string {
	lines := []string{head}
	for _, m := range v.Missed {
		lines = append(lines, "expected: "+m)
	}
	if v.Why != "" {
		lines = append(lines, strings.Split(v.Why, "\n")...)
	}
	return lines
}

func (v verdict) meanwhile() string {
	switch {
	case v.Held != "" && len(v.Stayed) > 0:
		return v.Held + " (" + strings.Join(v.Stayed, ", ") + " passed)"
	case v.Held != "":
		return v.Held
	case v.Crossed:
		return "attacks succeeded"
	default:
		return ""
	}
}

// cell escapes lines for a cell of a Markdown table.
func cell(lines ...string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>").Replace(strings.Join(lines, "\n"))
}

// conclude prints the verdict. It returns errUnproven unless the suite is proven.
func (r report) conclude(out io.Writer) error {
	fmt.Fprintf(out, "\nBy layer:\n")
	for l, of := range byLayer(r.Verdicts, verdict.layer) {
		held := 0
		for _, v := range of {
			if v.Held != "" {
				held++
			}
		}
		fmt.Fprintf(out, "  %-38s %2d of %2d caught; in %d another layer protects\n",
			l, count(of, caught), len(of), held)
	}
	fmt.Fprintf(out, "\n%s, in %s.\nWritten: sabotage-report.md, sabotage-report.json\n", r.Verdict, r.Took)
	if !r.Proven {
		return errUnproven
	}
	return nil
}
