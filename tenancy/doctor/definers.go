package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func definerLints() []Lint {
	return []Lint{
		{
			Code: "definer.unlisted", Level: LevelError,
			Risk: "A SECURITY DEFINER function does what its owner may, for whoever calls it, and nobody has listed this one.",
			find: findUnlistedDefiners,
		},
		{
			Code: "definer.owner", Level: LevelError,
			Risk: "The function acts as another role than it was made for: with more rights it shows more, as the table's owner it " +
				"answers nothing, without a word.",
			find: findDefinerOwners,
		},
		{
			Code: "definer.role", Level: LevelError,
			Risk: "The role that the function acts as can do more than look: log in, pass the policies by, or make roles.",
			find: findDefinerRoles,
		},
		{
			Code: "definer.membership", Level: LevelError,
			Risk: "Who can act as the function's role sees past tenants without the function, and what that role is a member of, the " +
				"function can do.",
			find: findDefinerMemberships,
		},
		{
			Code: "definer.search-path", Level: LevelError,
			Risk: "The function's names are looked up where its caller says, a temporary table first of all.",
			find: findLooseDefiners,
		},
		{
			Code: "definer.grant", Level: LevelError,
			Risk: "Roles that were not meant to may call a function that sees past tenants.",
			find: eachGrant(func(e *examination, g grant) bool {
				d, ok := e.cat.Definers[g.Object]
				return g.Kind == "ROUTINE" && ok && !slices.Contains(d.Executors, g.Grantee) && g.Grantee != d.Owner
			}),
		},
	}
}

// signatures are the functions of the catalogue, in order.
func (c Catalogue) signatures() []string { return slices.Sorted(maps.Keys(c.Definers)) }

func (e *examination) listedDefiners() []function {
	return slices.DeleteFunc(slices.Clone(e.Functions), func(f function) bool {
		_, ok := e.cat.Definers[f.Signature]
		return !ok || !f.Definer
	})
}

// findUnlistedDefiners leaves out what an extension keeps to its owner.
func findUnlistedDefiners(e *examination) []fault {
	var out []fault
	for _, f := range e.Functions {
		_, listed := e.cat.Definers[f.Signature]
		if listed || !f.Definer || f.Extension && !e.callable(f) {
			continue
		}
		out = append(out, fault{
			"function " + f.Signature,
			script("ALTER ROUTINE "+f.Identity+" SECURITY INVOKER",
				fmt.Sprintf("REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC", f.Identity)),
		})
	}
	return out
}

// findDefinerOwners gives CREATE on the schema for the moment in which PostgreSQL demands it of the new owner.
func findDefinerOwners(e *examination) []fault {
	var out []fault
	for _, f := range e.listedDefiners() {
		want := e.cat.Definers[f.Signature].Owner
		if f.Owner == want {
			continue
		}
		remedy := []string{
			fmt.Sprintf("GRANT CREATE ON SCHEMA %s TO %s", quoted(f.Schema), quoted(want)),
			fmt.Sprintf("ALTER ROUTINE %s OWNER TO %s", f.Identity, quoted(want)),
			fmt.Sprintf("REVOKE CREATE ON SCHEMA %s FROM %s", quoted(f.Schema), quoted(want)),
		}
		if slices.Contains(e.cat.Definers[f.Signature].Executors, f.Owner) {
			// Owning took the grant in.
			remedy = append(remedy, fmt.Sprintf("GRANT EXECUTE ON ROUTINE %s TO %s", f.Identity, quoted(f.Owner)))
		}
		out = append(out, fault{fmt.Sprintf("function %s: owned by %s", f.Signature, f.Owner), script(remedy...)})
	}
	return out
}

func findDefinerRoles(e *examination) []fault {
	var out []fault
	for _, name := range e.definerOwners() {
		r, ok := e.role(name)
		if !ok {
			continue
		}
		var more []string
		for _, a := range []struct {
			attribute string
			has       bool
		}{
			{"SUPERUSER", r.Superuser},
			{"BYPASSRLS", r.BypassRLS},
			{"CREATEROLE", r.CreateRole},
			{"CREATEDB", r.CreateDB},
			{"REPLICATION", r.Replication},
			{"LOGIN", r.Login},
		} {
			if a.has {
				more = append(more, a.attribute)
			}
		}
		if len(more) > 0 {
			out = append(out, fault{
				fmt.Sprintf("role %s: %s", name, strings.Join(more, ", ")),
				script(fmt.Sprintf("ALTER ROLE %s NO%s", quoted(name), strings.Join(more, " NO"))),
			})
		}
	}
	return out
}

// findDefinerMemberships allows the owner's role to hand functions over: to SET ROLE, not to inherit. The application's
// own memberships are role.member.
func findDefinerMemberships(e *examination) []fault {
	var out []fault
	for _, m := range e.Memberships {
		if m.Member == e.cat.AppRole || m.Role == e.cat.AppRole {
			continue
		}
		_, isOwn := slices.BinarySearch(e.definerOwners(), m.Role)
		_, isMember := slices.BinarySearch(e.definerOwners(), m.Member)
		handsOver := m.Member == e.cat.OwnerRole && !m.Inherits
		if isMember || isOwn && !handsOver && (m.CanSet || m.Inherits) {
			out = append(out, fault{
				fmt.Sprintf("role %s: member of %s", m.Member, m.Role),
				e.narrowMembership(m, isOwn),
			})
		}
	}
	return out
}

// narrowMembership takes the owner's inheriting away, and anybody else's membership. Before 16 inheriting is the role's.
func (e *examination) narrowMembership(m membership, isOwn bool) string {
	const grantsHaveOptions = 16
	switch {
	case !isOwn || m.Member != e.cat.OwnerRole:
		return e.revokeMembership(m)
	case e.server().major() >= grantsHaveOptions:
		return script(fmt.Sprintf("GRANT %s TO %s WITH INHERIT FALSE, SET TRUE", quoted(m.Role), quoted(m.Member)))
	default:
		return script(fmt.Sprintf("ALTER ROLE %s NOINHERIT", quoted(m.Member)))
	}
}

// findLooseDefiners accepts a body that was parsed when it was made (BEGIN ATOMIC), and a search path that names
// pg_temp, last: unnamed, it comes first.
func findLooseDefiners(e *examination) []fault {
	var out []fault
	for _, f := range e.listedDefiners() {
		if f.Atomic || slices.ContainsFunc(f.Config, pinsPath) {
			continue
		}
		out = append(out, fault{
			"function " + f.Signature,
			script(fmt.Sprintf("ALTER ROUTINE %s SET search_path = pg_catalog, %s, pg_temp", f.Identity, quoted(f.Schema))),
		})
	}
	return out
}

func pinsPath(config string) bool {
	name, value, _ := strings.Cut(config, "=")
	schemas := strings.Split(value, ",")
	last := strings.Trim(schemas[len(schemas)-1], ` "`)
	return strings.EqualFold(name, "search_path") && last == "pg_temp"
}
