package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	bad := count(verdicts, unnoticed) + count(verdicts, broken)
	r.Proven = bad == 0 && len(verdicts) > 0
	if r.Proven {
		r.Verdict = fmt.Sprintf("PROVEN: %d protections were removed, one at a time, and each removal was noticed",
			len(verdicts))
	} else {
		r.Verdict = fmt.Sprintf("NOT PROVEN: of %d saboteurs, %d went unnoticed and %d are broken",
			len(verdicts), count(verdicts, unnoticed), count(verdicts, broken))
	}
	return r
}

// line formats the verdict for a terminal.
func (v verdict) line() string {
	lines := []string{fmt.Sprintf("%-9s %-34s %6s  %s", v.Status, v.ID, v.Took, short(v.By))}
	lines = append(lines, v.expected()...)
	if v.Why != "" {
		lines = append(lines, strings.Split(v.Why, "\n")...)
	}
	return strings.Join(lines, "\n          ")
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
	for _, l := range layers() {
		of := slices.DeleteFunc(slices.Clone(r.Verdicts), func(v verdict) bool { return v.Layer != l })
		if len(of) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| removed | outcome | noticed by | meanwhile |\n|---|---|---|---|\n", l)
		for _, v := range of {
			fmt.Fprintf(&b, "| %s (`%s`) | %s | %s | %s |\n",
				cell(v.Removes), v.ID, v.outcome(), cell(strings.Join(v.By, "\n")), cell(v.meanwhile()))
		}
	}
	return b.String()
}

func (v verdict) outcome() string {
	lines := append([]string{string(v.Status)}, v.expected()...)
	if v.Why != "" {
		lines = append(lines, v.Why)
	}
	return cell(strings.Join(lines, "\n"))
}

func (v verdict) expected() []string {
	out := make([]string, len(v.Missed))
	for i, m := range v.Missed {
		out[i] = "expected: " + m
	}
	return out
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

// cell escapes a text for a cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>").Replace(text)
}

// conclude prints the verdict. It returns errUnproven unless the suite is proven.
func (r report) conclude(out io.Writer) error {
	if _, err := fmt.Fprintf(out, "\nBy layer:\n"); err != nil {
		return err
	}
	for _, l := range layers() {
		of := slices.DeleteFunc(slices.Clone(r.Verdicts), func(v verdict) bool { return v.Layer != l })
		if len(of) == 0 {
			continue
		}
		held := slices.DeleteFunc(slices.Clone(of), func(v verdict) bool { return v.Held == "" })
		_, err := fmt.Fprintf(out, "  %-38s %2d of %2d caught; in %d another layer protects\n",
			l, count(of, caught), len(of), len(held))
		if err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "\n%s, in %s.\nWritten: sabotage-report.md, sabotage-report.json\n",
		r.Verdict, r.Took); err != nil {
		return err
	}
	if !r.Proven {
		return errUnproven
	}
	return nil
}
