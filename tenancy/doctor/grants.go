package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// grantLints look at privileges on tables.
func grantLints() []Lint {
	return []Lint{
		{
			Code: "grant.table", Level: LevelError,
			Risk: "The privilege reaches past the policies: TRUNCATE empties all tenants' rows, TRIGGER copies them, REFERENCES probes " +
				"them.",
			find: eachGrant(findTableGrants),
		},
		{
			Code: "grant.option", Level: LevelError,
			Risk: "With the grant option the application can let other roles in.",
			find: eachGrantAs("REVOKE GRANT OPTION FOR", findGrantOptions),
		},
		{
			Code: "grant.column", Level: LevelError,
			Risk: "A privilege on a column is not seen in the table's list, and no migration gave this one.",
			find: eachGrant(findColumnGrants),
		},
		{
			Code: "grant.public", Level: LevelError,
			Risk: "What PUBLIC holds, every role of the cluster holds, now and later.",
			find: eachGrant(findPublicGrants),
		},
		{
			Code: "grant.unknown", Level: LevelError,
			Risk: "A role that nobody listed holds rights on tenants' rows: whether a policy binds it, nobody has checked.",
			find: eachGrant(findUnknownGrants),
		},
		{
			Code: "grant.missing", Level: LevelWarning,
			Risk: "A right that a migration gives is gone: some requests fail, and somebody has changed grants by hand.",
			find: findMissingGrants,
		},
	}
}

// reachLints look at all other privileges.
func reachLints() []Lint {
	return []Lint{
		{
			Code: "grant.schema", Level: LevelError,
			Risk: "Who creates objects beside the tables can shadow what statements and functions mean.",
			find: eachGrant(func(e *examination, g grant) bool {
				return g.Kind == "SCHEMA" && g.Privilege == "CREATE" && g.Grantee != e.cat.OwnerRole
			}),
		},
		{
			Code: "grant.schema-usage", Level: LevelWarning,
			Risk: "Every role of the cluster can look names up in the schema, so that one wrong grant is enough.",
			find: eachGrant(func(_ *examination, g grant) bool {
				return g.Kind == "SCHEMA" && g.Privilege == "USAGE" && g.Grantee == public
			}),
		},
		{
			Code: "grant.database", Level: LevelError,
			Risk: "A temporary table outlives the transaction, and carries one tenant's rows to the next; a schema of one's own " +
				"shadows names.",
			find: eachGrant(func(e *examination, g grant) bool {
				return g.Kind == "DATABASE" && g.Privilege != "CONNECT" && e.isApp(g.Grantee)
			}),
		},
		{
			Code: "grant.sequence", Level: LevelWarning,
			Risk: "A sequence's last value tells one tenant how much all of them do.",
			find: eachGrant(func(e *examination, g grant) bool {
				return g.Kind == "SEQUENCE" && !g.Extension && e.isApp(g.Grantee)
			}),
		},
		{
			Code: "grant.function", Level: LevelWarning,
			Risk: "PUBLIC may call a function that a migration should have granted by name.",
			find: eachGrant(findFunctionGrants),
		},
		{
			Code: "grant.default", Level: LevelWarning,
			Risk: "What is created next is granted to others before anybody has looked at it.",
			find: findDefaultGrants,
		},
	}
}

// isApp tells whether the application holds what a grantee holds.
func (e *examination) isApp(grantee string) bool {
	return grantee == public || grantee == e.cat.AppRole
}

// eachGrant makes a lint of a judgement on single grants. What one grantee holds on one object is one finding.
func eachGrant(judge func(*examination, grant) bool) func(*examination) []fault {
	return eachGrantAs("REVOKE", judge)
}

func eachGrantAs(verb string, judge func(*examination, grant) bool) func(*examination) []fault {
	return func(e *examination) []fault {
		var order []grant
		held := map[grant][]grant{}
		for _, g := range e.Grants {
			if !judge(e, g) {
				continue
			}
			key := grant{Kind: g.Kind, Identity: g.Identity, Grantee: g.Grantee}
			if held[key] == nil {
				order = append(order, key)
			}
			held[key] = append(held[key], g)
		}
		out := make([]fault, 0, len(order))
		for _, key := range order {
			out = append(out, e.revocation(verb, held[key]))
		}
		return out
	}
}

