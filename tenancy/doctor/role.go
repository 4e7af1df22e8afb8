package doctor

import (
	"fmt"
	"slices"
	"strings"
)

func roleLints() []Lint {
	return []Lint{
		{
			Code: "role.unexpected", Level: LevelError,
			Risk: "The application is not logged in as the role that the policies, the grants and these checks are about.",
			find: findUnexpectedRole,
		},
		attributeLint("role.superuser", LevelError, "SUPERUSER",
			"A superuser bypasses every policy, forced or not.", func(r role) bool { return r.Superuser }),
		attributeLint("role.bypassrls", LevelError, "BYPASSRLS",
			"The role bypasses every policy, forced or not.", func(r role) bool { return r.BypassRLS }),
		attributeLint("role.createrole", LevelError, "CREATEROLE",
			"The role can make itself, or a role of its own, a member of one that bypasses the policies.",
			func(r role) bool { return r.CreateRole }),
		attributeLint("role.replication", LevelError, "REPLICATION",
			"Replication streams the rows of all tenants: no policy applies to it.", func(r role) bool { return r.Replication }),
		attributeLint("role.createdb", LevelWarning, "CREATEDB",
			"Databases that the role creates are outside everything that is checked here.", func(r role) bool { return r.CreateDB }),
		attributeLint("role.inherit", LevelWarning, "INHERIT",
			"The next role that is granted to this one takes effect at once, its policies included.",
			func(r role) bool { return r.Inherit }),
		{
			Code: "role.member", Level: LevelError,
			Risk: "As a member the application can SET ROLE to another role, and gets that role's policies and privileges.",
			find: findMemberships,
		},
		{
			Code: "role.granted", Level: LevelError,
			Risk: "Members of the application's role get its policies, and choose the tenant themselves.",
			find: findMembers,
		},
		{
			Code: "role.owns", Level: LevelError,
			Risk: "An owner can remove its object's protection, and a schema's or a database's owner can create objects beside it.",
			find: findOwned,
		},
		{
			Code: "owner.bypass", Level: LevelWarning,
			Risk: "Views and functions of an owner that bypasses the policies show all rows to their users.",
			find: findOwnerBypass,
		},
		{
			Code: "definer.role", Level: LevelError,
			Risk: "The role that the function acts as can do more than look: log in, bypass the policies, or create roles.",
			find: findDefinerRoles,
		},
		{
			Code: "definer.membership", Level: LevelError,
			Risk: "Members of the function's role read across tenants without the function, and the function gets the privileges " +
				"of every role that its own is a member of.",
			find: findDefinerMemberships,
		},
	}
}

func findUnexpectedRole(e *examination) []fault {
	want, remedy := e.cat.AppRole, "-- log in as %s: put it into DATABASE_URL"
	if e.cat.AskedBy != "" {
		want, remedy = e.cat.AskedBy, "-- run the check as %s"
	}
	s := e.server()
	if _, ok := e.role(e.cat.AppRole); !ok {
		return []fault{{"role " + e.cat.AppRole + ": there is none", "-- run bootstrap.sql as a superuser"}}
	}
	if s.Role == want && (s.Login == want || e.cat.AskedBy != "") {
		return nil
	}
	object := "role " + s.Role
	if s.Login != s.Role {
		object += ", logged in as " + s.Login
	}
	return []fault{{object, fmt.Sprintf(remedy, want)}}
}

// attributeLint looks for an attribute of the application's role.
func attributeLint(code string, level Level, attribute, risk string, has func(role) bool) Lint {
	return Lint{Code: code, Level: level, Risk: risk, find: func(e *examination) []fault {
		app, ok := e.role(e.cat.AppRole)
		if !ok || !has(app) {
			return nil
		}
		return []fault{{"role " + app.Name, script(fmt.Sprintf("ALTER ROLE %s NO%s", quoted(app.Name), attribute))}}
	}}
}

func findMemberships(e *examination) []fault {
	var out []fault
	for _, m := range e.Memberships {
		if m.Member == e.cat.AppRole {
			out = append(out, fault{"role " + m.Member + ": member of " + m.Role, e.revokeMembership(m)})
		}
	}
	return out
}

// findMembers leaves out who may administer the role and no more: from 16 on its creator always may.
func findMembers(e *examination) []fault {
	var out []fault
	for _, m := range e.Memberships {
		if m.Role == e.cat.AppRole && (m.CanSet || m.Inherits) {
			out = append(out, fault{"role " + m.Role + ": granted to " + m.Member, e.revokeMembership(m)})
		}
	}
	return out
}

// revokeMembership names the grantor where a grant belongs to one, which is from 16 on.
func (e *examination) revokeMembership(m membership) string {
	const grantsHaveGrantors = 16
	stmt := fmt.Sprintf("REVOKE %s FROM %s", quoted(m.Role), quoted(m.Member))
	if m.Grantor != "" && e.server().major() >= grantsHaveGrantors {
		stmt += " GRANTED BY " + quoted(m.Grantor)
	}
	return script(stmt)
}

// findOwned leaves the functions of the catalogue to definer.owner.
func findOwned(e *examination) []fault {
	var out []fault
	for _, o := range e.Owned {
		signature := strings.ReplaceAll(strings.ReplaceAll(o.Identity, "pg_catalog.", ""), ",", ", ")
		if _, listed := e.cat.Definers[signature]; listed {
			continue
		}
		stmt := fmt.Sprintf("ALTER %s %s OWNER TO %s", strings.ToUpper(o.Type), o.Identity, quoted(e.cat.OwnerRole))
		regranted := e.grantsOn(Object{Kind: o.Type, Name: o.Identity}) // owning took the grant in
		out = append(out, fault{o.Type + " " + o.Identity, script(append([]string{stmt}, regranted...)...)})
	}
	return out
}

func findOwnerBypass(e *examination) []fault {
	owner, ok := e.role(e.cat.OwnerRole)
	if !ok || !owner.Superuser && !owner.BypassRLS {
		return nil
	}
	return []fault{{"role " + owner.Name, script(fmt.Sprintf("ALTER ROLE %s NOSUPERUSER NOBYPASSRLS", quoted(owner.Name)))}}
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
