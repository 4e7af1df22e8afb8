package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// Names and definitions in objects are as PostgreSQL prints them, so they are quoted already.

// create returns the SQL that restores an object of the snapshot, or a comment on how to.
func (e *examination) create(o Object) string {
	switch o.Kind {
	case "constraint":
		return script(rls.Unforced(e.forced(o), addConstraint(o))...)
	case "policy":
		return script(createPolicy(o))
	case "function", "index", "trigger", "rule":
		parts := []string{strings.TrimSuffix(o.Props["def"], ";")}
		if o.Kind == "function" {
			if o.Props["owner"] != e.spec.OwnerRole {
				parts = append(parts, handOver(o)...)
			}
			parts = append(parts, "REVOKE ALL ON ROUTINE "+o.Props["identity"]+" FROM PUBLIC")
		}
		return script(append(parts, e.grantsOn(o)...)...)
	case "column":
		return script("-- the column's values are lost: restore them from a backup",
			fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", o.On, o.Name, o.Props["type"]))
	case "schema":
		return script("CREATE SCHEMA " + o.Name + " AUTHORIZATION " + ident(o.Props["owner"]))
	default:
		if strings.HasSuffix(o.Name, "."+snapshotsTable) || strings.HasSuffix(o.Name, "."+revisionsTable) {
			return "-- run konstruct migrate up, which creates the table"
		}
		return "-- restore the object or the database from a backup"
	}
}

func (e *examination) grantsOn(o Object) []string {
	var out []string
	for _, g := range sorted(e.want) {
		if g.Kind == "grant" && g.Props["object"] == o.Name && g.Props["kind"] == grantKind(o) {
			out = append(out, grant(g, g.Props["privileges"]))
		}
	}
	return out
}

func createPolicy(p Object) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE POLICY %s ON %s", p.Name, p.On)
	if p.Props["permissive"] != "true" {
		b.WriteString(" AS RESTRICTIVE")
	}
	b.WriteString(map[string]string{
		"r": " FOR SELECT", "a": " FOR INSERT", "w": " FOR UPDATE", "d": " FOR DELETE",
	}[p.Props["command"]])
	fmt.Fprintf(&b, " TO %s", p.Props["roles"])
	if using := p.Props["using"]; using != "" {
		fmt.Fprintf(&b, "\n  USING (%s)", using)
	}
	if check := p.Props["check"]; check != "" {
		fmt.Fprintf(&b, "\n  WITH CHECK (%s)", check)
	}
	return b.String()
}

// handOver temporarily grants CREATE on the schema, which PostgreSQL requires of the new owner.
func handOver(f Object) []string {
	schema, owner := f.schema(), ident(f.Props["owner"])
	return []string{
		fmt.Sprintf("GRANT CREATE ON SCHEMA %s TO %s", schema, owner),
		fmt.Sprintf("ALTER ROUTINE %s OWNER TO %s", f.Props["identity"], owner),
		fmt.Sprintf("REVOKE CREATE ON SCHEMA %s FROM %s", schema, owner),
	}
}

func (e *examination) alter(want, have Object) string {
	switch want.Kind {
	case "table":
		return script(alterTable(want, have)...)
	case "column":
		return script(alterColumn(want, have)...)
	case "policy":
		return script(drop(have), createPolicy(want))
	case "function":
		var parts []string
		if want.Props["def"] != have.Props["def"] {
			parts = append(parts, want.Props["def"])
		}
		if want.Props["owner"] != have.Props["owner"] {
			parts = append(append(parts, handOver(want)...), e.grantsOn(want)...)
		}
		return script(parts...)
	case "trigger", "rule":
		if want.Props["def"] == have.Props["def"] {
			return scriptf("ALTER TABLE %s ENABLE %s %s", want.On, strings.ToUpper(want.Kind), want.Name)
		}
		return script(drop(have), strings.TrimSuffix(want.Props["def"], ";"))
	case "constraint":
		return e.alterConstraint(want, have)
	case "index":
		return script(drop(have), want.Props["def"])
	default:
		if want.Props["owner"] != have.Props["owner"] {
			return scriptf("ALTER %s %s OWNER TO %s",
				strings.ToUpper(want.Kind), want.Name, ident(want.Props["owner"]))
		}
		return script(drop(have)) + "\n" + e.create(want)
	}
}