// revocation is the finding for several grants on one object to one grantee.
func (e *examination) revocation(verb string, held []grant) fault {
	g := held[0]
	said, written := make([]string, 0, len(held)), make([]string, 0, len(held))
	for _, g := range held {
		said, written = append(said, g.spoken()), append(written, g.written())
	}
	revoke := fmt.Sprintf("%s %s ON %s %s FROM %s", verb, strings.Join(written, ", "), g.Kind, g.Identity, quotedRole(g.Grantee))
	return fault{
		fmt.Sprintf("%s %s: %s to %s", strings.ToLower(g.Kind), g.Object, strings.Join(said, ", "), spoken(g.Grantee)),
		script(append([]string{revoke}, e.regranted(g)...)...),
	}
}

// regranted gives a function's role its columns back: revoking on a table revokes on its columns, too.
func (e *examination) regranted(g grant) []string {
	var out []string
	for _, signature := range e.cat.signatures() {
		d := e.cat.Definers[signature]
		if columns := d.Reads[g.Object]; g.Kind == "TABLE" && g.Column == "" && g.Grantee == d.Owner && len(columns) > 0 {
			out = append(out, fmt.Sprintf("GRANT SELECT (%s) ON TABLE %s TO %s", quotedAll(columns), g.Identity, quoted(d.Owner)))
		}
	}
	return out
}

// written is a privilege for SQL, spoken for people.
func (g grant) written() string {
	if g.Column == "" {
		return g.Privilege
	}
	return fmt.Sprintf("%s (%s)", g.Privilege, quoted(g.Column))
}

func (g grant) spoken() string {
	if g.Column == "" {
		return g.Privilege
	}
	return fmt.Sprintf("%s (%s)", g.Privilege, g.Column)
}

// open tells whether the grants of a table are judged one by one: views have rules of their own, unclassified tables
// and children are findings as a whole.
func (e *examination) open(g grant) bool {
	r, ok := e.relations[g.Object]
	return ok && g.Kind == "TABLE" && r.isTable() && e.class(r) != ClassUnclassified && !e.isChild(r)
}

func findTableGrants(e *examination, g grant) bool {
	return e.open(g) && g.Column == "" && g.Grantee == e.cat.AppRole &&
		!slices.Contains(e.cat.Grants[e.classOf(g.Object)], g.Privilege)
}

func findColumnGrants(e *examination, g grant) bool {
	if !e.open(g) || g.Column == "" || e.definerReads(g) {
		return false
	}
	return e.isApp(g.Grantee) || e.isDefinerOwner(g.Grantee) || e.classOf(g.Object) == ClassTenant
}

func findPublicGrants(e *examination, g grant) bool {
	r, ok := e.relations[g.Object]
	return ok && g.Kind == "TABLE" && g.Column == "" && g.Grantee == public && !r.Extension &&
		(r.Kind == "v" || e.open(g))
}

func findUnknownGrants(e *examination, g grant) bool {
	if !e.open(g) || g.Column != "" || e.isApp(g.Grantee) || g.Grantee == e.cat.OwnerRole {
		return false
	}
	return e.classOf(g.Object) == ClassTenant || e.isDefinerOwner(g.Grantee)
}

func (e *examination) isDefinerOwner(role string) bool {
	return slices.Contains(e.definerOwners(), role)
}

// definerReads tells whether a column grant is one that a function of the catalogue lives by.
func (e *examination) definerReads(g grant) bool {
	for _, d := range e.cat.Definers {
		if d.Owner == g.Grantee && g.Privilege == "SELECT" && slices.Contains(d.Reads[g.Object], g.Column) {
			return true
		}
	}
	return false
}

// findFunctionGrants leaves SECURITY DEFINER functions to the lints on those.
func findFunctionGrants(e *examination, g grant) bool {
	if g.Kind != "ROUTINE" || g.Extension || g.Grantee != public {
		return false
	}
	i := slices.IndexFunc(e.Functions, func(f function) bool { return f.Identity == g.Identity })
	return i >= 0 && !e.Functions[i].Definer
}
