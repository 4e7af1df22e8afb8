package doctor

import (
	"regexp"
	"slices"
)

// Weakened compares the snapshots before and after a migration and returns what weakens isolation: a protection removed
// or changed, and code that runs with other rights than its caller's. New tables, columns, keys and checks are fine, as
// is anything in the spec. Remedies are empty.
func Weakened(before, after Snapshot, spec Spec) []Finding {
	e := newExamination(reading{objects: after.Objects}, spec)
	e.want = index(before.Objects)
	e.compare()
	for _, o := range after.Objects {
		_, known := e.want[o.key()]
		switch {
		case known:
		case o.Kind == "function" && o.Props["definer"] != "" && !e.reaches(o):
			e.found("definer.unlisted", o, "")
		case o.Kind == "grant" && o.Props["kind"] == "TABLE" && !has(e.want, o.Props["object"]):
			e.foundAs("grant.table", o, spokenGrant(o, e.beyond(o)), "")
		}
	}
	for code, faults := range e.faults {
		e.faults[code] = slices.DeleteFunc(faults, func(f fault) bool { return e.harmless(code, f.of) })
	}
	out := e.findings()
	for i := range out {
		out[i].Remedy = ""
	}
	return out
}

// harmless reports whether a difference does not weaken isolation.
func (e *examination) harmless(code string, o Object) bool {
	_, existed := e.want[o.key()]
	_, exists := e.live[o.key()]
	switch code {
	case "schema.outside", "table.unclassified", "grant.missing", "grant.schema-usage":
		return true // the doctor checks the result
	case "schema.unknown":
		return slices.Contains([]string{"table", "column", "constraint", "index", "sequence", "type", "function"},
			o.Kind) &&
			!calls(o)
	case "schema.missing":
		return !slices.Contains([]string{"constraint", "index", "trigger"}, o.Kind) || o.Props["type"] == "c"
	case "schema.differs":
		return exists && e.harmlessChange(o)
	case "policy.extra":
		return slices.ContainsFunc(e.meantFor(Object{Name: o.On}), func(p Object) bool {
			return o.equal(p) && p.Name == o.Name
		}) ||
			e.introduced(o.Props["roles"])
	case "definer.unlisted":
		_, listed := e.spec.Definers[o.Name]
		return listed && !existed
	case "grant.table", "grant.column", "grant.unknown", "grant.function", "definer.grant", "grant.schema":
		return e.planned(o)
	default:
		return false
	}
}

// harmlessChange reports whether an object protects as much as before: a column or check that calls no user-defined
// function, or a table that gains protection. The tenant column must keep its type and NOT NULL.
func (e *examination) harmlessChange(o Object) bool {
	switch {
	case o.Kind == "column" && o.Name == ident(e.spec.TenantColumn):
		return o.Props["type"] == "uuid" && o.Props["notnull"] != "" && !calls(o)
	case o.Kind == "column", o.Kind == "constraint" && o.Props["type"] == "c":
		return !calls(o)
	case o.Kind == "constraint" &&
		o.with("def", o.Props["def"]+" NOT VALID").with("invalid", "true").equal(e.want[o.key()]):
		return true // it was validated
	case o.Kind == "table":
		return !slices.ContainsFunc(o.differing(e.want[o.key()]), func(p string) bool {
			return p != "rls" && p != "forced" || o.Props[p] == ""
		})
	default:
		return false
	}
}

// calls reports whether an expression calls a user-defined function or operator, which PostgreSQL prints with a schema.
func calls(o Object) bool {
	return slices.ContainsFunc([]string{"default", "def", "generated"}, func(p string) bool {
		return o.Kind != "function" && o.Props["type"] != "f" && foreignCall.MatchString(o.Props[p])
	})
}

var foreignCall = regexp.MustCompile(`\.(\w+|"(?:[^"]|"")+")\(|OPERATOR\(`)

// introduced reports whether a listed function of this owner is new, so that its policies and grants are expected.
func (e *examination) introduced(owner string) bool {
	for signature, d := range e.spec.Definers {
		_, existed := e.want[key{"function", "", signature}]
		_, exists := e.live[key{"function", "", signature}]
		if ident(d.Owner) == owner && exists && !existed {
			return true
		}
	}
	return false
}

// planned reports whether the table's class or a new listed function explains a grant.
func (e *examination) planned(g Object) bool {
	return e.introduced(g.Props["grantee"]) && g.Props["kind"] != "SCHEMA" || len(e.beyond(g)) == 0
}
