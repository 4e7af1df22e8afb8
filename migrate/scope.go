package migrate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"

	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// What the planner refuses. Each error says which object it is about and what to do.
var (
	ErrUnclassified = errors.New("the table is neither tenant-scoped nor listed as global")
	ErrUnscopedReference     = errors.New("the table refers to a tenant's rows, but has no tenant")
	ErrTenantColumn = errors.New("the table's tenant column is not the mixin's")
	ErrSpanningKey  = errors.New("the unique key spans tenants")
	ErrSequence     = errors.New("the sequence would tell one tenant how much the others do")
	ErrDestructive  = errors.New("the plan drops data")
)

// scope brings the tables of an Ent schema into the form that isolation needs, which Ent has no words for:
//
//   - a foreign key between tenant-scoped tables carries the tenant, because foreign-key checks pass row-level security
//     by, and a single-column key would let one tenant attach another's row;
//   - the tenant refers to the tenants table;
//   - no foreign key cascades: a cascade runs past row-level security;
//   - a unique key on an edge begins with the tenant.
//
// It refuses what it can't mend.
func scope(own []*schema.Table, tenants *schema.Table, spec doctor.Spec) error {
	for _, t := range own {
		if err := classified(t, spec); err != nil {
			return err
		}
		for _, fk := range t.ForeignKeys {
			fk.OnDelete, fk.OnUpdate = schema.NoAction, schema.NoAction
		}
	}
	for _, t := range own {
		if !tenantScoped(t) {
			if err := withoutTenant(t); err != nil {
				return err
			}
			continue
		}
		if err := scopeTable(t, tenants, spec); err != nil {
			return err
		}
	}
	return nil
}

func tenantScoped(t *schema.Table) bool {
	_, ok := t.Column(mixin.TenantColumn)
	return ok
}

func qualified(t *schema.Table) string { return publicSchema + "." + t.Name }

func classified(t *schema.Table, spec doctor.Spec) error {
	if _, ok := spec.ClassOf(qualified(t), tenantScoped(t)); ok || joins(t) {
		return nil
	}
	return fmt.Errorf("%w: %s: give its schema mixin.Tenant{}, or, if it really is nobody's, list it with the reason in the "+
		"spec's Global (for Konstruct's own tables: migrate/spec.go)", ErrUnclassified, t.Name)
}

// joins tells whether t is a many-to-many table as Ent makes it: two foreign keys, which are the primary key.
func joins(t *schema.Table) bool {
	return len(t.ForeignKeys) == 2 && t.PrimaryKey != nil && len(t.PrimaryKey.Parts) == 2 && len(t.Columns) == 2
}

// withoutTenant refuses a table that has no tenant but refers to one that does: its rows would be visible to everybody.
func withoutTenant(t *schema.Table) error {
	for _, fk := range t.ForeignKeys {
		if !tenantScoped(fk.RefTable) {
			continue
		}
		if joins(t) {
			return fmt.Errorf("%w: %s: a many-to-many edge between tenant-scoped schemas needs an edge schema: declare one with "+
				"mixin.ID{} and mixin.Tenant{}, and name it with .Through(…) on both edges", ErrUnscopedReference, t.Name)
		}
		return fmt.Errorf("%w: %s refers to %s: give its schema mixin.Tenant{}", ErrUnscopedReference, t.Name, fk.RefTable.Name)
	}
	return nil
}

func scopeTable(t, tenants *schema.Table, spec doctor.Spec) error {
	tenant, err := tenantColumn(t)
	if err != nil {
		return err
	}
	edges := make(map[string]bool)
	for _, fk := range t.ForeignKeys {
		if !tenantScoped(fk.RefTable) {
			continue
		}
		for _, c := range fk.Columns {
			edges[c.Name] = true
		}
		if err := carry(fk, tenant); err != nil {
			return err
		}
	}
	// An edge to Tenant of another name is another key.
	if !slices.ContainsFunc(t.ForeignKeys, func(fk *schema.ForeignKey) bool {
		return fk.RefTable.Name == tenants.Name && slices.Equal(fk.Columns, []*schema.Column{tenant})
	}) {
		t.AddForeignKeys(tenantKey(t, tenant, tenants))
	}
	return scopeIndexes(t, tenant, edges, spec)
}

