package bench

import "math"

// near is the relative distance to its limit within which a ratio is marked, since another run may have another verdict.
const near = 0.03

// gate is a limit for one ratio.
type gate struct {
	name     string
	sign     string // "≤" or "≥"
	limit    float64
	measured float64
}

// passed returns false for NaN.
func (g gate) passed() bool {
	if g.sign == "≥" {
		return g.measured >= g.limit
	}
	return g.measured <= g.limit
}

func (g gate) verdict() string {
	verdict := "FAIL"
	if g.passed() {
		verdict = "PASS"
	}
	if math.Abs(g.measured/g.limit-1) <= near {
		verdict += ", close"
	}
	return verdict
}

// gates compares the report with the limits in docs/performance.md.
func (r report) gates() []gate {
	read, insert := r.workloads[workRead], r.workloads[workInsert]
	update, bulk := r.workloads[workUpdate], r.workloads[workBulk]
	ours := func(results []result, other int) float64 { return results[wayOurs].median.over(results[other].median) }
	rate := func(i int) float64 { return r.concurrent[i][wayOurs].rate.over(r.concurrent[i][wayRaw].rate) }
	alone := r.concurrent[0]
	web, raw, byHand := r.http[serverOurs], r.http[serverRaw], r.http[serverByHand]
	gates := []gate{
		{"read ÷ raw pgx without RLS", "≤", 1.15, ours(read, wayRaw)},
		{"read ÷ plain Ent without RLS", "≤", 0.85, ours(read, wayPlain)},
		{"client CPU of a read ÷ raw pgx", "≤", 1.05, alone[wayOurs].cpu.over(alone[wayRaw].cpu)},
		{"update one ÷ plain Ent without RLS", "≤", 0.60, ours(update, wayPlain)},
		{"insert ÷ raw pgx without RLS", "≤", 1.18, ours(insert, wayRaw)},
		{"bulk insert ÷ a superuser's COPY", "≤", 1.15, ours(bulk, wayRaw)},
		{"read in a separate transaction ÷ ours", "≥", 2.6, read[wayNaive].median.over(read[wayOurs].median)},
		{"read in a separate transaction ÷ ours, at 1 ms", "≥", 3.5, read[wayNaive].far.over(read[wayOurs].far)},
		{"reads a second ÷ raw pgx, 16 goroutines", "≥", 0.80, rate(1)},
		{"reads a second ÷ raw pgx, 64 goroutines", "≥", 0.80, rate(2)},
		{"requests a second ÷ net/http without RLS", "≥", 0.95, web.rate.over(raw.rate)},
		{"server CPU of a request ÷ net/http without RLS", "≤", 1.05, web.cpu.over(raw.cpu)},
		{"server CPU of a request ÷ without metrics", "≤", 1.02, web.cpu.over(r.http[serverWithoutMetrics].cpu)},
		{"requests a second ÷ net/http with a transaction by hand", "≥", 1.4, web.rate.over(byHand.rate)},
	}
	few := r.scale[0]
	for _, many := range r.scale[1:] {
		gates = append(gates, gate{"read among " + many.name + " ÷ " + few.name, "≤", 1.05, many.median.over(few.median)})
	}
	for i, late := range r.skew[len(r.skew)/2:] {
		gates = append(gates, gate{late.name + " ÷ a small one", "≤", 1.1, late.median.over(r.skew[i].median)})
	}
	return gates
}
