package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// checkTables reports tenant-scoped tables without full protection, regardless of the snapshot, if they are in it or
// the application can reach them. A child of a tenant-scoped table may instead have no grants: reads through the parent
// are subject to the parent's policies.
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
			e.found("child.of-other", e.cover(c), script(drop(c)))
		}
	}
}

// checkTenantColumn reports whether the column has the right type. PostgreSQL does not alter a column that a policy
// uses, so the remedy recreates the policies.
func (e *examination) checkTenantColumn(t Object) bool {
	c, _ := e.column(t.Name, e.spec.TenantColumn)
	if c.Props["notnull"] == "" {
		e.found("tenant-column.nullable", e.cover(c), e.alter(c.with("notnull", "true"), c))
	}
	if c.Props["type"] == "uuid" {
		return true
	}
	var all []string
	for _, p := range e.on("policy", t.Name) {
		all = append(all, drop(e.cover(p)))
	}
	alter := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s ", t.Name, c.Name)
	all = append(all, alter+"DROP DEFAULT", alter+fmt.Sprintf("TYPE uuid USING %s::text::uuid", c.Name),
		alter+"SET DEFAULT "+rls.CurrentTenant)
	for _, p := range e.meantFor(t) {
		all = append(all, createPolicy(e.cover(p)))
	}
	e.foundAs("tenant-column.type", e.cover(c), fmt.Sprintf("%s: %s", c, c.Props["type"]), script(all...))
	return false
}

// checkFlag covers only the flag: the comparison checks the table's other properties.
func (e *examination) checkFlag(t Object, prop, code string) {
	if t.Props[prop] == "" {
		e.covered[key{prop, "", t.Name}] = true
		e.report(code, t.String(), e.alter(t.with(prop, "true"), t))
	}
}

// checkPolicies compares with the policies of every tenant-scoped table, and reports policies that show the application
// more rows or call functions that are not PostgreSQL's own, even if a migration created them.
func (e *examination) checkPolicies(t Object) {
	for _, want := range e.meantFor(t) {
		have, exists := e.live[want.key()]
		switch {
		case !exists:
			e.missing(want)
		case !have.equal(want):
			e.differs(want, have)
		}
		e.cover(want)
	}
	for _, p := range e.on("policy", t.Name) {
		want, planned := e.want[p.key()]
		switch calls := p.Props["calls"]; {
		case e.covered[p.key()], planned && want.Props["calls"] != calls: // the comparison reports those
		case calls != "":
			e.foundAs("policy.function", e.cover(p), p.String()+": "+calls, script(drop(p)))
		case e.isExtra(p) && (!planned || e.isExtra(want)): // else the comparison reports the other roles
			e.found("policy.extra", e.cover(p), script(drop(p)))
		}
	}
}

// isExtra reports whether a policy shows the application more rows. The comparison checks those of other roles.
func (e *examination) isExtra(p Object) bool {
	return p.Name != rls.IsolationPolicy && p.Name != rls.FloorPolicy && p.Props["permissive"] == "true" &&
		slices.ContainsFunc(strings.Split(p.Props["roles"], ", "), e.isApp)
}

func (e *examination) checkOpen(t Object) {
	for _, g := range e.of("grant") {
		if grantee := g.Props["grantee"]; g.Props["kind"] == "TABLE" && g.Props["object"] == t.Name &&
			grantee != ident(e.spec.OwnerRole) {
			e.cover(t)
			e.foundAs("child.open", e.cover(g), fmt.Sprintf("table %s: open to %s", t.Name, grantee),
				scriptf("REVOKE ALL ON %s FROM %s", t.Name, grantee))
		}
	}
}

// isProtected reports whether a child has the full protection of a tenant-scoped table.
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

// meantFor returns the policies that every tenant-scoped table must have. Permissive policies are ORed: the restrictive
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
