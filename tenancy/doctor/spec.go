package doctor

import (
	"maps"
	"slices"
)

// Spec says what a database is meant to look like where its own tables can't say it: which of them belong to no
// tenant, which keys may span tenants, which functions may act with their owner's rights. Whatever is not in it is a
// finding. Objects are named with their schema ("public.tenants"); a table with a tenant_id needs no entry.
type Spec struct {
	// Schemas are those that are examined, the one with the application's tables first.
	Schemas []string

	// OwnerRole owns every object, AppRole is what the application logs in as, ResolverRole owns the Definers.
	OwnerRole    string
	AppRole      string
	ResolverRole string

	// TenantColumn makes a table tenant-scoped.
	TenantColumn string

	// TenantsTable is what each tenant-scoped table's TenantColumn refers to.
	TenantsTable string

	// Global and Platform tables belong to no tenant. Global ones are the application's; platform ones are the
	// machinery's, and the application only reads them. Each has the reason why.
	Global   map[string]string
	Platform map[string]string

	// Grants are AppRole's privileges on the tables of each class: all of them, and no other.
	Grants map[Class][]string

	// SpanningKeys are unique indexes of tenant-scoped tables without TenantColumn, by the index's name, each with the
	// reason why. A primary key needs no entry.
	SpanningKeys map[string]string

	// Definers are the SECURITY DEFINER functions, by signature ("public.f(text, text)").
	Definers map[string]Definer

	// Snapshot is what the migrations make: what the database is compared with.
	Snapshot Snapshot

	// Known are objects that an operator vouches for although no migration made them: by name ("public.audit"), or all of
	// a schema ("reporting.*"). They are named, not refused, unless they act on an object of the snapshot.
	Known []string

	// RoleSettings are the settings that AppRole may have as its defaults (ALTER ROLE … SET): "lock_timeout=3s", as
	// pg_db_role_setting has it, or the name alone for any value.
	RoleSettings []string

	// AskedBy is the role that runs the check where that is not AppRole: the owner after a migration, say. What can only
	// be seen from AppRole's own connections is left out then.
	AskedBy string
}

// Class is what a table is to tenants.
type Class string

// The classes of tables.
const (
	ClassTenant   Class = "tenant"
	ClassGlobal   Class = "global"
	ClassPlatform Class = "platform"
)

// Definer is a function that acts with its owner's rights.
type Definer struct {
	Why   string
	Owner string
}

// ClassOf is the class of a table that the caller knows to have a TenantColumn or not. An unclassified table has none.
func (c Spec) ClassOf(table string, hasTenantColumn bool) (Class, bool) {
	if hasTenantColumn {
		return ClassTenant, true
	}
	if _, ok := c.Global[table]; ok {
		return ClassGlobal, true
	}
	if _, ok := c.Platform[table]; ok {
		return ClassPlatform, true
	}
	return "", false
}

// With is the spec together with a project's own entries: schemas, tables, keys, functions and known objects of
// more. The snapshot of more, which is of all chains, takes the place of c's. Roles, grants and names stay as they are.
func (c Spec) With(more Spec) Spec {
	for _, s := range more.Schemas {
		if !slices.Contains(c.Schemas, s) {
			c.Schemas = append(slices.Clone(c.Schemas), s)
		}
	}
	c.Global = merged(c.Global, more.Global)
	c.Platform = merged(c.Platform, more.Platform)
	c.SpanningKeys = merged(c.SpanningKeys, more.SpanningKeys)
	c.Definers = merged(c.Definers, more.Definers)
	c.Known = slices.Concat(c.Known, more.Known)
	if more.Snapshot.Versions != nil {
		c.Snapshot = more.Snapshot
	}
	return c
}

func merged[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	if out == nil {
		out = make(map[string]V, len(b))
	}
	maps.Copy(out, b)
	return out
}
