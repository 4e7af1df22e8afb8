package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// markdown has aligned columns, for a terminal as for a page.
func (r report) markdown() string {
	var out strings.Builder
	fmt.Fprintln(&out, r.machine)
	for i, w := range works() {
		r.works[i].table(w.name).write(&out)
	}
	for i, goroutines := range crowds() {
		name := fmt.Sprintf("Reads by %d goroutines on %d connections", goroutines, connections)
		rates(name, "way", r.crowds[i]).write(&out)
	}
	httpTable(r.http).write(&out)
	compared("One tenant's read among more and more rows", "rows in the table", r.scale, 1).write(&out)
	compared("A small tenant after a big one", "statement", r.skew, len(r.skew)/2).write(&out)
	gates := newTable("Gates", "gate", "limit", "measured", "verdict")
	for _, g := range r.gates() {
		gates.add(g.promise, fmt.Sprintf("%s %.2f", g.sign, g.limit), ratio(g.measured), g.verdict())
	}
	gates.write(&out)
	return out.String()
}

func (r workResult) table(name string) *table {
	t := newTable(name, "way", "round trips", "allocations", "CPU", "÷ raw", "median", "p99", "÷ raw", "÷ plain",
		"at 1 ms", "÷ raw", "÷ plain")
	for i, near := range r.loopback {
		far, raw, plain := r.network[i], r.loopback[wayRaw], r.loopback[wayPlain]
		farRaw, farPlain := r.network[wayRaw], r.network[wayPlain]
		t.add(near.name, fmt.Sprintf("%.4g", r.trips[i]), fmt.Sprintf("%.0f", r.allocs[i]),
			micro(near.cpu), ratio(near.cpu.over(raw.cpu)), micro(near.median), micro(near.p99),
			ratio(near.median.over(raw.median)), ratio(near.median.over(plain.median)),
			micro(far.median), ratio(far.median.over(farRaw.median)), ratio(far.median.over(farPlain.median)))
	}
	return t
}

func httpTable(results []result) *table {
	name := fmt.Sprintf("Over HTTP: the authenticated list of %d agents on %d connections", pageSize, httpConnections)
	return rates(name, "server", results)
}

// rates compares what many goroutines do with the first.
func rates(name, first string, results []result) *table {
	t := newTable(name, first, "per second", "ratio", "CPU of each", "ratio")
	for _, r := range results {
		t.add(r.name, fmt.Sprintf("%.0f", r.rate.middle()), ratio(r.rate.over(results[0].rate)),
			micro(r.cpu), ratio(r.cpu.over(results[0].cpu)))
	}
	return t
}

// compared compares medians with those of the first results, in turns.
func compared(name, first string, results []result, bases int) *table {
	t := newTable(name, first, "median", "p99", "ratio")
	for i, r := range results {
		t.add(r.name, micro(r.median), micro(r.p99), ratio(r.median.over(results[i%bases].median)))
	}
	return t
}

func micro(s series) string { return fmt.Sprintf("%.0f µs", s.middle()) }

// ratio has three digits after the point, so that no limit is met by rounding.
func ratio(f float64) string { return fmt.Sprintf("%.3f", f) }

// table is a Markdown table: the first column is text, the others are numbers.
type table struct {
	name string
	rows [][]string
}

func newTable(name string, columns ...string) *table {
	rule := []string{"---"}
	for range columns[1:] {
		rule = append(rule, "---:")
	}
	return &table{name, [][]string{columns, rule}}
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) {
	fmt.Fprintf(w, "\n#### %s\n\n", t.name)
	aligned := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for _, row := range t.rows {
		fmt.Fprintln(aligned, "| "+strings.Join(row, "\t| ")+"\t|")
	}
	_ = aligned.Flush()
}
