package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// checkTables reports tenant-scoped tables without their protection, whatever the snapshot says: those that are ours, and
// those within the application's reach. A child of a tenant-scoped table is protected by not being granted to anyone
// instead: what is read through the parent is subject to the parent's policies.
func (e *examination) checkTables() {
	for _, t := range e.of("table") {
		if !e.isTenant(t.Name) {
			continue
		}
		child := e.isChild(t.Name)
		if child && !e.isProtected(t) {
			e.checkOpen(t)
		}
		if !e.concerns(t) {
			continue
		}
		typed := e.checkTenantColumn(t)
		if child {
			continue
		}
		e.checkFlag(t, "rls", "rls.disabled")
		e.checkFlag(t, "forced", "rls.not-forced")
		if typed {
			e.checkPolicies(t)
		}
	}
	for _, c := range e.of("child") {
		if e.isTenant(c.Name) && !e.isTenant(c.On) {
			e.reportCovered("child.of-other", c, c.String(), script(drop(c)))
		}
	}
}

// checkTenantColumn tells whether the column has the right type. PostgreSQL does not alter a column that a policy reads,
// so the remedy makes the policies again.
func (e *examination) checkTenantColumn(t Object) bool {
	c, _ := e.column(t.Name, e.spec.TenantColumn)
	if c.Props["notnull"] == "" {
		e.reportCovered("tenant-column.nullable", c, c.String(), e.alter(c.with("notnull", "true"), c))
	}
	if c.Props["type"] == "uuid" {
		return true
	}
	var all []string
	for _, p := range e.on("policy", t.Name) {
		e.covered[p.key()] = true
		all = append(all, drop(p))
	}
	alter := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s ", t.Name, c.Name)
	all = append(all, alter+"DROP DEFAULT", alter+fmt.Sprintf("TYPE uuid USING %s::text::uuid", c.Name),
		alter+"SET DEFAULT "+rls.CurrentTenant)
	for _, p := range e.meantFor(t) {
		e.covered[p.key()] = true
		all = append(all, createPolicy(p))
	}
	e.reportCovered("tenant-column.type", c, fmt.Sprintf("%s: %s", c, c.Props["type"]), script(all...))
	return false
}

// checkFlag leaves the table's other properties to the comparison.
func (e *examination) checkFlag(t Object, prop, code string) {
	if t.Props[prop] == "" {
		e.covered[key{prop, "", t.Name}] = true
		e.report(code, t.String(), e.alter(t.with(prop, "true"), t))
	}
}

// checkPolicies reports what differs from the policies that every tenant-scoped table has, and policies that let the
// application see more or call what is not PostgreSQL's own, even if a migration made them.
func (e *examination) checkPolicies(t Object) {
	for _, want := range e.meantFor(t) {
		have, exists := e.live[want.key()]
		switch {
		case !exists:
			e.missing(want)
		case !have.equal(want):
			e.differs(want, have)
		}
		e.covered[want.key()] = true
	}
	for _, p := range e.on("policy", t.Name) {
		want, planned := e.want[p.key()]
		switch calls := p.Props["calls"]; {
		case e.covered[p.key()], planned && want.Props["calls"] != calls: // the comparison reports those
		case calls != "":
			e.reportCovered("policy.function", p, p.String()+": "+calls, script(drop(p)))
		case e.isExtra(p):
			e.reportCovered("policy.extra", p, p.String(), script(drop(p)))
		}
	}
}

// isExtra tells whether a policy lets the application see more. Those of other roles are the snapshot's affair.
func (e *examination) isExtra(p Object) bool {
	return p.Name != rls.IsolationPolicy && p.Name != rls.FloorPolicy && p.Props["permissive"] == "true" &&
		slices.ContainsFunc(strings.Split(p.Props["roles"], ", "), e.isApp)
}

func (e *examination) checkOpen(t Object) {
	for _, g := range e.of("grant") {
		if grantee := g.Props["grantee"]; g.Props["kind"] == "TABLE" && g.Props["object"] == t.Name && grantee != ident(e.spec.OwnerRole) {
			e.covered[t.key()] = true
			e.reportCovered("child.open", g, fmt.Sprintf("table %s: open to %s", t.Name, grantee),
				script(fmt.Sprintf("REVOKE ALL ON %s FROM %s", t.Name, grantee)))
		}
	}
}

// isProtected tells whether a child is protected as any tenant-scoped table is.
func (e *examination) isProtected(t Object) bool {
	return t.Props["rls"] != "" && t.Props["forced"] != "" &&
		!slices.ContainsFunc(e.meantFor(t), func(want Object) bool { return !e.live[want.key()].equal(want) }) &&
		!slices.ContainsFunc(e.on("policy", t.Name), e.isExtra)
}

// condition is [rls.Condition] as PostgreSQL 15 to 18 print it. It is spelled out as a second opinion.
func (c Spec) condition() string {
	return "(" + ident(c.TenantColumn) +
		` = ( SELECT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid AS "nullif"))`
}

// meantFor are the policies that every tenant-scoped table has to have. Permissive policies are ORed: the restrictive
// floor keeps the next careless one harmless.
func (e *examination) meantFor(t Object) []Object {
	condition := e.spec.condition()
	return []Object{
		{Kind: "policy", Name: rls.IsolationPolicy, On: t.Name, Props: map[string]string{
			"command": "*", "permissive": "true", "roles": e.spec.app(), "using": condition, "check": condition,
		}},
		{Kind: "policy", Name: rls.FloorPolicy, On: t.Name, Props: map[string]string{
			"command": "*", "permissive": "false", "roles": e.spec.app(), "using": condition,
		}},
	}
}
