package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// findGrantOptions leaves privileges that should not be there at all to grant.table.
func findGrantOptions(e *examination, g grant) bool {
	return e.open(g) && g.Grantable && g.Grantee == e.cat.AppRole && !findTableGrants(e, g)
}

func findMissingGrants(e *examination) []fault {
	var out []fault
	for _, r := range e.Relations {
		if !r.isTable() || e.isChild(r) || r.Owner == e.cat.AppRole || e.class(r) == ClassPlatform {
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(e.cat.Grants[e.class(r)]), func(p string) bool {
			return e.holds("TABLE", r.name(), "", e.cat.AppRole, p)
		})
		out = append(out, missingGrant("TABLE", r.name(), r.sql(), e.cat.AppRole, missing)...)
	}
	for _, signature := range e.cat.signatures() {
		out = append(out, e.missingOf(signature)...)
	}
	return out
}

// missingOf is what a function of the catalogue lives by and does not have.
func (e *examination) missingOf(signature string) []fault {
	d := e.cat.Definers[signature]
	var out []fault
	for _, f := range e.Functions {
		if f.Signature != signature || f.Owner != d.Owner {
			continue
		}
		for _, role := range d.Executors {
			if !e.holds("ROUTINE", signature, "", role, "EXECUTE") {
				out = append(out, missingGrant("ROUTINE", signature, f.Identity, role, []string{"EXECUTE"})...)
			}
		}
		for table, columns := range d.Reads {
			if e.holds("TABLE", table, "", d.Owner, "SELECT") {
				continue
			}
			missing := slices.DeleteFunc(slices.Clone(columns), func(c string) bool {
				return e.holds("TABLE", table, c, d.Owner, "SELECT")
			})
			if len(missing) > 0 {
				missing = []string{fmt.Sprintf("SELECT (%s)", quotedAll(missing))}
			}
			out = append(out, missingGrant("TABLE", table, e.relations[table].sql(), d.Owner, missing)...)
		}
	}
	return out
}

func (e *examination) holds(kind, object, column, grantee, privilege string) bool {
	return slices.ContainsFunc(e.Grants, func(g grant) bool {
		return g.Kind == kind && g.Object == object && g.Column == column && g.Grantee == grantee && g.Privilege == privilege
	})
}

func missingGrant(kind, object, identity, role string, privileges []string) []fault {
	if len(privileges) == 0 {
		return nil
	}
	what := strings.Join(privileges, ", ")
	return []fault{{
		fmt.Sprintf("%s %s: %s to %s", strings.ToLower(kind), object, strings.ReplaceAll(what, `"`, ""), role),
		script(fmt.Sprintf("GRANT %s ON %s %s TO %s", what, kind, identity, quoted(role))),
	}}
}

func findDefaultGrants(e *examination) []fault {
	var out []fault
	for _, g := range e.DefaultGrants {
		if g.Grantee == e.cat.OwnerRole {
			continue
		}
		in, where := "", ""
		if g.Schema != "" {
			in, where = " IN SCHEMA "+quoted(g.Schema), " in "+g.Schema
		}
		out = append(out, fault{
			fmt.Sprintf("default of %s%s: %s on %s to %s", g.Role, where, g.Privilege, strings.ToLower(g.Kind), spoken(g.Grantee)),
			script(fmt.Sprintf("ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE %s ON %s FROM %s",
				quoted(g.Role), in, g.Privilege, g.Kind, quotedRole(g.Grantee))),
		})
	}
	return out
}
