package doctor

import (
	"fmt"
	"slices"
	"strings"
)

func (e *examination) checkKeys() {
	for _, t := range e.of("table") {
		if !e.isTenant(t.Name) {
			e.checkLinks(t)
		}
	}
	for _, k := range e.of("constraint") {
		if code := e.keyFault(k); code != "" {
			e.found(code, e.cover(k), e.asPlanned(k))
		}
	}
	for _, u := range e.of("index") {
		if e.spansTenants(u) {
			e.covered[key{"constraint", u.On, u.Props["constraint"]}] = true
			e.found("key.spans-tenants", e.cover(u), e.asPlanned(u))
		}
	}
	for _, c := range e.of("column") {
		if e.isTenant(c.On) && (c.Props["identity"] != "" || c.Props["sequence"] != "") {
			e.found("key.sequence", e.cover(c), e.asPlanned(c))
		}
	}
}

// keyFault returns the code for a foreign key of a tenant-scoped table, or "". A key without the tenant is not also
// reported for its actions, since its remedy removes them.
func (e *examination) keyFault(k Object) string {
	if k.Props["type"] != "f" || !e.isTenant(k.On) {
		return ""
	}
	tenant := ident(e.spec.TenantColumn)
	columns, refColumns := strings.Split(k.Props["columns"], ","), strings.Split(k.Props["ref_columns"], ",")
	set := k.Props["set_columns"]
	actions := map[string]string{"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
	onUpdate, onDelete := actions[k.Props["on_update"]], actions[k.Props["on_delete"]]
	i := slices.Index(columns, tenant)
	setsTenant := strings.HasPrefix(onDelete, "SET") && (set == "" || slices.Contains(strings.Split(set, ","), tenant))
	switch {
	case !e.isTenant(k.Props["references"]):
		if onUpdate != "" || onDelete != "" {
			return "key.cascade"
		}
	case i < 0 || refColumns[i] != tenant:
		return "key.without-tenant"
	case onUpdate != "" || setsTenant:
		return "key.cascade"
	case onDelete == "CASCADE":
		return "key.cascade-within"
	}
	return ""
}

// asPlanned returns the SQL that restores an object of the snapshot or drops an unknown one.
func (e *examination) asPlanned(o Object) string {
	if want, ok := e.want[o.key()]; ok {
		return e.alter(want, o)
	}
	return script("-- if it is needed, add it to a migration", drop(o))
}

// checkLinks reports a table without a tenant that references tenant-scoped tables.
func (e *examination) checkLinks(t Object) {
	var drops []string
	for _, k := range e.on("constraint", t.Name) {
		if k.Props["type"] == "f" && e.isTenant(k.Props["references"]) {
			drops = append(drops, drop(k))
		}
	}
	if len(drops) > 0 {
		e.found("key.no-tenant-table", e.cover(t), script(append([]string{
			"-- if the table is needed, create it in a migration, with mixin.Tenant{} in its schema",
			fmt.Sprintf("REVOKE ALL ON %s FROM PUBLIC, %s", t.Name, e.spec.app()),
		}, drops...)...))
	}
}

// spansTenants accepts a primary key of one uuid, which reveals nothing about other tenants.
func (e *examination) spansTenants(u Object) bool {
	_, listed := e.spec.SpanningKeys[u.schema()+"."+u.Name]
	return u.Props["unique"] != "" && e.isTenant(u.On) && e.concerns(e.live[tableKey(u.On)]) && !listed &&
		u.Props["uuid"] == "" && !slices.Contains(strings.Split(u.Props["columns"], ","), ident(e.spec.TenantColumn))
}
