package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// examination compares what was read from a database with its spec and snapshot.
type examination struct {
	reading

	spec Spec
	live map[key]Object
	// want is the snapshot to compare with, or nil if missing, which is a finding.
	want map[key]Object
	// faults by code.
	faults map[string][]fault
	// covered objects have a finding and are not reported as differences.
	covered map[key]bool
}

// fault is an object that a lint found, and its remedy.
type fault struct {
	object string
	remedy string
	of     Object // if any
}

// newExamination compares with the caller's snapshot if the database has the same migrations, else with the one that
// the database recorded with its latest migration.
func newExamination(r reading, spec Spec) *examination {
	e := &examination{
		reading: r, spec: spec, live: index(r.objects),
		faults: make(map[string][]fault), covered: make(map[key]bool),
	}
	switch {
	case e.isCurrent():
		e.want = index(spec.Snapshot.Objects)
	case len(e.recorded) > 0:
		e.want = index(e.recorded[0].readable().Objects)
	}
	return e
}

func (e *examination) report(code, object, remedy string) {
	e.faults[code] = append(e.faults[code], fault{object: object, remedy: remedy})
}

// found is report about an object.
func (e *examination) found(code string, o Object, remedy string) {
	e.foundAs(code, o, o.String(), remedy)
}

// foundAs is found with another name for the object.
func (e *examination) foundAs(code string, o Object, name, remedy string) {
	e.faults[code] = append(e.faults[code], fault{name, remedy, o})
}

// cover excludes an object from the comparison.
func (e *examination) cover(o Object) Object {
	e.covered[o.key()] = true
	return o
}

// isCurrent reports whether the database has exactly the migrations of the caller's snapshot.
func (e *examination) isCurrent() bool {
	expected := e.spec.Snapshot.Versions
	return e.unreadable || expected != nil && maps.Equal(e.versions, expected)
}

// isMigrated reports whether at least one file of every chain was applied.
func (e *examination) isMigrated() bool {
	return e.unreadable || len(e.versions) == len(e.spec.Snapshot.Versions)
}

func (e *examination) of(kind string) []Object { return e.on(kind, "") }

// on returns the objects of a kind on a relation, or on any relation if it is empty.
func (e *examination) on(kind, relation string) []Object {
	var out []Object
	for _, o := range e.objects {
		if o.Kind == kind && (relation == "" || o.On == relation) {
			out = append(out, o)
		}
	}
	return out
}

func (e *examination) column(table, name string) (Object, bool) {
	o, ok := e.live[key{"column", table, ident(name)}]
	return o, ok
}

func (e *examination) hasTenant(table string) bool {
	_, ok := e.column(table, e.spec.TenantColumn)
	return ok
}

// class returns a table's class, or "" if it is not a table or belongs to an extension.
func (e *examination) class(table string) Class {
	if _, ok := e.live[tableKey(table)]; !ok {
		return ""
	}
	if class, ok := e.spec.ClassOf(table, e.hasTenant(table)); ok {
		return class
	}
	return ClassUnclassified
}

func (e *examination) isTenant(table string) bool { return e.class(table) == ClassTenant }

func (e *examination) classified() []Table {
	out := []Table{}
	for _, t := range e.of("table") {
		if e.concerns(t) {
			out = append(out, Table{Name: t.Name, Class: e.class(t.Name)})
		}
	}
	return out
}

// concerns reports whether an object is in the snapshot or the application can reach it.
func (e *examination) concerns(o Object) bool {
	_, ours := e.want[o.key()]
	return ours || e.reaches(o)
}

// isChild reports whether a table is a partition or an inheritance child of a tenant-scoped table.
func (e *examination) isChild(table string) bool {
	return slices.ContainsFunc(e.of("child"), func(c Object) bool { return c.Name == table && e.isTenant(c.On) })
}

// grantKind returns the keyword of GRANT for an object, or "" if it has no grants.
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

// reaches reports whether the application can use an object. Functions and types, which PUBLIC may use by default, also
// need USAGE on their schema. A granted table does not: a view can read it.
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

// names reports whether the application has USAGE on a schema.
func (e *examination) names(schema string) bool {
	return schema == "pg_catalog" || schema == "information_schema" ||
		e.holds("SCHEMA", schema, e.spec.app(), public) || e.holds("EXTENSION SCHEMA", schema, e.spec.app(), public)
}

// holds reports whether a grantee has any privilege on an object.
func (e *examination) holds(kind, object string, grantees ...string) bool {
	return slices.ContainsFunc(grantees, func(grantee string) bool {
		_, ok := e.live[key{"grant", "", fmt.Sprintf("%s %s to %s", kind, object, grantee)}]
		return ok
	})
}

// isApp reports whether the application has the privileges of a grantee.
func (e *examination) isApp(grantee string) bool { return grantee == public || grantee == e.spec.app() }

func (c Spec) app() string { return ident(c.AppRole) }

func (c Spec) definerOwners() []string {
	var out []string
	for _, d := range c.Definers {
		out = append(out, d.Owner)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
