package doctor

import (
	"fmt"
	"slices"
)

func childLints() []Lint {
	return []Lint{
		{
			Code: "child.open", Level: LevelError,
			Risk: "Read directly, a partition or child stands under its own policies, not its parent's, and this one has none to speak of.",
			find: findOpenChildren,
		},
		{
			Code: "child.of-other", Level: LevelError,
			Risk: "Reading the parent reads this table's rows under the parent's policies, and the parent knows no tenants.",
			find: findForeignChildren,
		},
	}
}

// findOpenChildren accepts a child that is granted to nobody, and one that is protected like any tenant-scoped table.
func findOpenChildren(e *examination) []fault {
	var out []fault
	for _, r := range e.tables(ClassTenant) {
		if !e.isChild(r) || e.isProtected(r) {
			continue
		}
		var grantees []string
		for _, g := range e.Grants {
			if g.Kind == "TABLE" && g.Object == r.name() && g.Grantee != e.cat.OwnerRole && !slices.Contains(grantees, g.Grantee) {
				grantees = append(grantees, g.Grantee)
			}
		}
		for _, grantee := range grantees {
			out = append(out, fault{
				fmt.Sprintf("table %s: open to %s", r.name(), spoken(grantee)),
				script(fmt.Sprintf("REVOKE ALL ON %s FROM %s", r.sql(), quotedRole(grantee))),
			})
		}
	}
	return out
}

func (e *examination) isProtected(r relation) bool {
	if !r.RLS || !r.Forced {
		return false
	}
	have, want := e.policiesOf(r), e.meantFor(r)
	return len(have) == len(want) && !slices.ContainsFunc(want, func(m meant) bool {
		return !slices.ContainsFunc(have, func(p policy) bool {
			return p.Name == m.Name && p.sameDefinition(m.policy) && slices.Equal(p.Roles, m.Roles)
		})
	})
}

func findForeignChildren(e *examination) []fault {
	var out []fault
	for _, c := range e.Children {
		if !e.isTenant(c.Schema, c.Name) || e.isTenant(c.ParentSchema, c.ParentName) {
			continue
		}
		parent := quoted(c.ParentSchema, c.ParentName)
		remedy := fmt.Sprintf("ALTER TABLE %s NO INHERIT %s", c.sql(), parent)
		if c.IsPartition {
			remedy = fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", parent, c.sql())
		}
		out = append(out, fault{fmt.Sprintf("table %s: child of %s.%s", c.name(), c.ParentSchema, c.ParentName), script(remedy)})
	}
	return out
}
