package doctor

import (
	"slices"
)

// examination is a snapshot beside the catalogue that it should agree with, with what several lints ask of both.
type examination struct {
	snapshot

	cat       Catalogue
	relations map[string]relation
}

func newExamination(s snapshot, cat Catalogue) *examination {
	e := &examination{snapshot: s, cat: cat, relations: make(map[string]relation, len(s.Relations))}
	for _, r := range s.Relations {
		e.relations[r.name()] = r
	}
	return e
}

// name is the catalogue's form: schema.name.
func (o object) name() string { return o.Schema + "." + o.Name }

// sql is the form for statements.
func (o object) sql() string { return quoted(o.Schema, o.Name) }

func (r relation) isTable() bool { return r.Kind == "r" || r.Kind == "p" }

// class is what a table is to tenants.
func (e *examination) class(r relation) Class {
	if class, ok := e.cat.ClassOf(r.name(), r.HasTenant); ok {
		return class
	}
	return ClassUnclassified
}

// classOf is the class of a table by its name, and none for what is no table or out of reach.
func (e *examination) classOf(table string) Class {
	r, ok := e.relations[table]
	if !ok || !r.isTable() {
		return ""
	}
	return e.class(r)
}

func (e *examination) isTenant(schema, table string) bool {
	return e.classOf(schema+"."+table) == ClassTenant
}

// classified are the tables for the report.
func (e *examination) classified() []Table {
	out := []Table{}
	for _, r := range e.Relations {
		if r.isTable() {
			out = append(out, Table{Name: r.name(), Class: e.class(r)})
		}
	}
	return out
}

// tables are the tables of a class.
func (e *examination) tables(class Class) []relation {
	return slices.DeleteFunc(slices.Clone(e.Relations), func(r relation) bool {
		return !r.isTable() || e.class(r) != class
	})
}

// guarded are the tenant-scoped tables that have to carry their own protection. Children of tenant-scoped tables are
// protected by being granted to nobody instead: what is read through the parent stands under the parent's policies.
func (e *examination) guarded() []relation {
	return slices.DeleteFunc(e.tables(ClassTenant), e.isChild)
}

// isChild tells whether a table is a partition or an inheritance child of a tenant-scoped table.
func (e *examination) isChild(r relation) bool {
	return slices.ContainsFunc(e.Children, func(c child) bool {
		return c.object == r.object && e.isTenant(c.ParentSchema, c.ParentName)
	})
}

// role is a role of the snapshot, and false when there is none of that name.
func (e *examination) role(name string) (role, bool) {
	i := slices.IndexFunc(e.Roles, func(r role) bool { return r.Name == name })
	if i < 0 {
		return role{}, false
	}
	return e.Roles[i], true
}

// definerOwners are the roles that own the functions of the catalogue.
func (e *examination) definerOwners() []string {
	var out []string
	for _, d := range e.cat.Definers {
		out = append(out, d.Owner)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
