package doctor

import (
	"fmt"
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
			"A superuser passes every policy by, forced or not.", func(r role) bool { return r.Superuser }),
		attributeLint("role.bypassrls", LevelError, "BYPASSRLS",
			"The role passes every policy by, forced or not.", func(r role) bool { return r.BypassRLS }),
		attributeLint("role.createrole", LevelError, "CREATEROLE",
			"The role can make itself, or a role of its own, a member of one that passes the policies by.",
			func(r role) bool { return r.CreateRole }),
		attributeLint("role.replication", LevelError, "REPLICATION",
			"Replication streams the rows of all tenants: no policy applies to it.", func(r role) bool { return r.Replication }),
		attributeLint("role.createdb", LevelWarning, "CREATEDB",
			"Databases of the role's own stand outside everything that is checked here.", func(r role) bool { return r.CreateDB }),
		attributeLint("role.inherit", LevelWarning, "INHERIT",
			"The next role that is granted to this one takes effect at once, its policies included.",
			func(r role) bool { return r.Inherit }),
		{
			Code: "role.member", Level: LevelError,
			Risk: "As a member the application can SET ROLE to another role, and stands under that one's policies and rights.",
			find: findMemberships,
		},
		{
			Code: "role.granted", Level: LevelError,
			Risk: "Members of the application's role stand under its policies, and choose the tenant themselves.",
			find: findMembers,
		},
		{
			Code: "role.owns", Level: LevelError,
			Risk: "An owner can take its object's protection off again, and a schema's or a database's owner can put objects beside it.",
			find: findOwned,
		},
		{
			Code: "owner.bypass", Level: LevelWarning,
			Risk: "Views and functions of an owner that passes the policies by would show all rows to whoever may use them.",
			find: findOwnerBypass,
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
		out = append(out, fault{o.Type + " " + o.Identity, script(append([]string{stmt}, e.regrantedTo(o)...)...)})
	}
	return out
}

// regrantedTo is what the application may do with a table, once it is no longer its own: owning took the grant in.
func (e *examination) regrantedTo(o owned) []string {
	for _, r := range e.Relations {
		privileges := e.cat.Grants[e.class(r)]
		if o.Type != "table" || !r.isTable() || plain(r.Schema)+"."+plain(r.Name) != o.Identity || len(privileges) == 0 {
			continue
		}
		return []string{fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(privileges, ", "), r.sql(), quoted(e.cat.AppRole))}
	}
	return nil
}

func findOwnerBypass(e *examination) []fault {
	owner, ok := e.role(e.cat.OwnerRole)
	if !ok || !owner.Superuser && !owner.BypassRLS {
		return nil
	}
	return []fault{{"role " + owner.Name, script(fmt.Sprintf("ALTER ROLE %s NOSUPERUSER NOBYPASSRLS", quoted(owner.Name)))}}
}
