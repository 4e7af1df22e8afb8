package doctor

import (
	"fmt"
	"slices"
	"strings"
)

func policyLints() []Lint {
	return []Lint{
		{
			Code: "policy.missing", Level: LevelError,
			Risk: "One of the table's policies is not there: without the floor the next careless policy opens the table, without " +
				"the other nothing is visible.",
			find: findMissingPolicies,
		},
		{
			Code: "policy.differs", Level: LevelError,
			Risk: "The policy is not the one that was tried: its condition, command or kind lets through something else.",
			find: eachPolicy(func(r relation, p policy, want *meant) *fault {
				if want == nil || len(p.Calls) > 0 || p.sameDefinition(want.policy) || r.TenantType != "uuid" {
					return nil
				}
				return &fault{p.object(), script(p.drop(), want.create)}
			}),
		},
		{
			Code: "policy.roles", Level: LevelError,
			Risk: "The policy speaks of other roles than it is meant for: those it leaves out it does not bind, those it adds it lets in.",
			find: eachPolicy(func(_ relation, p policy, want *meant) *fault {
				if want == nil || len(p.Calls) > 0 || !p.sameDefinition(want.policy) || slices.Equal(p.Roles, want.Roles) {
					return nil
				}
				return &fault{p.object(), script(fmt.Sprintf("ALTER POLICY %s ON %s TO %s",
					quoted(p.Name), quoted(p.Schema, p.Table), quotedAll(want.Roles)))}
			}),
		},
		{
			Code: "policy.extra", Level: LevelError,
			Risk: "Permissive policies are ORed: one more shows rows that the others hide.",
			find: eachPolicy(func(_ relation, p policy, want *meant) *fault {
				if want != nil || len(p.Calls) > 0 {
					return nil
				}
				return &fault{p.object(), script(p.drop())}
			}),
		},
		{
			Code: "policy.function", Level: LevelError,
			Risk: "What a policy calls decides who sees what: an IMMUTABLE one is answered from a cached plan, for another tenant, " +
				"and any can be replaced.",
			find: eachPolicy(func(_ relation, p policy, want *meant) *fault {
				if len(p.Calls) == 0 {
					return nil
				}
				remedy := p.drop()
				if want != nil {
					return &fault{p.object() + ": " + strings.Join(p.Calls, ", "), script(remedy, want.create)}
				}
				return &fault{p.object() + ": " + strings.Join(p.Calls, ", "), script(remedy)}
			}),
		},
	}
}

func findMissingPolicies(e *examination) []fault {
	var out []fault
	for _, r := range e.guarded() {
		have := e.policiesOf(r)
		for _, m := range e.meantFor(r) {
			if !slices.ContainsFunc(have, func(p policy) bool { return p.Name == m.Name }) {
				out = append(out, fault{fmt.Sprintf("policy %s on %s", m.Name, r.name()), script(m.create)})
			}
		}
	}
	return out
}

// eachPolicy looks at every policy of the tenant-scoped tables, beside the one of that name that is meant to be there,
// or nil.
func eachPolicy(judge func(r relation, p policy, want *meant) *fault) func(*examination) []fault {
	return func(e *examination) []fault {
		var out []fault
		for _, r := range e.guarded() {
			wanted := e.meantFor(r)
			for _, p := range e.policiesOf(r) {
				var want *meant
				if i := slices.IndexFunc(wanted, func(m meant) bool { return m.Name == p.Name }); i >= 0 {
					want = &wanted[i]
				}
				if f := judge(r, p, want); f != nil {
					out = append(out, *f)
				}
			}
		}
		return out
	}
}

// sameDefinition compares all but the roles. A restrictive policy without WITH CHECK checks what it shows.
func (p policy) sameDefinition(want policy) bool {
	check := p.Check
	if !want.Permissive && check == p.Using {
		check = want.Check
	}
	return p.Command == want.Command && p.Permissive == want.Permissive && p.Using == want.Using && check == want.Check
}

func (p policy) object() string { return fmt.Sprintf("policy %s on %s.%s", p.Name, p.Schema, p.Table) }

func (p policy) drop() string {
	return fmt.Sprintf("DROP POLICY %s ON %s", quoted(p.Name), quoted(p.Schema, p.Table))
}