func (e *examination) alterConstraint(want, have Object) string {
	if want.Props["def"] == have.Props["def"] { // a superuser disabled its triggers
		return script(fmt.Sprintf("ALTER TABLE %s ENABLE TRIGGER ALL", want.On),
			fmt.Sprintf("ALTER TABLE %s ENABLE TRIGGER ALL", want.Props["references"]))
	}
	return script(rls.Unforced(e.forced(want), drop(have), addConstraint(want))...)
}

func addConstraint(o Object) string {
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", o.On, o.Name, o.Props["def"])
}

// forced returns the tables of a foreign key that have FORCE.
func (e *examination) forced(o Object) []string {
	tables := slices.DeleteFunc([]string{o.On, o.Props["references"]}, func(t string) bool {
		return o.Props["type"] != "f" || e.live[tableKey(t)].Props["forced"] == ""
	})
	slices.Sort(tables)
	return slices.Compact(tables)
}

func alterTable(want, have Object) []string {
	return alterations(want, have, "ALTER TABLE "+want.Name+" ", map[string]string{
		"owner":       "OWNER TO " + ident(want.Props["owner"]),
		"rls":         onOff(want.Props["rls"], "ENABLE", "DISABLE") + " ROW LEVEL SECURITY",
		"forced":      onOff(want.Props["forced"], "FORCE", "NO FORCE") + " ROW LEVEL SECURITY",
		"persistence": "SET " + onOff(want.Props["persistence"], "UNLOGGED", "LOGGED"),
	})
}

func alterColumn(want, have Object) []string {
	retype := fmt.Sprintf("TYPE %s USING %s::%[1]s", want.Props["type"], want.Name)
	prefix := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s ", want.On, want.Name)
	return alterations(want, have, prefix, map[string]string{
		"type":      retype,
		"collation": retype,
		"notnull":   onOff(want.Props["notnull"], "SET", "DROP") + " NOT NULL",
		"default":   onOff(want.Props["default"], "SET DEFAULT "+want.Props["default"], "DROP DEFAULT"),
		"identity":  onOff(want.Props["identity"], "ADD GENERATED BY DEFAULT AS", "DROP") + " IDENTITY",
		"sequence":  "", // goes with the default
	})
}

// alterations returns a statement for each differing property, or a comment for a property without an action.
func alterations(want, have Object, prefix string, actions map[string]string) []string {
	var out []string
	for _, p := range want.differing(have) {
		if action, ok := actions[p]; !ok {
			out = append(out, fmt.Sprintf("-- restore the %s's %s from a backup", want.Kind, p))
		} else if action != "" {
			out = append(out, prefix+action)
		}
	}
	return out
}

func onOff(prop, on, off string) string {
	if prop != "" {
		return on
	}
	return off
}

// withdraw returns the SQL that revokes access to an unknown object, or drops it if it acts on others.
func (e *examination) withdraw(o Object) string {
	kind := grantKind(o)
	if kind == "" || o.Kind == "materialized view" || o.Kind == "foreign table" {
		return script("-- read what it does before you drop it; if it is needed, add it to a migration", drop(o))
	}
	if !e.reaches(o) {
		return "-- nothing to do: the application can't reach it"
	}
	name := o.Name
	if o.Kind == "function" {
		name = o.Props["identity"]
	}
	return script("-- if it is needed, create it in a migration, or list an operator's object in "+
		"KONSTRUCT_DOCTOR_KNOWN",
		fmt.Sprintf("REVOKE ALL ON %s %s FROM PUBLIC, %s", kind, name, e.spec.app()))
}

func drop(o Object) string {
	switch o.Kind {
	case "constraint", "column":
		return fmt.Sprintf("ALTER TABLE %s DROP %s %s", o.On, strings.ToUpper(o.Kind), o.Name)
	case "index":
		if c := o.Props["constraint"]; c != "" {
			return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", o.On, c)
		}
		return fmt.Sprintf("DROP INDEX %s.%s", o.schema(), o.Name)
	case "policy", "trigger", "rule":
		return fmt.Sprintf("DROP %s %s ON %s", strings.ToUpper(o.Kind), o.Name, o.On)
	case "child":
		if o.Props["partition"] != "" {
			return fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", o.On, o.Name)
		}
		return fmt.Sprintf("ALTER TABLE %s NO INHERIT %s", o.Name, o.On)
	default:
		return fmt.Sprintf("DROP %s %s", strings.ToUpper(o.Kind), o.Name)
	}
}