// tenantColumn is the mixin's column, or an error: without NOT NULL and a uuid, no policy holds.
func tenantColumn(t *schema.Table) (*schema.Column, error) {
	c, _ := t.Column(mixin.TenantColumn)
	if _, ok := c.Type.Type.(*schema.UUIDType); !ok || c.Type.Null || c.Default == nil {
		return nil, fmt.Errorf("%w: %s.%s: use mixin.Tenant{}", ErrTenantColumn, t.Name, c.Name)
	}
	for _, c := range t.Columns {
		_, serial := c.Type.Type.(*postgres.SerialType)
		if serial || slices.ContainsFunc(c.Attrs, func(a schema.Attr) bool { _, ok := a.(*postgres.Identity); return ok }) {
			return nil, fmt.Errorf("%w: %s.%s: use mixin.ID{}", ErrSequence, t.Name, c.Name)
		}
	}
	return c, nil
}

// carry makes a single-column foreign key a composite one that holds both rows to the same tenant.
func carry(fk *schema.ForeignKey, tenant *schema.Column) error {
	if slices.Contains(fk.Columns, tenant) {
		return nil
	}
	ref, ok := fk.RefTable.Column(mixin.TenantColumn)
	if !ok || !uniqueOn(fk.RefTable, append([]*schema.Column{ref}, fk.RefColumns...)) {
		return fmt.Errorf("%w: %s has no unique (%s, id) to refer to: use mixin.Tenant{}",
			ErrTenantColumn, fk.RefTable.Name, mixin.TenantColumn)
	}
	fk.Columns = append([]*schema.Column{tenant}, fk.Columns...)
	fk.RefColumns = append([]*schema.Column{ref}, fk.RefColumns...)
	tenant.ForeignKeys = append(tenant.ForeignKeys, fk)
	return nil
}

func uniqueOn(t *schema.Table, columns []*schema.Column) bool {
	return slices.ContainsFunc(t.Indexes, func(idx *schema.Index) bool {
		return idx.Unique && slices.Equal(columnNames(idx), names(columns))
	})
}

func tenantKey(t *schema.Table, tenant *schema.Column, tenants *schema.Table) *schema.ForeignKey {
	id, _ := tenants.Column("id")
	return schema.NewForeignKey(t.Name + "_" + mixin.TenantColumn + "_fkey").
		SetTable(t).AddColumns(tenant).
		SetRefTable(tenants).AddRefColumns(id).
		SetOnDelete(schema.NoAction).SetOnUpdate(schema.NoAction)
}

// scopeIndexes puts the tenant first in the unique keys of edges, which changes nothing about what they allow: the edge's
// composite foreign key already ties the other column to the tenant. Any other key has to say it itself.
func scopeIndexes(t *schema.Table, tenant *schema.Column, edges map[string]bool, spec doctor.Spec) error {
	for _, idx := range t.Indexes {
		columns := columnNames(idx)
		if idx.Unique && slices.Equal(columns, []string{tenant.Name, "id"}) {
			// What composite foreign keys refer to has to be there when its table is made, not after it.
			idx.AddAttrs(postgres.UniqueConstraint(idx.Name))
		}
		if !idx.Unique || slices.Contains(columns, tenant.Name) {
			continue
		}
		if _, listed := spec.SpanningKeys[publicSchema+"."+idx.Name]; listed {
			continue
		}
		if !slices.ContainsFunc(columns, func(c string) bool { return edges[c] }) {
			return fmt.Errorf("%w: %s (%s) of %s tells one tenant what another has taken: begin it with %s, or list it with the "+
				"reason in the spec's SpanningKeys", ErrSpanningKey, idx.Name, strings.Join(columns, ", "), t.Name, tenant.Name)
		}
		prepend(idx, tenant)
	}
	return nil
}

func prepend(idx *schema.Index, c *schema.Column) {
	idx.Parts = append([]*schema.IndexPart{{C: c}}, idx.Parts...)
	for i, part := range idx.Parts {
		part.SeqNo = i
	}
	c.Indexes = append(c.Indexes, idx)
}

func columnNames(idx *schema.Index) []string {
	var out []string
	for _, part := range idx.Parts {
		if part.C != nil {
			out = append(out, part.C.Name)
		}
	}
	return out
}

func names(columns []*schema.Column) []string {
	out := make([]string, 0, len(columns))
	for _, c := range columns {
		out = append(out, c.Name)
	}
	return out
}
