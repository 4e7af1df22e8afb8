package main

import "fmt"

// gate is a promise about one ratio.
type gate struct {
	promise  string
	limit    float64
	atLeast  bool // the ratio must not be below the limit; otherwise, not above
	measured float64
}

// passed is false for a ratio that is no number.
func (g gate) passed() bool {
	if g.atLeast {
		return g.measured >= g.limit
	}
	return g.measured <= g.limit
}

// The works that gates are about, by their places in works().
const (
	workRead = iota
	workInsert
	workUpdate
)

// gates hold the report against what the design promises.
func (r report) gates() []gate {
	read, insert, update := r.works[workRead], r.works[workInsert], r.works[workUpdate]
	web := r.web[webRaw].ratio(r.web[webOurs])
	ours := func(w workResult, than int) float64 { return w.loopback[wayOurs].ratio(w.loopback[than]) }
	naive := func(by []rounds) float64 { return by[wayNaive].ratio(by[wayOurs]) }
	gates := []gate{
		{promise: "read ÷ plain Ent without RLS", limit: 0.97, measured: ours(read, wayPlain)},
		{promise: "read ÷ raw pgx without RLS", limit: 1.30, measured: ours(read, wayRaw)},
		{promise: "update one ÷ plain Ent without RLS", limit: 0.95, measured: ours(update, wayPlain)},
		{promise: "insert ÷ raw pgx without RLS", limit: 1.20, measured: ours(insert, wayRaw)},
		{promise: "read, a transaction for each ÷ ours", limit: 2, atLeast: true, measured: naive(read.loopback)},
		{promise: "read at 1 ms, a transaction for each ÷ ours", limit: 3.4, atLeast: true, measured: naive(read.network)},
		{promise: "over HTTP, share of net/http's requests a second", limit: 0.80, atLeast: true, measured: web},
	}
	for _, s := range r.scale[1:] {
		promise := fmt.Sprintf("read among %s ÷ among %s", s.name, r.scale[s.base].name)
		gates = append(gates, gate{promise: promise, limit: 1.05, measured: s.ratio(r.scale)})
	}
	for i, s := range r.skew {
		if s.base != i {
			gates = append(gates, gate{promise: s.name + " ÷ for a small one", limit: 1.20, measured: s.ratio(r.skew)})
		}
	}
	return gates
}

func (r report) passed() bool {
	for _, g := range r.gates() {
		if !g.passed() {
			return false
		}
	}
	return true
}

func gatesTable(gates []gate) *table {
	t := newTable("gate", "limit", "measured", "verdict")
	for _, g := range gates {
		sign, verdict := "≤", "FAIL"
		if g.atLeast {
			sign = "≥"
		}
		if g.passed() {
			verdict = "PASS"
		}
		t.add(g.promise, fmt.Sprintf("%s %.2f", sign, g.limit), factor(g.measured), verdict)
	}
	return t
}
