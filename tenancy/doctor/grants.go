package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// compareGrant compares the privileges of one grantee on one object. Grants on unknown objects make those reachable and
// are reported with them.
func (e *examination) compareGrant(want, have Object) {
	g := have
	if have.Name == "" {
		g = want
	}
	wanted, held := privileges(want), privileges(have)
	extras := make(map[string][]string) // privileges that no migration granted, by code
	for _, p := range without(held, wanted) {
		code := e.extra(g, p)
		extras[code] = append(extras[code], p)
	}
	delete(extras, "")
	for code, extra := range extras {
		e.foundAs(code, g, spokenGrant(g, extra), revoke(g, extra, wanted))
	}
	if ident(granted(e.live, g).Props["owner"]) == g.Props["grantee"] {
		return // ownership absorbed the grant
	}
	plain := slices.DeleteFunc(without(wanted, held), func(p string) bool {
		return slices.Contains(held, p+grantOption)
	})
	if len(plain) > 0 {
		e.foundAs("grant.missing", g, spokenGrant(g, plain), script(grant(g, strings.Join(plain, ", "))))
	}
}

// checkGrants reports privileges of the application beyond the table's class, even if a migration granted them. The
// comparison reports those that no migration granted.
func (e *examination) checkGrants() {
	for _, g := range e.of("grant") {
		if g.Props["kind"] != "TABLE" || g.Props["grantee"] != e.spec.app() {
			continue
		}
		beyond := e.beyond(g)
		if e.want != nil {
			beyond = without(beyond, without(beyond, privileges(e.want[g.key()])))
		}
		if len(beyond) > 0 {
			e.foundAs("grant.table", g, spokenGrant(g, beyond), revoke(g, beyond, without(privileges(g), beyond)))
		}
	}
}

// beyond returns the privileges that the table's class does not allow, which for another role than the application's is
// all of them. An unclassified table, such as one of a newer release, counts as global.
func (e *examination) beyond(g Object) []string {
	if g.Props["kind"] != "TABLE" || g.Props["grantee"] != e.spec.app() {
		return privileges(g)
	}
	class := e.class(g.Props["object"])
	if _, classified := e.spec.Grants[class]; !classified {
		class = ClassGlobal
	}
	allowed := e.spec.PrivilegesOn(g.Props["object"], class)
	return slices.DeleteFunc(privileges(g), func(p string) bool {
		table, column, _ := strings.Cut(p, " (") // column privileges are part of table privileges
		return slices.Contains(allowed, table) && !strings.HasSuffix(column, grantOption)
	})
}

const grantOption = " WITH GRANT OPTION"

func privileges(o Object) []string {
	if o.Props["privileges"] == "" {
		return nil
	}
	return strings.Split(o.Props["privileges"], ", ")
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(p string) bool { return slices.Contains(b, p) })
}

// extra returns the code for a privilege that no migration granted, or "".
func (e *examination) extra(g Object, privilege string) string {
	kind, object, grantee := g.Props["kind"], g.Props["object"], g.Props["grantee"]
	isApp, isDefiner := e.isApp(grantee), slices.Contains(e.spec.definerOwners(), grantee)
	switch {
	case kind == "SCHEMA" && privilege == "CREATE" && grantee != ident(e.spec.OwnerRole):
		return "grant.schema"
	case kind == "SCHEMA" && grantee == public:
		return "grant.schema-usage"
	case kind == "DATABASE" && privilege != "CONNECT" && isApp:
		return "grant.database"
	case kind == "FOREIGN SERVER" && isApp, kind == "FOREIGN DATA WRAPPER" && isApp:
		return "foreign.access"
	case kind == "LANGUAGE" && isApp:
		return "platform.language"
	case kind == "PARAMETER" && isApp:
		return "platform.parameter"
	case granted(e.want, g).Kind == "":
		return ""
	case kind == "ROUTINE" && e.live[key{"function", "", object}].Props["definer"] != "":
		return "definer.grant"
	case kind == "ROUTINE" && isApp:
		return "grant.function"
	case grantee == public:
		return "grant.public"
	case strings.Contains(privilege, "(") && (isApp || isDefiner || e.isTenant(object)):
		return "grant.column"
	case isApp && strings.HasSuffix(privilege, grantOption):
		return "grant.option"
	case isApp:
		return "grant.table"
	case isDefiner, e.isTenant(object) && grantee != ident(e.spec.OwnerRole):
		return "grant.unknown"
	default:
		return ""
	}
}

// granted returns the object of a grant, or the zero Object.
func granted(objects map[key]Object, g Object) Object {
	for k, o := range objects {
		if k.on == "" && k.name == g.Props["object"] && grantKind(o) == g.Props["kind"] {
			return o
		}
	}
	return Object{}
}

func spokenGrant(g Object, privileges []string) string {
	return fmt.Sprintf("%s %s: %s to %s", strings.ToLower(g.Props["kind"]), g.Props["object"],
		strings.ReplaceAll(strings.Join(privileges, ", "), grantOption, ""), strings.Trim(g.Props["grantee"], `"`))
}

func (e *examination) defaultGrant(d Object) {
	if d.Props["grantee"] == ident(e.spec.OwnerRole) {
		return
	}
	in, where := "", ""
	if s := d.Props["schema"]; s != "" {
		in, where = " IN SCHEMA "+s, " in "+s
	}
	name := fmt.Sprintf("default of %s%s: %s on %s to %s",
		d.Props["role"], where, d.Props["privileges"], strings.ToLower(d.Props["on"]), d.Props["grantee"])
	e.foundAs("grant.default", d, name,
		scriptf("ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE %s ON %s FROM %s",
			d.Props["role"], in, d.Props["privileges"], d.Props["on"], d.Props["grantee"]))
}

func grant(g Object, privileges string) string {
	return fmt.Sprintf("GRANT %s ON %s %s TO %s", privileges, g.Props["kind"], g.Props["object"], g.Props["grantee"])
}

// revoke revokes privileges, and grants again those column privileges that REVOKE removes as well.
func revoke(g Object, extra, keep []string) string {
	verb, written := "REVOKE", make([]string, 0, len(extra))
	restore := false
	for _, p := range extra {
		p, option := strings.CutSuffix(p, grantOption)
		if option && slices.Contains(keep, p) {
			verb = "REVOKE GRANT OPTION FOR"
		}
		restore = restore || slices.ContainsFunc(keep, func(k string) bool { return strings.HasPrefix(k, p+" (") })
		written = append(written, p)
	}
	statements := []string{fmt.Sprintf("%s %s ON %s %s FROM %s",
		verb, strings.Join(written, ", "), g.Props["kind"], g.Props["object"], g.Props["grantee"])}
	if restore {
		statements = append(statements, grant(g, strings.Join(keep, ", ")))
	}
	return script(statements...)
}
