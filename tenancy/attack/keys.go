package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// keys are attacks through key checks, which bypass row-level security.
func keys() family {
	return family{name: "keys", title: "Foreign and unique keys", scenarios: []scenario{
		{
			id: "A14-attach", does: "adds a row that references the other tenant's row", required: "refused, 23503",
			each: (*harness).attach,
		},
		{
			id: "A14-attach-by-update", does: "updates a row to reference the other tenant's row",
			required: "refused, 23503", each: (*harness).attachByUpdate,
		},
		{
			id: "A13-cascade", does: "deletes or changes a row that the other tenant's rows reference",
			required: "refused, 23503", each: (*harness).changeParents,
		},
		{
			id: "A17-same-value", does: "uses a unique value that the other tenant has",
			required: "the value is free for every tenant", each: (*harness).sameValue,
		},
		{
			id: "A17-existence-by-id", does: "adds a row with the other tenant's id",
			required: "refused, 23505, with no value of the row", accepted: "existence-by-key",
			each: (*harness).sameID,
		},
		{
			id:       "A17-existence-by-spanning-key",
			does:     "adds a row with a taken value of a key that spans tenants on purpose",
			required: "refused, 23505, with no value of the row", accepted: "existence-by-key",
			each: (*harness).spanning,
		},
	}}
}

