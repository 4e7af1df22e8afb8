package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// compare reports differences from the snapshot, except on objects that have a finding already.
func (e *examination) compare() {
	for _, want := range sorted(e.want) {
		have, exists := e.live[want.key()]
		switch {
		case e.covered[want.key()] || e.covered[tableKey(want.On)] || isOutside(want) || e.partOfAbsent(want):
		case want.Kind == "grant":
			e.compareGrant(want, have)
		case !exists:
			e.missing(want)
		case !have.equal(want):
			e.differs(want, have)
		}
	}
	for _, have := range sorted(e.live) {
		_, expected := e.want[have.key()]
		switch {
		case expected || e.covered[have.key()] || e.covered[tableKey(have.On)]:
		case e.want == nil && !isSurrounding(have.Kind): // nothing to compare with
		case have.Kind == "grant":
			e.compareGrant(Object{Kind: have.Kind, Name: have.Name}, have)
		default:
			e.unknown(have)
		}
	}
}

// isSurrounding reports whether a kind is reported even without a snapshot.
func isSurrounding(kind string) bool {
	return slices.Contains([]string{
		"extension", "publication", "subscription", "event trigger", "default privileges",
	}, kind)
}

// partOfAbsent reports whether an object is part of a missing table, which is the finding.
func (e *examination) partOfAbsent(o Object) bool {
	name := o.On
	if o.Kind == "grant" {
		name = o.Props["object"]
	}
	return name != "" && (o.Kind != "grant" || o.Props["kind"] != "SCHEMA") && !has(e.live, name)
}

// has reports whether an object that can have parts or grants exists.
func has(objects map[key]Object, name string) bool {
	return slices.ContainsFunc([]string{
		"table", "view", "materialized view", "foreign table", "sequence", "function", "type",
	},
		func(kind string) bool {
			_, ok := objects[key{kind, "", name}]
			return ok
		})
}

func (e *examination) missing(o Object) {
	code := "schema.missing"
	if o.Kind == "policy" {
		code = "policy.missing"
	}
	// The index of a constraint is not a separate finding.
	if o.Kind == "index" && o.Props["constraint"] != "" {
		return
	}
	e.found(code, o, e.create(o))
}

func (e *examination) differs(want, have Object) {
	props := slices.DeleteFunc(want.differing(have), func(p string) bool { return e.covered[key{p, "", want.Name}] })
	if len(props) == 0 {
		return
	}
	constraint := key{"constraint", want.On, want.Props["constraint"]}
	code, name := "schema.differs", have.String()
	only := func(prop string) bool { return len(props) == 1 && props[0] == prop }
	switch {
	case only("owner") && have.Props["owner"] == e.spec.AppRole && e.spec.Definers[have.Name].Owner == "":
		return // role.owns
	case want.Kind == "index" && want.Props["constraint"] != "" && !e.live[constraint].equal(e.want[constraint]):
		return // the constraint is the finding
	case want.Kind == "default privileges":
		e.defaultGrant(have)
		return
	case only("owner") && (want.Kind == "function" || want.Kind == "table"):
		code = map[string]string{"function": "definer.owner", "table": "table.owner"}[want.Kind]
		name = fmt.Sprintf("%s: owned by %s", have, have.Props["owner"])
	case want.Kind == "function" && want.Props["definer"] != "" && isLoose(have):
		code = "definer.search-path"
	case want.Kind == "function" && want.Props["definer"] != "":
		code = "definer.differs"
	case want.Kind == "policy" && have.Props["calls"] != want.Props["calls"]:
		code, name = "policy.function", fmt.Sprintf("%s: %s", have, have.Props["calls"])
	case want.Kind == "policy" && only("roles"):
		code = "policy.roles"
	case want.Kind == "policy":
		code = "policy.differs"
	default:
		name = fmt.Sprintf("%s: %s", have, strings.Join(props, ", "))
	}
	e.foundAs(code, have, name, e.alter(want, have))
}

// isLoose reports whether the caller's search_path decides what a function's names mean: its body was not parsed at
// creation (BEGIN ATOMIC), and its search_path does not end in pg_temp. If not listed, pg_temp is searched first.
func isLoose(f Object) bool {
	schemas := strings.Split(settings(f)["search_path"], ",")
	return f.Props["atomic"] == "" && strings.Trim(schemas[len(schemas)-1], ` "`) != "pg_temp"
}

