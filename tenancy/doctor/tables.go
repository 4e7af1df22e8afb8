package doctor

import (
	"fmt"
	"slices"
)

// tableLints hold whatever the snapshot says: a tenant-scoped table without its protection is never what was meant.
func tableLints() []Lint {
	return []Lint{
		{
			Code: "tenant-column.nullable", Level: LevelError,
			Risk: "A row without a tenant belongs to no tenant, and to every tenant once a condition treats NULL as equal.",
			find: eachTenantColumn(func(e *examination, t, c Object) *fault {
				if c.Props["notnull"] != "" {
					return nil
				}
				f := e.about(c, c.String(), script(fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", t.Name, c.Name)))
				return &f
			}),
		},
		{
			Code: "tenant-column.type", Level: LevelError,
			Risk: "Only a uuid has one spelling: two spellings of a tenant are two tenants to one part of the system and one to another.",
			find: eachTenantColumn(findColumnType),
		},
		{
			Code: "rls.disabled", Level: LevelError,
			Risk: "Without row-level security the table's policies are not applied: every tenant reads and writes all rows.",
			find: eachTenantTable("rls", "ENABLE ROW LEVEL SECURITY"),
		},
		{
			Code: "rls.not-forced", Level: LevelError,
			Risk: "Unforced policies don't bind the owner: its views, functions and jobs read all tenants' rows.",
			find: eachTenantTable("forced", "FORCE ROW LEVEL SECURITY"),
		},
		{
			Code: "child.open", Level: LevelError,
			Risk: "Read directly, a partition or child is subject to its own policies, not its parent's, and this one is not protected.",
			find: findOpenChildren,
		},
		{
			Code: "child.of-other", Level: LevelError,
			Risk: "Reading the parent reads this table's rows under the parent's policies, and the parent has no tenants.",
			find: findForeignChildren,
		},
	}
}

func eachTenantColumn(judge func(e *examination, t, c Object) *fault) func(*examination) []fault {
	return func(e *examination) []fault {
		var out []fault
		for _, t := range e.of("table") {
			if !e.isTenant(t.Name) || !e.concerns(t) {
				continue
			}
			c, _ := e.column(t.Name, e.cat.TenantColumn)
			if f := judge(e, t, c); f != nil {
				out = append(out, *f)
			}
		}
		return out
	}
}

// findColumnType fixes the policies with the column: PostgreSQL alters no column that a policy reads, and a policy on
// another type is another policy.
func findColumnType(e *examination, t, c Object) *fault {
	if c.Props["type"] == "uuid" {
		return nil
	}
	var all []string
	for _, p := range e.on("policy", t.Name) {
		e.covered[p.key()] = true
		all = append(all, drop(p))
	}
	alter := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s ", t.Name, c.Name)
	all = append(all, alter+"DROP DEFAULT", alter+fmt.Sprintf("TYPE uuid USING %s::text::uuid", c.Name),
		alter+fmt.Sprintf("SET DEFAULT NULLIF(current_setting(%s, true), '')::uuid", literal(e.cat.Setting)))
	for _, p := range e.meantFor(t) {
		all = append(all, createPolicy(p))
	}
	f := e.about(c, fmt.Sprintf("%s: %s", c, c.Props["type"]), script(all...))
	return &f
}

// eachTenantTable finds tenant-scoped tables without a property. The table's other properties stay in the comparison.
func eachTenantTable(prop, what string) func(*examination) []fault {
	return func(e *examination) []fault {
		var out []fault
		for _, t := range e.tenantTables() {
			if t.Props[prop] == "" {
				e.covered[key{prop, "", t.Name}] = true
				out = append(out, fault{t.String(), script(fmt.Sprintf("ALTER TABLE %s %s", t.Name, what))})
			}
		}
		return out
	}
}

// findOpenChildren accepts a child that is granted to no one, and one that is protected like any tenant-scoped table.
func findOpenChildren(e *examination) []fault {
	var out []fault
	for _, t := range e.of("table") {
		if !e.isTenant(t.Name) || !e.isChild(t.Name) || e.isProtected(t) {
			continue
		}
		for _, g := range e.of("grant") {
			if g.Props["kind"] == "TABLE" && g.Props["object"] == t.Name && g.Props["grantee"] != ident(e.cat.OwnerRole) {
				e.covered[g.key()] = true
				out = append(out, e.about(t, fmt.Sprintf("table %s: open to %s", t.Name, g.Props["grantee"]),
					script(fmt.Sprintf("REVOKE ALL ON %s FROM %s", t.Name, g.Props["grantee"]))))
			}
		}
	}
	return out
}

func (e *examination) isProtected(t Object) bool {
	have := e.on("policy", t.Name)
	return t.Props["rls"] != "" && t.Props["forced"] != "" && !slices.ContainsFunc(e.meantFor(t), func(want Object) bool {
		return !slices.ContainsFunc(have, func(p Object) bool { return p.Name == want.Name && samePolicy(p, want) })
	}) && !slices.ContainsFunc(have, func(p Object) bool { return e.isExtra(p) })
}

func findForeignChildren(e *examination) []fault {
	var out []fault
	for _, c := range e.of("child") {
		if e.isTenant(c.Name) && !e.isTenant(c.On) {
			out = append(out, e.about(c, c.String(), script(drop(c))))
		}
	}
	return out
}

// condition is what both policies demand of a row. As a sub-select the tenant is read once a statement, and no plan is
// made for one tenant and then used for another. PostgreSQL prints it alike from 15 to 18.
func (c Catalogue) condition() string {
	return fmt.Sprintf(`(%s = ( SELECT (NULLIF(current_setting(%s::text, true), ''::text))::uuid AS "nullif"))`,
		ident(c.TenantColumn), literal(c.Setting))
}

// The names of a tenant-scoped table's two policies.
const (
	isolationPolicy = "tenant_isolation"
	floorPolicy     = "tenant_floor"
)

// meantFor are the policies that every tenant-scoped table has to have. Permissive policies are ORed: the restrictive
// floor keeps the next careless one harmless.
func (e *examination) meantFor(t Object) []Object {
	condition := e.cat.condition()
	return []Object{
		{Kind: "policy", Name: isolationPolicy, On: t.Name, Props: map[string]string{
			"command": "*", "permissive": "true", "roles": e.cat.app(), "using": condition, "check": condition,
		}},
		{Kind: "policy", Name: floorPolicy, On: t.Name, Props: map[string]string{
			"command": "*", "permissive": "false", "roles": e.cat.app(), "using": condition,
		}},
	}
}

// samePolicy compares two policies. A restrictive policy without WITH CHECK checks what it shows.
func samePolicy(have, want Object) bool {
	differ := have.differing(want)
	checksUsing := want.Props["check"] == "" && have.Props["check"] == have.Props["using"]
	return len(differ) == 0 || slices.Equal(differ, []string{"check"}) && checksUsing
}
