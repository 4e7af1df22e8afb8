package doctor

import (
	"slices"
	"strings"
)

func policyLints() []Lint {
	return []Lint{
		{
			Code: "policy.missing", Level: LevelError,
			Risk: "One of the table's policies is missing: without the floor the next careless policy opens the table, without " +
				"the other nothing is visible.",
			find: findMissingPolicies,
		},
		{
			Code: "policy.differs", Level: LevelError,
			Risk: "The policy is not the one that was tried: its condition, command or kind lets through something else.",
			find: eachPolicy(func(e *examination, p Object, want *Object) string {
				tenant, _ := e.column(p.On, e.cat.TenantColumn)
				if want == nil || p.Props["calls"] != "" || samePolicy(p, *want) || onlyRoles(p, *want) || tenant.Props["type"] != "uuid" {
					return ""
				}
				return script(drop(p), createPolicy(*want))
			}),
		},
		{
			Code: "policy.roles", Level: LevelError,
			Risk: "The policy names other roles than it is meant for: it does not bind those it leaves out, and lets in those it adds.",
			find: eachPolicy(func(_ *examination, p Object, want *Object) string {
				if want == nil || p.Props["calls"] != "" || !onlyRoles(p, *want) {
					return ""
				}
				return script(drop(p), createPolicy(*want))
			}),
		},
		{
			Code: "policy.extra", Level: LevelError,
			Risk: "Permissive policies are ORed: one more shows rows that the others hide.",
			find: eachPolicy(func(e *examination, p Object, want *Object) string {
				if want != nil || p.Props["calls"] != "" || !e.isExtra(p) {
					return ""
				}
				return script(drop(p))
			}),
		},
		{
			Code: "policy.function", Level: LevelError,
			Risk: "What a policy calls decides who sees what: an IMMUTABLE one is answered from a cached plan, for another tenant, " +
				"and any can be replaced.",
			find: eachPolicy(func(_ *examination, p Object, want *Object) string {
				if p.Props["calls"] == "" {
					return ""
				}
				if want != nil {
					return script(drop(p), createPolicy(*want))
				}
				return script(drop(p))
			}),
		},
	}
}

func findMissingPolicies(e *examination) []fault {
	var out []fault
	for _, t := range e.tenantTables() {
		for _, p := range e.meantFor(t) {
			if _, ok := e.live[p.key()]; !ok {
				out = append(out, e.about(p, p.String(), script(createPolicy(p))))
			}
		}
	}
	return out
}

// eachPolicy looks at every policy of the tenant-scoped tables, beside the one of that name that is meant to be there,
// or nil. A judgement is the SQL that fixes it, or nothing.
func eachPolicy(judge func(e *examination, p Object, want *Object) string) func(*examination) []fault {
	return func(e *examination) []fault {
		var out []fault
		for _, t := range e.tenantTables() {
			wanted := e.meantFor(t)
			for _, p := range e.on("policy", t.Name) {
				var want *Object
				if i := slices.IndexFunc(wanted, func(w Object) bool { return w.Name == p.Name }); i >= 0 {
					want = &wanted[i]
				}
				remedy := judge(e, p, want)
				if remedy == "" {
					continue
				}
				object := p.String()
				if calls := p.Props["calls"]; calls != "" {
					object += ": " + calls
				}
				out = append(out, e.about(p, object, remedy))
			}
		}
		return out
	}
}

func onlyRoles(have, want Object) bool { return slices.Equal(have.differing(want), []string{"roles"}) }

// isExtra tells whether a policy lets the application see more. Those of other roles are the snapshot's affair.
func (e *examination) isExtra(p Object) bool {
	if p.Name == isolationPolicy || p.Name == floorPolicy || p.Props["permissive"] != "true" {
		return false
	}
	return slices.ContainsFunc(strings.Split(p.Props["roles"], ", "), e.isApp)
}
