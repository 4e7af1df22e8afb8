package doctor

import (
	"maps"
	"slices"
)

// Spec lists what a database's schema cannot express: tables without a tenant, keys that may span tenants, functions
// that may run with their owner's rights. Anything else is a finding. Object names include the schema
// ("public.tenants"). Tables with a tenant_id need no entry.
type Spec struct {
	// Schemas to examine, starting with that of the application's tables.
	Schemas []string

	// OwnerRole owns every object, and the application logs in as AppRole.
	OwnerRole string
	AppRole   string

	// TenantColumn makes a table tenant-scoped.
	TenantColumn string

	// TenantsTable is the table that TenantColumn references.
	TenantsTable string

	// Global and Platform tables have no tenant; the values are the reasons. The application only reads platform
	// tables.
	Global   map[string]string
	Platform map[string]string

	// Grants are exactly AppRole's privileges on the tables of each class.
	Grants map[Class][]string

	// AppendOnly are tables of any class on which AppRole may only SELECT and INSERT; the values are the reasons.
	AppendOnly map[string]string

	// SpanningKeys are unique indexes of tenant-scoped tables without TenantColumn; the values are the reasons. A
	// primary key needs no entry.
	SpanningKeys map[string]string

	// Definers are the SECURITY DEFINER functions, by signature ("public.f(text, text)").
	Definers map[string]Definer

	// Snapshot is what the migrations make.
	Snapshot Snapshot

	// Known are an operator's own objects, by name ("public.audit") or schema ("reporting.*"). They are reported as
	// information unless they act on an object of the snapshot.
	Known []string

	// RoleSettings are the allowed defaults of AppRole (ALTER ROLE … SET), as in pg_db_role_setting
	// ("lock_timeout=3s"), or a name for any value.
	RoleSettings []string

	// AskedBy is the role that runs the check if it is not AppRole, such as the owner role after a migration. Settings
	// of AppRole's connections are then not checked.
	AskedBy string
}

// Class is the class of a table.
type Class string

// The classes of tables.
const (
	ClassTenant   Class = "tenant"
	ClassGlobal   Class = "global"
	ClassPlatform Class = "platform"
)

// Definer is a function that runs with its owner's rights.
type Definer struct {
	Why   string
	Owner string
}

// ClassOf returns the class of a table, or false if it is unclassified.
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

// PrivilegesOn returns AppRole's privileges on a table, or nil if it is of no class.
func (c Spec) PrivilegesOn(table string, class Class) []string {
	all := c.Grants[class]
	if _, limited := c.AppendOnly[table]; !limited {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(p string) bool { return p != "SELECT" && p != "INSERT" })
}

// With returns the spec with a project's own schemas, tables, keys, functions and known objects added. The snapshot of
// more, which covers all chains, replaces c's. Roles, grants and names are unchanged.
func (c Spec) With(more Spec) Spec {
	for _, s := range more.Schemas {
		if !slices.Contains(c.Schemas, s) {
			c.Schemas = append(slices.Clone(c.Schemas), s)
		}
	}
	c.Global = merged(c.Global, more.Global)
	c.Platform = merged(c.Platform, more.Platform)
	c.AppendOnly = merged(c.AppendOnly, more.AppendOnly)
	c.SpanningKeys = merged(c.SpanningKeys, more.SpanningKeys)
	c.Definers = merged(c.Definers, more.Definers)
	c.Known = slices.Concat(c.Known, more.Known)
	if more.Snapshot.Versions != nil {
		c.Snapshot = more.Snapshot
	}
	return c
}

func merged[K comparable, V any](a, b map[K]V) map[K]V {
	out := make(map[K]V, len(a)+len(b))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}
