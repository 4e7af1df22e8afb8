package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// examination is what was read from a database beside what it should be.
type examination struct {
	reading

	spec Spec
	live map[key]Object
	// want is what the database is compared with. It is nil where there is nothing to compare with: why, is a finding.
	want map[key]Object
	// faults are what was found, by code.
	faults map[string][]fault
	// covered are objects that are reported already, and need not be reported as a difference too.
	covered map[key]bool
}

// fault is one object that a lint found, with what fixes it.
type fault struct {
	object string
	remedy string
	of     Object // what the comparison found it on
}

func newExamination(r reading, spec Spec) *examination {
	e := &examination{reading: r, spec: spec, live: index(r.objects), faults: make(map[string][]fault), covered: make(map[key]bool)}
	if s := e.standard(); s != nil {
		e.want = index(s.Objects)
	}
	return e
}

func (e *examination) report(code, object, remedy string) {
	e.faults[code] = append(e.faults[code], fault{object: object, remedy: remedy})
}

// reportCovered is report for an object that the comparison need not report again.
func (e *examination) reportCovered(code string, o Object, object, remedy string) {
	e.covered[o.key()] = true
	e.report(code, object, remedy)
}

// standard chooses what the database is compared with: the snapshot that the caller brought where the database has the
// same migrations, else the one that the database recorded with its latest migration.
func (e *examination) standard() *Snapshot {
	own := e.spec.Snapshot
	if e.isCurrent() {
		return &own
	}
	if len(e.recorded) == 0 {
		return nil
	}
	recorded := e.recorded[0].readable()
	return &recorded
}

// isCurrent tells whether the database has exactly the migrations that the caller's snapshot is about.
func (e *examination) isCurrent() bool {
	if e.unreadable {
		return true
	}
	if e.spec.Snapshot.Versions == nil {
		return false
	}
	for schema, version := range e.spec.Snapshot.Versions {
		if e.versions[schema] != version {
			return false
		}
	}
	return true
}

// isMigrated tells whether every chain was applied, at least in part.
func (e *examination) isMigrated() bool {
	return e.unreadable || len(e.versions) == len(e.spec.Snapshot.Versions)
}

// of are the objects of a kind, in order.
func (e *examination) of(kind string) []Object { return e.on(kind, "") }

// on are the objects of a kind on a relation, in order; on any where it is empty.
func (e *examination) on(kind, relation string) []Object {
	var out []Object
	for _, o := range e.objects {
		if o.Kind == kind && (relation == "" || o.On == relation) {
			out = append(out, o)
		}
	}
	return out
}

// column is a column of a table.
func (e *examination) column(table, name string) (Object, bool) {
	o, ok := e.live[key{"column", table, ident(name)}]
	return o, ok
}

func (e *examination) hasTenant(table string) bool {
	_, ok := e.column(table, e.spec.TenantColumn)
	return ok
}

// class is what a table is to tenants, and none for what is no table or an extension's.
func (e *examination) class(table string) Class {
	if _, ok := e.live[key{"table", "", table}]; !ok {
		return ""
	}
	if class, ok := e.spec.ClassOf(table, e.hasTenant(table)); ok {
		return class
	}
	return ClassUnclassified
}

func (e *examination) isTenant(table string) bool { return e.class(table) == ClassTenant }

// classified are the tables for the report.
func (e *examination) classified() []Table {
	out := []Table{}
	for _, t := range e.of("table") {
		if e.concerns(t) {
			out = append(out, Table{Name: t.Name, Class: e.class(t.Name)})
		}
	}
	return out
}

// concerns tells whether an object is ours or within the application's reach.
func (e *examination) concerns(o Object) bool {
	_, ours := e.want[o.key()]
	return ours || e.reaches(o)
}

// isChild tells whether a table is a partition or an inheritance child of a tenant-scoped table.
func (e *examination) isChild(table string) bool {
	return slices.ContainsFunc(e.of("child"), func(c Object) bool { return c.Name == table && e.isTenant(c.On) })
}

// grantKind is the keyword that GRANT has for an object, empty for what has no grants.
func grantKind(o Object) string {
	switch o.Kind {
	case "table", "view", "materialized view", "foreign table":
		return "TABLE"
	case "function":
		return "ROUTINE"
	case "sequence", "type", "schema":
		return strings.ToUpper(o.Kind)
	default:
		return ""
	}
}

// reaches tells whether the application can use an object. What PUBLIC may use from the start, functions and types, it
// can name only in schemas that it may use. A table it may be granted in a schema that it can't name: a view reads it.
func (e *examination) reaches(o Object) bool {
	kind := grantKind(o)
	if kind == "" {
		return o.schema() != "" && e.names(o.schema())
	}
	if kind == "ROUTINE" || kind == "TYPE" {
		return e.holds(kind, o.Name, e.spec.app()) || e.holds(kind, o.Name, public) && e.names(o.schema())
	}
	return e.holds(kind, o.Name, e.spec.app(), public)
}

// names tells whether the application can name what is in a schema.
func (e *examination) names(schema string) bool {
	return schema == "pg_catalog" || schema == "information_schema" ||
		e.holds("SCHEMA", schema, e.spec.app(), public) || e.holds("EXTENSION SCHEMA", schema, e.spec.app(), public)
}

// holds tells whether one of the grantees holds anything on an object.
func (e *examination) holds(kind, object string, grantees ...string) bool {
	return slices.ContainsFunc(grantees, func(grantee string) bool {
		_, ok := e.live[key{"grant", "", fmt.Sprintf("%s %s to %s", kind, object, grantee)}]
		return ok
	})
}

// isApp tells whether the application holds what a grantee holds.
func (e *examination) isApp(grantee string) bool { return grantee == public || grantee == e.spec.app() }

func (c Spec) app() string { return ident(c.AppRole) }

// definerOwners are the roles that own the functions of the spec.
func (e *examination) definerOwners() []string {
	var out []string
	for _, d := range e.spec.Definers {
		out = append(out, d.Owner)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
