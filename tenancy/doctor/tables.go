package doctor

import (
	"fmt"
	"slices"
)

func tableLints() []Lint {
	return []Lint{
		{
			Code: "table.unclassified", Level: LevelError,
			Risk: "Nobody has said whether the table's rows belong to tenants: without a tenant they are everybody's.",
			find: findUnclassified,
		},
		{
			Code: "table.owner", Level: LevelError,
			Risk: "Whoever owns the table can take its protection off, and the owner's role can't mend it.",
			find: findTableOwners,
		},
		{
			Code: "tenant-column.nullable", Level: LevelError,
			Risk: "A row without a tenant belongs to nobody, and to everybody once a condition treats NULL as equal.",
			find: findNullable,
		},
		{
			Code: "tenant-column.type", Level: LevelError,
			Risk: "Only a uuid has one spelling: two spellings of a tenant are two tenants to one part of the system and one to another.",
			find: findColumnType,
		},
		{
			Code: "rls.disabled", Level: LevelError,
			Risk: "Without row-level security the table's policies are not applied: every tenant reads and writes all rows.",
			find: func(e *examination) []fault {
				return e.alterGuarded(func(r relation) bool { return !r.RLS }, "ENABLE ROW LEVEL SECURITY")
			},
		},
		{
			Code: "rls.not-forced", Level: LevelError,
			Risk: "Unforced policies don't bind the owner: its views, functions and jobs read all tenants' rows.",
			find: func(e *examination) []fault {
				return e.alterGuarded(func(r relation) bool { return !r.Forced }, "FORCE ROW LEVEL SECURITY")
			},
		},
	}
}

// findUnclassified leaves to key.no-tenant what refers to tenants' rows: that one has no choice of class.
func findUnclassified(e *examination) []fault {
	var out []fault
	for _, r := range e.tables(ClassUnclassified) {
		if len(e.keysToTenants(r)) > 0 {
			continue
		}
		out = append(out, fault{"table " + r.name(), script(append([]string{
			"-- If its rows are nobody's, list it with the reason in the catalogue. Otherwise give it a tenant:",
			e.addTenant(r),
		}, e.protect(r)...)...)})
	}
	return out
}

// findTableOwners leaves the application's own to role.owns.
func findTableOwners(e *examination) []fault {
	var out []fault
	for _, r := range e.tables(ClassTenant) {
		if r.Owner == e.cat.OwnerRole || r.Owner == e.cat.AppRole {
			continue
		}
		out = append(out, fault{
			fmt.Sprintf("table %s: owned by %s", r.name(), r.Owner),
			script(fmt.Sprintf("ALTER TABLE %s OWNER TO %s", r.sql(), quoted(e.cat.OwnerRole))),
		})
	}
	return out
}

func findNullable(e *examination) []fault {
	var out []fault
	for _, r := range e.tables(ClassTenant) {
		if !r.TenantNotNull {
			out = append(out, fault{
				fmt.Sprintf("column %s.%s", r.name(), e.cat.TenantColumn),
				script(fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", r.sql(), quoted(e.cat.TenantColumn))),
			})
		}
	}
	return out
}

// findColumnType mends the policies with the column: PostgreSQL alters no column that a policy reads, and a policy on
// another type is another policy.
func findColumnType(e *examination) []fault {
	var out []fault
	column := quoted(e.cat.TenantColumn)
	for _, r := range e.tables(ClassTenant) {
		if r.TenantType == "uuid" {
			continue
		}
		var all []string
		for _, p := range e.policiesOf(r) {
			all = append(all, fmt.Sprintf("DROP POLICY %s ON %s", quoted(p.Name), r.sql()))
		}
		all = append(all,
			fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", r.sql(), column),
			fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE uuid USING %s::text::uuid", r.sql(), column, column),
			fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT NULLIF(current_setting(%s, true), '')::uuid",
				r.sql(), column, literal(e.cat.Setting)))
		for _, m := range e.meantFor(r) {
			all = append(all, m.create)
		}
		out = append(out, fault{
			fmt.Sprintf("column %s.%s: %s", r.name(), e.cat.TenantColumn, r.TenantType),
			script(all...),
		})
	}
	return out
}

func (e *examination) alterGuarded(bad func(relation) bool, what string) []fault {
	var out []fault
	for _, r := range e.guarded() {
		if bad(r) {
			out = append(out, fault{"table " + r.name(), script(fmt.Sprintf("ALTER TABLE %s %s", r.sql(), what))})
		}
	}
	return out
}

func (e *examination) policiesOf(r relation) []policy {
	return slices.DeleteFunc(slices.Clone(e.Policies), func(p policy) bool { return p.Schema != r.Schema || p.Table != r.Name })
}
