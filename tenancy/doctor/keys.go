package doctor

import (
	"fmt"
	"slices"
)

func keyLints() []Lint {
	return []Lint{
		{
			Code: "key.without-tenant", Level: LevelError,
			Risk: "Foreign-key checks bypass row-level security: one tenant can attach its row to another's, and learn that it exists.",
			find: findKeysWithoutTenant,
		},
		{
			Code: "key.no-tenant-table", Level: LevelError,
			Risk: "The table refers to tenants' rows and has no tenant: who reads it sees which rows of which tenants belong together.",
			find: findTablesWithoutTenant,
		},
		{
			Code: "key.cascade", Level: LevelError,
			Risk: "The action runs past row-level security on whatever rows refer to the parent, and its failure prints them.",
			find: findCascades,
		},
		{
			Code: "key.cascade-within", Level: LevelWarning,
			Risk: "The cascade stays in its tenant but runs past row-level security, and its failure prints whole rows.",
			find: findCascadesWithin,
		},
		{
			Code: "key.spans-tenants", Level: LevelError,
			Risk: "A value that another tenant has taken is refused, so that one tenant learns what others have.",
			find: findSpanningKeys,
		},
		{
			Code: "key.sequence", Level: LevelWarning,
			Risk: "Numbers that all tenants share tell each how much the others do, and can be guessed.",
			find: findNumbered,
		},
	}
}

// foreignKey is a constraint of that kind.
type foreignKey struct {
	Object

	columns, refColumns []string
}

func (e *examination) foreignKeys() []foreignKey {
	var out []foreignKey
	for _, c := range e.of("constraint") {
		if c.Props["type"] == "f" {
			out = append(out, foreignKey{c, list(c.Props["columns"]), list(c.Props["ref_columns"])})
		}
	}
	return out
}

func (k foreignKey) refTable() string { return k.Props["references"] }

// carriesTenant tells whether the tenant of one row has to be that of the other.
func (k foreignKey) carriesTenant(column string) bool {
	i := slices.Index(k.columns, ident(column))
	return i >= 0 && k.refColumns[i] == ident(column)
}

// touchesTenant tells whether a change of the parent can change the child's tenant.
func (k foreignKey) touchesTenant(column string) bool {
	if !slices.Contains(k.columns, ident(column)) {
		return false
	}
	set := list(k.Props["set_columns"])
	sets := k.Props["on_delete"] == setNull || k.Props["on_delete"] == setDefault
	return acts(k.Props["on_update"]) || sets && (len(set) == 0 || slices.Contains(set, ident(column)))
}

// actions of pg_constraint.
const (
	cascade    = "c"
	setNull    = "n"
	setDefault = "d"
)

func acts(action string) bool { return action == cascade || action == setNull || action == setDefault }

// betweenTenants are the foreign keys from one tenant-scoped table to another.
func (e *examination) betweenTenants() []foreignKey {
	return slices.DeleteFunc(e.foreignKeys(), func(k foreignKey) bool { return !e.isTenant(k.On) || !e.isTenant(k.refTable()) })
}

func findKeysWithoutTenant(e *examination) []fault {
	var out []fault
	for _, k := range e.betweenTenants() {
		if !k.carriesTenant(e.cat.TenantColumn) {
			out = append(out, e.about(k.Object, k.String(), e.asPlanned(k.Object)))
		}
	}
	return out
}

// asPlanned makes an object what the snapshot says, or takes it away.
func (e *examination) asPlanned(o Object) string {
	if want, ok := e.want[o.key()]; ok {
		return e.alter(want, o)
	}
	return script("-- what is needed belongs into a migration", drop(o))
}

func findTablesWithoutTenant(e *examination) []fault {
	var out []fault
	for _, t := range e.of("table") {
		keys := slices.DeleteFunc(e.foreignKeys(), func(k foreignKey) bool { return k.On != t.Name || !e.isTenant(k.refTable()) })
		if e.isTenant(t.Name) || len(keys) == 0 {
			continue
		}
		remedy := []string{
			"-- a table that is needed belongs into a migration, with mixin.Tenant{} in its schema",
			fmt.Sprintf("REVOKE ALL ON %s FROM PUBLIC, %s", t.Name, e.cat.app()),
		}
		for _, k := range keys {
			remedy = append(remedy, drop(k.Object))
		}
		out = append(out, e.about(t, t.String(), script(remedy...)))
	}
	return out
}

// findCascades leaves out keys without the tenant: those are findings already, and fixed without actions.
func findCascades(e *examination) []fault {
	var out []fault
	for _, k := range e.foreignKeys() {
		if !e.isTenant(k.On) {
			continue
		}
		within := e.isTenant(k.refTable())
		switch {
		case within && !k.carriesTenant(e.cat.TenantColumn):
		case within && k.touchesTenant(e.cat.TenantColumn), !within && (acts(k.Props["on_delete"]) || acts(k.Props["on_update"])):
			out = append(out, e.about(k.Object, k.String(), e.asPlanned(k.Object)))
		}
	}
	return out
}

func findCascadesWithin(e *examination) []fault {
	var out []fault
	for _, k := range e.betweenTenants() {
		if k.Props["on_delete"] == cascade && k.carriesTenant(e.cat.TenantColumn) && !k.touchesTenant(e.cat.TenantColumn) {
			out = append(out, e.about(k.Object, k.String(), e.asPlanned(k.Object)))
		}
	}
	return out
}

// findSpanningKeys accepts a primary key that is one uuid: it is random, or ordered by time, and tells nothing.
func findSpanningKeys(e *examination) []fault {
	var out []fault
	for _, u := range e.of("index") {
		_, listed := e.cat.SpanningKeys[u.schema()+"."+u.Name]
		t := e.live[key{"table", "", u.On}]
		if u.Props["unique"] == "" || !e.isTenant(u.On) || !e.concerns(t) || listed || u.Props["uuid"] != "" ||
			slices.Contains(list(u.Props["columns"]), ident(e.cat.TenantColumn)) {
			continue
		}
		e.covered[key{"constraint", u.On, u.Props["constraint"]}] = true
		out = append(out, e.about(u, u.String(), e.asPlanned(u)))
	}
	return out
}

func findNumbered(e *examination) []fault {
	var out []fault
	for _, c := range e.of("column") {
		if !e.isTenant(c.On) || c.Props["identity"] == "" && c.Props["sequence"] == "" {
			continue
		}
		out = append(out, e.about(c, c.String(), e.asPlanned(c)))
	}
	return out
}