func applied(tried int, otherwise string) error {
	if tried == 0 {
		return notApplicable(otherwise)
	}
	return nil
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

func (h *harness) insertAs(ctx context.Context, id tenancy.ID, tb *table, image string) (answer, string, error) {
	sql := h.spell(insert(image), tb, id)
	err := h.raw.as(ctx, id)
	if err != nil {
		return answer{}, sql, err
	}
	a := h.raw.do(ctx, sql)
	if a.err == nil { // what is checked late is checked now
		if late := h.raw.do(ctx, "set constraints all immediate"); late.err != nil {
			a = late
		}
	}
	return a, sql, h.raw.rollback(ctx)
}

func (h *harness) compare(
	ctx context.Context, tb *table, attackerRow, victimRow string, wantA, wantB expectation,
) error {
	a, given, err := h.insertAs(ctx, h.attacker.id, tb, attackerRow)
	if err := errors.Join(err, wantA.check(a), h.victim.leaks(a.text(), given)); err != nil {
		return fmt.Errorf("another tenant: %w", err)
	}
	a, _, err = h.insertAs(ctx, h.victim.id, tb, victimRow)
	if err := errors.Join(err, wantB.check(a)); err != nil {
		return fmt.Errorf("the owner: %w", err)
	}
	return nil
}

// references are a foreign key's columns with the values of the victim's row in the other tenant-scoped table.
func (h *harness) references(f foreignRef) map[string]string {
	target := h.kit.table(f.Target)
	if target == nil || h.victim.kept[f.Target] == "" {
		return nil
	}
	values := map[string]string{}
	for i, column := range f.Columns {
		if column != tenantColumn {
			values[column] = field(rls.Literal(h.victim.kept[f.Target])+"::jsonb", f.Refs[i])
		}
	}
	return values
}

func (h *harness) attach(ctx context.Context, tb *table) error {
	tried := 0
	for _, f := range tb.Foreign {
		values := h.references(f)
		if len(values) == 0 {
			continue
		}
		tried++
		image := mineWith(values)
		if err := h.compare(ctx, tb, image, image, refused(foreignKey), somethingOr(duplicate)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return applied(tried, "no foreign key to a tenant's table")
}

func (h *harness) attachByUpdate(ctx context.Context, tb *table) error {
	tried := 0
	for _, f := range tb.Foreign {
		for column, value := range h.references(f) {
			tried++
			sql := "update {table} set " + rls.Quote(column) + " = (select r." + rls.Quote(column) +
				" from jsonb_populate_record(null::{table}, jsonb_build_object(" +
				rls.Literal(column) + ", " + value + ")) r)" +
				" where {key} = {ownid}"
			for id, want := range map[tenancy.ID]expectation{
				h.attacker.id: refused(foreignKey), h.victim.id: somethingOr(duplicate),
			} {
				a := h.raw.run(ctx, id, h.spell(sql, tb, id), "set constraints all immediate")
				if a.err == nil {
					a.affected = 1
				}
				if err := want.check(a); err != nil {
					return fmt.Errorf("%s: %w", f.Name, err)
				}
			}
		}
	}
	return applied(tried, "no foreign key to a tenant's table")
}

// changeParents deletes the global parents of the victim's row and changes their keys. A cascade would bypass row-level
// security.
func (h *harness) changeParents(ctx context.Context, tb *table) error {
	tried := 0
	for _, f := range tb.Foreign {
		if h.kit.table(f.Target) != nil {
			continue
		}
		if f.Acts { // the attempt alone might be stopped by another table's key
			return fmt.Errorf("%s cascades: it changes or deletes referencing rows", f.Name)
		}
		for i, column := range f.Columns {
			tried++
			value := field("{kept}", column) + " #>> '{}'"
			where := " where " + rls.Quote(f.Refs[i]) + "::text = " + value
			for _, sql := range []string{
				"delete from " + f.SQL + where,
				"update " + f.SQL + " set " + rls.Quote(f.Refs[i]) + " = gen_random_uuid()" + where,
			} {
				if err := h.refusedAs(ctx, tb, sql, foreignKey, denied); err != nil {
					return fmt.Errorf("%s: %w", f.Name, err)
				}
			}
		}
	}
	return applied(tried, "no foreign key to a global table")
}

func (h *harness) refusedAs(ctx context.Context, tb *table, sql string, codes ...string) error {
	given := h.spell(sql, tb, h.attacker.id)
	a := h.raw.run(ctx, h.attacker.id, given)
	return errors.Join(refused(codes...).check(a), h.victim.leaks(a.text(), given))
}

// sameValue uses the victim's value of every key that includes the tenant.
func (h *harness) sameValue(ctx context.Context, tb *table) error {
	tried := 0
	for _, u := range tb.Uniques {
		values, ok := textsOf(tb, u)
		if !ok || !slices.Contains(u.Columns, tenantColumn) {
			continue
		}
		tried++
		image := mineWith(values)
		if err := h.compare(ctx, tb, image, image, own(), refused(duplicate)); err != nil {
			return fmt.Errorf("%s: %w", u.Name, err)
		}
	}
	return applied(tried, "no unique text within a tenant")
}

// spanning uses the victim's value of keys that span tenants. A key that is not in Target.SpanningKeys is a breach.
func (h *harness) spanning(ctx context.Context, tb *table) error {
	tried := 0
	for _, u := range tb.Uniques {
		if slices.Contains(u.Columns, tenantColumn) {
			continue
		}
		if !slices.Contains(h.kit.target.SpanningKeys, u.Name) {
			return fmt.Errorf("unique index %s spans tenants and is not in Target.SpanningKeys", u.Name)
		}
		values, ok := textsOf(tb, u)
		if !ok {
			continue
		}
		tried++
		image := mineWith(values)
		if err := h.compare(ctx, tb, image, image, refused(duplicate), refused(duplicate)); err != nil {
			return fmt.Errorf("%s: %w", u.Name, err)
		}
	}
	return applied(tried, "no key spans tenants")
}

// textsOf returns the victim's values of the key's columns, if all but the tenant are texts.
func textsOf(tb *table, u uniqueKey) (map[string]string, bool) {
	values := map[string]string{}
	for _, name := range u.Columns {
		c, ok := tb.column(name)
		switch {
		case name == tenantColumn:
		case ok && c.Text:
			values[name] = field("{kept}", name)
		default:
			return nil, false
		}
	}
	return values, len(values) > 0
}

func (h *harness) sameID(ctx context.Context, tb *table) error {
	image := mineWith(map[string]string{strings.Trim(tb.Key, `"`): field("{kept}", strings.Trim(tb.Key, `"`))})
	return h.compare(ctx, tb, image, "{mine}", refused(duplicate), something())
}
