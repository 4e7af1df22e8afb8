package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// markdown returns tables with aligned columns, for terminals and docs.
func (r report) markdown() string {
	var out strings.Builder
	fmt.Fprintln(&out, r.machine)
	for i, w := range workloads() {
		workTable(r.workloads[i]).write(&out, w.name)
	}
	if r.server[wayRaw].cpu.middle() > 0 {
		server := table{{"way", "CPU", "÷ raw"}}
		for _, way := range r.server {
			server = append(server, []string{way.name, micro(way.cpu), ratio(way.cpu.over(r.server[wayRaw].cpu))})
		}
		server.write(&out, "CPU of PostgreSQL for a read")
	}
	for i, n := range concurrency() {
		name := fmt.Sprintf("Reads by %d goroutines on %d connections", n, connections)
		rates("way", r.concurrent[i]).write(&out, name)
	}
	r.httpTable(&out)
	compared("rows in the table", r.scale, 1).write(&out, "One tenant's read among more and more rows")
	compared("statement", r.skew, len(r.skew)/2).write(&out, "A small tenant after a big one")
	gates := table{{"gate", "limit", "measured", "verdict"}}
	for _, g := range r.gates() {
		gates = append(gates, []string{g.name, fmt.Sprintf("%s %.2f", g.sign, g.limit), ratio(g.measured), g.verdict()})
	}
	gates.write(&out, "Gates")
	return out.String()
}

func (r report) httpTable(w io.Writer) {
	name := fmt.Sprintf("Over HTTP: the authenticated list of %d agents on %d connections", pageSize, httpConnections)
	t := rates("server", r.http)
	t[0] = append(t[0], "round trips")
	for i, r := range r.http {
		t[i+1] = append(t[i+1], fmt.Sprintf("%.4g", r.trips))
	}
	t.write(w, name)
}

func workTable(results []result) table {
	t := table{{
		"way", "round trips", "allocations", "CPU", "÷ raw", "median", "p99", "÷ raw", "÷ plain", "at 1 ms", "÷ raw",
		"÷ plain",
	}}
	raw, plain := results[wayRaw], results[wayPlain]
	for _, r := range results {
		t = append(t, []string{
			r.name, fmt.Sprintf("%.4g", r.trips), fmt.Sprintf("%.0f", r.allocs), micro(r.cpu),
			ratio(r.cpu.over(raw.cpu)),
			micro(r.median), micro(r.p99), ratio(r.median.over(raw.median)), ratio(r.median.over(plain.median)),
			micro(r.far), ratio(r.far.over(raw.far)), ratio(r.far.over(plain.far)),
		})
	}
	return t
}

// rates compares throughput with the first result's.
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

// compared compares the medians with those of the first results: the ith with result i % bases.
func compared(first string, results []result, bases int) table {
	t := table{{first, "median", "p99", "ratio"}}
	for i, r := range results {
		t = append(t, []string{r.name, micro(r.median), micro(r.p99), ratio(r.median.over(results[i%bases].median))})
	}
	return t
}

func micro(s series) string { return fmt.Sprintf("%.0f µs", s.middle()) }

// ratio keeps three decimal places, so that rounding hides no missed gate.
func ratio(f float64) string { return fmt.Sprintf("%.3f", f) }

// table is rows of cells. The first row is the header; all columns but the first are numbers.
type table [][]string

// write writes the table as Markdown.
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
