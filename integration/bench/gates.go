package bench

import "math"

// near is how close to its limit a ratio is marked: another run may fall on the other side.
const near = 0.03

// gate is a promise about one ratio.
type gate struct {
	promise  string
	sign     string // "≤" or "≥"
	limit    float64
	measured float64
}

// passed is false for a ratio that is not a number.
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

// gates compare the report with what the project promises.
func (r report) gates() []gate {
	read, insert, update, bulk := r.works[workRead], r.works[workInsert], r.works[workUpdate], r.works[workBulk]
	ours := func(results []result, other int) float64 { return results[wayOurs].median.over(results[other].median) }
	crowd := func(i int) float64 { return r.crowds[i][wayOurs].rate.over(r.crowds[i][wayRaw].rate) }
	web, raw, byHand := r.http[serverOurs], r.http[serverRaw], r.http[serverByHand]
	gates := []gate{
		{"read ÷ raw pgx without RLS", "≤", 1.15, ours(read, wayRaw)},
		{"read ÷ plain Ent without RLS", "≤", 0.85, ours(read, wayPlain)},
		{"client CPU of a read ÷ raw pgx", "≤", 1.05, r.crowds[0][wayOurs].cpu.over(r.crowds[0][wayRaw].cpu)},
		{"update one ÷ plain Ent without RLS", "≤", 0.60, ours(update, wayPlain)},
		{"insert ÷ raw pgx without RLS", "≤", 1.18, ours(insert, wayRaw)},
		{"bulk insert ÷ a superuser's COPY", "≤", 1.15, ours(bulk, wayRaw)},
		{"read in a transaction of its own ÷ ours", "≥", 2.6, read[wayNaive].median.over(read[wayOurs].median)},
		{"read in a transaction of its own ÷ ours, at 1 ms", "≥", 3.5, read[wayNaive].far.over(read[wayOurs].far)},
		{"reads a second ÷ raw pgx, 16 goroutines", "≥", 0.80, crowd(1)},
		{"reads a second ÷ raw pgx, 64 goroutines", "≥", 0.80, crowd(2)},
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
