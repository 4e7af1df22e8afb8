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

// Errors of the planner. Each names the object and what to do.
var (
	ErrUnclassified      = errors.New("the table is neither tenant-scoped nor listed in the spec")
	ErrUnscopedReference = errors.New("a table without a tenant references a tenant-scoped table")
	ErrTenantColumn      = errors.New("the tenant column is not the mixin's")
	ErrSpanningKey       = errors.New("the unique key spans tenants")
	ErrSequence          = errors.New("a sequence shared by tenants shows how much the others create")
	ErrDestructive       = errors.New("the plan drops data")
)

// scope changes the tables of an Ent schema to what isolation requires and Ent can't express:
//
//   - a foreign key between tenant-scoped tables includes the tenant, since foreign-key checks bypass row-level
//     security and a single-column key would let one tenant reference another's row;
//   - the tenant column references the tenants table;
//   - no foreign key cascades, since cascades bypass row-level security;
//   - a unique key on an edge starts with the tenant.
//
// It returns an error for anything else that violates isolation.
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
	return fmt.Errorf("%w: %s: give its schema mixin.Tenant{}, or list the table with a reason in the "+
		"spec's Global (for Konstruct's tables: migrate/spec.go)", ErrUnclassified, t.Name)
}

// joins reports whether t is a many-to-many table of Ent: its primary key is two foreign keys.
func joins(t *schema.Table) bool {
	return len(t.ForeignKeys) == 2 && t.PrimaryKey != nil && len(t.PrimaryKey.Parts) == 2 && len(t.Columns) == 2
}

// withoutTenant refuses a table without a tenant that references a tenant-scoped one: every tenant would see its rows.
func withoutTenant(t *schema.Table) error {
	for _, fk := range t.ForeignKeys {
		if !tenantScoped(fk.RefTable) {
			continue
		}
		if joins(t) {
			return fmt.Errorf("%w: %s: a many-to-many edge between tenant-scoped schemas needs an edge schema: "+
				"declare one with mixin.ID{} and mixin.Tenant{}, and name it with .Through(…) on both edges",
				ErrUnscopedReference, t.Name)
		}
		return fmt.Errorf("%w: %s references %s: give its schema mixin.Tenant{}",
			ErrUnscopedReference, t.Name, fk.RefTable.Name)
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
	// An edge to Tenant with another name is another key.
	if !slices.ContainsFunc(t.ForeignKeys, func(fk *schema.ForeignKey) bool {
		return fk.RefTable.Name == tenants.Name && slices.Equal(fk.Columns, []*schema.Column{tenant})
	}) {
		t.AddForeignKeys(tenantKey(t, tenant, tenants))
	}
	return scopeIndexes(t, tenant, edges, spec)
}

// tenantColumn returns the mixin's column. Policies rely on uuid and NOT NULL.
func tenantColumn(t *schema.Table) (*schema.Column, error) {
	c, _ := t.Column(mixin.TenantColumn)
	if _, ok := c.Type.Type.(*schema.UUIDType); !ok || c.Type.Null || c.Default == nil {
		return nil, fmt.Errorf("%w: %s.%s: use mixin.Tenant{}", ErrTenantColumn, t.Name, c.Name)
	}
	for _, c := range t.Columns {
		if numbered(c) {
			return nil, fmt.Errorf("%w: %s.%s: use mixin.ID{}", ErrSequence, t.Name, c.Name)
		}
	}
	return c, nil
}

// carry adds the tenant to a foreign key, so that both rows have the same tenant.
func carry(fk *schema.ForeignKey, tenant *schema.Column) error {
	if slices.Contains(fk.Columns, tenant) {
		return nil
	}
	ref, ok := fk.RefTable.Column(mixin.TenantColumn)
	if !ok || !uniqueOn(fk.RefTable, append([]*schema.Column{ref}, fk.RefColumns...)) {
		return fmt.Errorf("%w: %s has no unique (%s, id) to reference: use mixin.Tenant{}",
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

// scopeIndexes prepends the tenant to the unique keys of edges. This allows the same rows, since the edge's composite
// foreign key already includes the tenant. Any other key must include the tenant in its schema.
func scopeIndexes(t *schema.Table, tenant *schema.Column, edges map[string]bool, spec doctor.Spec) error {
	for _, idx := range t.Indexes {
		columns := columnNames(idx)
		if idx.Unique && slices.Equal(columns, []string{tenant.Name, "id"}) {
			// Composite foreign keys need it when the table is created.
			idx.AddAttrs(postgres.UniqueConstraint(idx.Name))
		}
		if !idx.Unique || slices.Contains(columns, tenant.Name) {
			continue
		}
		if _, listed := spec.SpanningKeys[publicSchema+"."+idx.Name]; listed {
			continue
		}
		if !slices.ContainsFunc(columns, func(c string) bool { return edges[c] }) {
			return fmt.Errorf("%w: %s (%s) of %s shows one tenant which values others use: start it with %s, or list "+
				"it with a reason in the spec's SpanningKeys",
				ErrSpanningKey, idx.Name, strings.Join(columns, ", "), t.Name, tenant.Name)
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
