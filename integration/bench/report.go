package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// tail is the percentile that the tables show beside the median.
const tail = 0.99

// report is all that was measured.
type report struct {
	options     options
	machine     string
	works       []workResult
	web         []rounds
	scale, skew []side
}

// write prints Markdown whose columns stand in line, for a terminal as for a page.
func (r report) write(w io.Writer) error {
	var out strings.Builder
	out.WriteString(r.machine + "\n")
	for _, work := range r.works {
		out.WriteString("\n### " + work.name + "\n\n")
		work.table().write(&out)
	}
	out.WriteString("\n### Over HTTP: the authenticated list of 20 agents\n\n")
	r.webTable().write(&out)
	out.WriteString("\n### One tenant's read among more and more rows\n\n")
	sidesTable("rows in the table", r.scale).write(&out)
	skewed := r.options.skewed
	fmt.Fprintf(&out, "\n### A tenant of %s rows after one of %s\n\n", thousands(skewed.agentsEach), thousands(skewed.bigTenant))
	sidesTable("statement", r.skew).write(&out)
	out.WriteString("\n### Gates\n\n")
	gatesTable(r.gates()).write(&out)
	_, err := io.WriteString(w, out.String())
	return err
}

func (r workResult) table() *table {
	t := newTable("way", "round trips", "median", "p99", "÷ raw pgx", "÷ plain Ent", "at 1 ms", "p99", "÷ raw pgx", "÷ plain Ent")
	for i, name := range wayNames() {
		t.add(name, fmt.Sprintf("%.4g", r.trips[i]),
			micros(r.loopback[i].median()), micros(r.loopback[i].all().percentile(tail)),
			factor(r.loopback[i].ratio(r.loopback[wayRaw])), factor(r.loopback[i].ratio(r.loopback[wayPlain])),
			micros(r.network[i].median()), micros(r.network[i].all().percentile(tail)),
			factor(r.network[i].ratio(r.network[wayRaw])), factor(r.network[i].ratio(r.network[wayPlain])))
	}
	return t
}

func (r report) webTable() *table {
	t := newTable("server", "median", "p99", "÷ net/http", "of its requests a second")
	for i, name := range [...]string{webRaw: "net/http with raw pgx, no RLS", webOurs: "konstruct, RLS"} {
		t.add(name, micros(r.web[i].median()), micros(r.web[i].all().percentile(tail)),
			factor(r.web[i].ratio(r.web[webRaw])), factor(r.web[webRaw].ratio(r.web[i])))
	}
	return t
}

func sidesTable(what string, sides []side) *table {
	t := newTable(what, "median", "p99", "ratio")
	for _, s := range sides {
		t.add(s.name, micros(s.took.median()), micros(s.took.all().percentile(tail)), factor(s.ratio(sides)))
	}
	return t
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
}

func factor(f float64) string { return fmt.Sprintf("%.2f", f) }

// table is a Markdown table: the first column is text, the others are numbers.
type table struct{ rows [][]string }

func newTable(columns ...string) *table { return &table{rows: [][]string{columns}} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(out *strings.Builder) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	writeRow(out, t.rows[0], widths)
	rules := make([]string, len(widths))
	for i, width := range widths {
		rules[i] = strings.Repeat("-", width-1) + ":"
	}
	rules[0] = strings.Repeat("-", widths[0])
	writeRow(out, rules, widths)
	for _, row := range t.rows[1:] {
		writeRow(out, row, widths)
	}
}

func writeRow(out *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == 0 {
			out.WriteString("| " + cell + space + " |")
		} else {
			out.WriteString(" " + space + cell + " |")
		}
	}
	out.WriteString("\n")
}
