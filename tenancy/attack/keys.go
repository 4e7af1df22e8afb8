package attack

import (
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// keys are attacks through key checks, which bypass row-level security.
func keys() family {
	return family{name: "keys", title: "Foreign and unique keys", scenarios: []scenario{
		each("A14-attach", "adds a row that references the other tenant's row", "refused, 23503", attach),
		each("A14-attach-by-update", "updates a row to reference the other tenant's row", "refused, 23503",
			attachByUpdate),
		each("A13-cascade", "deletes or changes a row that the other tenant's rows reference", "refused, 23503",
			changeParents),
		each("A17-same-value", "uses a unique value that the other tenant has",
			"the value is free for every tenant", sameValue),
		each("A17-existence-by-id", "adds a row with the other tenant's id",
			"refused, 23505, with no value of the row", sameID).accepting("existence-by-key"),
		each("A17-existence-by-spanning-key", "adds a row with a taken value of a key that spans tenants on purpose",
			"refused, 23505, with no value of the row", spanning).accepting("existence-by-key"),
	}}
}

// mineWith is the image of the caller's spare row with some of another row's values.
func mineWith(values map[string]string) string {
	parts := []string{"{mine}"}
	for column, value := range values {
		parts = append(parts, "jsonb_build_object("+rls.Literal(column)+", "+value+")")
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, " || ")
}

func field(image, column string) string { return "(" + image + " -> " + rls.Literal(column) + ")" }

func compare(a *attempt, sql string, want, wantOfOwner expectation) {
	a.step = "another tenant: "
	a.require(want, a.run(a.mine, a.raw, allImmediate, sql))
	a.step = "the owner: "
	a.require(wantOfOwner, a.run(a.theirs, a.raw, allImmediate, sql))
}

const allImmediate = "set constraints all immediate"

// references calls try for each foreign key to a tenant-scoped table, with the values of the victim's row in it.
func references(a *attempt, try func(values map[string]string)) {
	a.notApplicable("no foreign key to a tenant's table")
	for _, f := range a.tb.Foreign {
		target, ok := a.victim.stock[f.Target]
		if !ok {
			continue
		}
		values := map[string]string{}
		for i, column := range f.Columns {
			if column != tenantColumn {
				values[column] = field(rls.Literal(target.kept)+"::jsonb", f.Refs[i])
			}
		}
		if len(values) > 0 {
			a.applies(f.Name)
			try(values)
		}
	}
}

func attach(a *attempt) {
	references(a, func(values map[string]string) {
		compare(a, insert(mineWith(values)), refused(foreignKey), somethingOr(duplicate))
	})
}

func attachByUpdate(a *attempt) {
	references(a, func(values map[string]string) {
		for column, value := range values {
			compare(a, "update {table} set "+rls.Quote(column)+" = (select r."+rls.Quote(column)+
				" from jsonb_populate_record(null::{table}, jsonb_build_object("+rls.Literal(column)+", "+value+")) r)"+
				" where {key} = {ownid}", refused(foreignKey), somethingOr(duplicate))
		}
	})
}

// changeParents deletes the global parents of the victim's row and changes their keys. A cascade would bypass row-level
// security.
func changeParents(a *attempt) {
	a.notApplicable("no foreign key to a global table")
	for _, f := range a.tb.Foreign {
		if a.kit.table(f.Target) != nil {
			continue
		}
		a.applies(f.Name)
		if f.Acts { // the attempt alone might be stopped by another table's key
			a.failf("cascades: it changes or deletes referencing rows")
		}
		for i, column := range f.Columns {
			where := " where " + rls.Quote(f.Refs[i]) + "::text = " + field("{kept}", column) + " #>> '{}'"
			for _, sql := range []string{
				"delete from " + f.SQL + where,
				"update " + f.SQL + " set " + rls.Quote(f.Refs[i]) + " = gen_random_uuid()" + where,
			} {
				a.require(refused(foreignKey, denied), a.run(a.mine, a.raw, sql))
			}
		}
	}
}

func sameValue(a *attempt) {
	a.notApplicable("no unique text within a tenant")
	for _, u := range a.tb.Uniques {
		if values := textsOf(a.tb, u); len(values) > 0 && slices.Contains(u.Columns, tenantColumn) {
			a.applies(u.Name)
			compare(a, insert(mineWith(values)), own(), refused(duplicate))
		}
	}
}

// spanning uses the victim's value of keys that span tenants. A key that is not in Target.SpanningKeys is a breach.
func spanning(a *attempt) {
	a.notApplicable("no key spans tenants")
	for _, u := range a.tb.Uniques {
		if slices.Contains(u.Columns, tenantColumn) {
			continue
		}
		if !slices.Contains(a.kit.target.SpanningKeys, u.Name) {
			a.failf("unique index %s spans tenants and is not in Target.SpanningKeys", u.Name)
		}
		if values := textsOf(a.tb, u); len(values) > 0 {
			a.applies(u.Name)
			compare(a, insert(mineWith(values)), refused(duplicate), refused(duplicate))
		}
	}
}

func textsOf(tb *table, u uniqueKey) map[string]string {
	values := map[string]string{}
	for _, name := range u.Columns {
		c, _ := tb.column(name)
		switch {
		case name == tenantColumn:
		case c.Text:
			values[name] = field("{kept}", name)
		default:
			return nil
		}
	}
	return values
}

func sameID(a *attempt) {
	key := strings.Trim(a.tb.Key, `"`)
	image := mineWith(map[string]string{key: field("{kept}", key)})
	a.require(refused(duplicate), a.run(a.mine, a.raw, allImmediate, insert(image)))
	a.require(something(), a.run(a.theirs, a.raw, allImmediate, insert("{mine}")))
}