// settings returns the settings of a function by name, in lower case.
func settings(f Object) map[string]string {
	out := make(map[string]string)
	for line := range strings.Lines(f.Props["config"]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		out[strings.ToLower(name)] = value
	}
	return out
}

// unknown reports an object that no migration created. It matters if the application can reach it or if it acts on an
// object of the snapshot.
func (e *examination) unknown(o Object) {
	var code string
	switch {
	case o.On != "":
		code = e.unknownPart(o)
	case o.Kind == "schema":
		return
	case o.Kind == "default privileges":
		e.defaultGrant(o)
		return
	case o.Kind == "extension" && reachesOut(o):
		code = "extension.reach"
	case o.Kind == "publication" && !e.publishesTenants(o):
		return
	case o.Kind == "publication":
		code = "publication.tenants"
	case isSurrounding(o.Kind):
		code = strings.ReplaceAll(o.Kind, " ", "-") + ".present"
	case e.spec.knows(o):
		code = "schema.outside"
	case o.Kind == "cast", o.Kind == "language", o.Kind == "transform":
		code = "schema.unknown" // they change the meaning of statements in any schema
	case e.reaches(o) && o.Kind != "statistics object":
		code = e.unknownReach(o)
	default:
		code = "schema.outside"
	}
	switch {
	case code == "":
	case code == "schema.outside" && !slices.Contains(e.spec.Schemas, o.schema()):
		e.outside(o)
	default:
		e.found(code, o, e.withdraw(o))
	}
}

// unknownPart returns the code for a part of a relation of the snapshot, or a part that references one.
func (e *examination) unknownPart(o Object) string {
	if on := e.live[tableKey(o.On)]; !has(e.want, o.On) {
		if has(e.want, o.Props["references"]) && (e.spec.knows(on) || !e.reaches(on)) {
			return "schema.unknown"
		}
		return "" // the relation is the finding, if any
	}
	switch {
	case o.Kind == "trigger":
		return "trigger.unlisted"
	case o.Kind == "rule":
		return "rule.present"
	case o.Kind == "policy":
		return "policy.extra"
	case o.Kind == "index" && o.Props["constraint"] != "":
		return "" // the constraint is the finding
	default:
		return "schema.unknown"
	}
}

// reachesOut reports whether an extension shipped with PostgreSQL bypasses row-level security.
func reachesOut(extension Object) bool {
	return slices.Contains([]string{
		"adminpack", "amcheck", "dblink", "file_fdw", "pageinspect", "pg_surgery", "pg_walinspect", "postgres_fdw",
	}, extension.Name)
}

// publishesTenants reports whether a publication has all tables, a schema of the spec, or a tenant-scoped table.
func (e *examination) publishesTenants(p Object) bool {
	return slices.ContainsFunc(strings.Split(p.Props["tables"], ", "), func(t string) bool {
		schema, isSchema := strings.CutPrefix(t, "schema ")
		return t == "ALL" || isSchema && slices.Contains(e.spec.Schemas, schema) || e.isTenant(t)
	})
}

func (e *examination) unknownReach(o Object) string {
	switch {
	case o.Kind == "table" && e.class(o.Name) == ClassUnclassified:
		return "table.unclassified"
	case o.Kind == "view" && o.Props["invoker"] == "":
		return "view.definer"
	case o.Kind == "materialized view":
		return "view.materialized"
	case o.Kind == "foreign table":
		return "foreign.table"
	case o.Kind == "function" && o.Props["definer"] != "":
		return "definer.unlisted"
	case o.Kind == "function" && setsTenant(o):
		return "function.tenant-setting"
	case o.Kind == "function" && o.Props["leakproof"] != "":
		return "function.leakproof"
	case o.Kind == "function" && o.Props["untrusted"] != "":
		return "function.untrusted"
	default:
		return "schema.unknown"
	}
}

func setsTenant(f Object) bool {
	_, sets := settings(f)[rls.Setting]
	return sets
}

// outside reports objects in a schema outside the spec as one finding per schema.
func (e *examination) outside(o Object) {
	faults := e.faults["schema.outside"]
	name := "schema " + o.schema()
	if o.schema() == "" {
		name = o.String()
	}
	if !slices.ContainsFunc(faults, func(f fault) bool { return f.object == name }) {
		e.foundAs("schema.outside", o, name, "-- nothing to do: the application can't reach it")
	}
}

// knows reports whether an operator listed an object, by name or by schema.
func (c Spec) knows(o Object) bool {
	return slices.Contains(c.Known, o.Name) || slices.Contains(c.Known, o.schema()+".*")
}
