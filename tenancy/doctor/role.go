package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

func (e *examination) checkRoles() {
	e.checkAsker()
	e.checkAttributes()
	e.checkMemberships()
	for _, o := range e.Owned {
		signature := strings.ReplaceAll(strings.ReplaceAll(o.Identity, "pg_catalog.", ""), ",", ", ")
		if _, listed := e.spec.Definers[signature]; listed {
			continue // definer.owner
		}
		stmt := fmt.Sprintf("ALTER %s %s OWNER TO %s", strings.ToUpper(o.Type), o.Identity, rls.Quote(e.spec.OwnerRole))
		regranted := e.grantsOn(Object{Kind: o.Type, Name: signature}) // ownership absorbed the grants
		e.report("role.owns", o.Type+" "+o.Identity, script(append([]string{stmt}, regranted...)...))
	}
}

func (e *examination) checkAsker() {
	want, remedy := e.spec.AppRole, "-- connect as %s: set DATABASE_URL"
	if e.spec.AskedBy != "" {
		want, remedy = e.spec.AskedBy, "-- run the check as %s"
	}
	s := e.Server
	if _, ok := e.Roles[e.spec.AppRole]; !ok {
		e.report("role.unexpected", "role "+e.spec.AppRole+": does not exist", "-- run bootstrap.sql as a superuser")
		return
	}
	if s.Role == want && (s.Login == want || e.spec.AskedBy != "") {
		return
	}
	object := "role " + s.Role
	if s.Login != s.Role {
		object += ", logged in as " + s.Login
	}
	e.report("role.unexpected", object, fmt.Sprintf(remedy, want))
}

func (e *examination) checkAttributes() {
	for _, attribute := range e.Roles[e.spec.AppRole] {
		if attribute != "LOGIN" {
			e.report("role."+strings.ToLower(attribute), "role "+e.spec.AppRole,
				withoutAttributes(e.spec.AppRole, attribute))
		}
	}
	owner := e.Roles[e.spec.OwnerRole]
	if slices.Contains(owner, "SUPERUSER") || slices.Contains(owner, "BYPASSRLS") {
		e.report("owner.bypass", "role "+e.spec.OwnerRole,
			withoutAttributes(e.spec.OwnerRole, "SUPERUSER", "BYPASSRLS"))
	}
	for _, name := range e.spec.definerOwners() {
		if more := without(e.Roles[name], []string{"INHERIT"}); len(more) > 0 {
			e.report("definer.role", fmt.Sprintf("role %s: %s", name, strings.Join(more, ", ")),
				withoutAttributes(name, more...))
		}
	}
}

func withoutAttributes(role string, attributes ...string) string {
	return scriptf("ALTER ROLE %s NO%s", rls.Quote(role), strings.Join(attributes, " NO"))
}

// checkMemberships allows the owner role to SET ROLE to a function's owner, to hand functions over, but not to inherit
// its privileges. It also allows ADMIN alone, which since 16 the creator of a role always has.
func (e *examination) checkMemberships() {
	definers := e.spec.definerOwners()
	for _, m := range e.Memberships {
		object := fmt.Sprintf("role %s: member of %s", m.Member, m.Role)
		usable, isDefiner := m.CanSet || m.Inherits, slices.Contains(definers, m.Role)
		switch {
		case m.Member == e.spec.AppRole:
			e.report("role.member", object, e.revokeMembership(m))
		case m.Role == e.spec.AppRole && usable:
			e.report("role.granted", fmt.Sprintf("role %s: granted to %s", m.Role, m.Member), e.revokeMembership(m))
		case m.Role == e.spec.AppRole:
		case isDefiner && m.Member == e.spec.OwnerRole:
			if m.Inherits {
				e.report("definer.membership", object, e.revokeInheriting(m))
			}
		case isDefiner && usable, slices.Contains(definers, m.Member):
			e.report("definer.membership", object, e.revokeMembership(m))
		}
	}
}

// grantsHaveOptions is the first major version whose memberships have options and grantors.
const grantsHaveOptions = 16

func (e *examination) revokeMembership(m membership) string {
	stmt := fmt.Sprintf("REVOKE %s FROM %s", rls.Quote(m.Role), rls.Quote(m.Member))
	if m.Grantor != "" && e.Server.major() >= grantsHaveOptions {
		stmt += " GRANTED BY " + rls.Quote(m.Grantor)
	}
	return script(stmt)
}

func (e *examination) revokeInheriting(m membership) string {
	if e.Server.major() < grantsHaveOptions {
		return scriptf("ALTER ROLE %s NOINHERIT", rls.Quote(m.Member))
	}
	return scriptf("GRANT %s TO %s WITH INHERIT FALSE, SET TRUE", rls.Quote(m.Role), rls.Quote(m.Member))
}
