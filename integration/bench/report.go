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
		workTable(r.works[i]).write(&out, w.name)
	}
	if r.server[wayRaw].cpu.middle() > 0 {
		server := table{{"way", "CPU", "÷ raw"}}
		for _, way := range r.server {
			server = append(server, []string{way.name, micro(way.cpu), ratio(way.cpu.over(r.server[wayRaw].cpu))})
		}
		server.write(&out, "CPU of PostgreSQL for a read")
	}
	for i, goroutines := range crowds() {
		rates("way", r.crowds[i]).write(&out, fmt.Sprintf("Reads by %d goroutines on %d connections", goroutines, connections))
	}
	r.httpTable(&out)
	compared("rows in the table", r.scale, 1).write(&out, "One tenant's read among more and more rows")
	compared("statement", r.skew, len(r.skew)/2).write(&out, "A small tenant after a big one")
	gates := table{{"gate", "limit", "measured", "verdict"}}
	for _, g := range r.gates() {
		gates = append(gates, []string{g.promise, fmt.Sprintf("%s %.2f", g.sign, g.limit), ratio(g.measured), g.verdict()})
	}
	gates.write(&out, "Gates")
	return out.String()
}

func (r report) httpTable(w io.Writer) {
	name := fmt.Sprintf("Over HTTP: the authenticated list of %d agents on %d connections", pageSize, httpConnections)
	rates("server", r.http).write(w, name)
}

func workTable(results []result) table {
	t := table{{
		"way", "round trips", "allocations", "CPU", "÷ raw", "median", "p99", "÷ raw", "÷ plain", "at 1 ms", "÷ raw", "÷ plain",
	}}
	raw, plain := results[wayRaw], results[wayPlain]
	for _, r := range results {
		t = append(t, []string{
			r.name, fmt.Sprintf("%.4g", r.trips), fmt.Sprintf("%.0f", r.allocs), micro(r.cpu), ratio(r.cpu.over(raw.cpu)),
			micro(r.median), micro(r.p99), ratio(r.median.over(raw.median)), ratio(r.median.over(plain.median)),
			micro(r.far), ratio(r.far.over(raw.far)), ratio(r.far.over(plain.far)),
		})
	}
	return t
}

// rates compares what many goroutines do with the first.
func rates(first string, results []result) table {
	t := table{{first, "per second", "ratio", "CPU of each", "ratio"}}
	for _, r := range results {
		t = append(t, []string{
			r.name, fmt.Sprintf("%.0f", r.rate.middle()), ratio(r.rate.over(results[0].rate)),
			micro(r.cpu), ratio(r.cpu.over(results[0].cpu)),
		})
	}
	return t
}

// compared compares medians with those of the first results, in turns.
func compared(first string, results []result, bases int) table {
	t := table{{first, "median", "p99", "ratio"}}
	for i, r := range results {
		t = append(t, []string{r.name, micro(r.median), micro(r.p99), ratio(r.median.over(results[i%bases].median))})
	}
	return t
}

func micro(s series) string { return fmt.Sprintf("%.0f µs", s.middle()) }

// ratio has three digits after the point, so that no limit is met by rounding.
func ratio(f float64) string { return fmt.Sprintf("%.3f", f) }

// table has rows of cells. The first row names the columns: one of text, the others of numbers.
type table [][]string

// write makes Markdown.
func (t table) write(w io.Writer, name string) {
	fmt.Fprintf(w, "\n#### %s\n\n", name)
	aligned := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for i, row := range t {
		fmt.Fprintln(aligned, "| "+strings.Join(row, "\t| ")+"\t|")
		if i == 0 {
			fmt.Fprintln(aligned, "| ---"+strings.Repeat("\t| ---:", len(row)-1)+"\t|")
		}
	}
	_ = aligned.Flush()
}
