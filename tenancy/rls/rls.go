package rls

import (
	"fmt"
	"strings"
)

// Setting is the PostgreSQL setting that carries a transaction's tenant. Unset or empty means no tenant.
const Setting = "app.current_tenant"

// The policies of a tenant-scoped table. PostgreSQL combines permissive policies with OR, so one added without care
// would open the table. The restrictive policy is combined with AND and keeps it closed.
const (
	IsolationPolicy = "tenant_isolation"
	FloorPolicy     = "tenant_floor"
)

// CurrentTenant is the SQL expression for the transaction's tenant, or NULL. It is the default of a tenant column,
// where the NOT NULL constraint refuses NULL.
const CurrentTenant = "NULLIF(current_setting('" + Setting + "', true), '')::uuid"

// SetTenant is the statement that sets the transaction's tenant to $1, a tenant's id or the empty string.
const SetTenant = "SELECT set_config('" + Setting + "', $1, true)"

// Condition returns the condition of both policies on a table with that tenant column. The sub-select is evaluated once
// per statement, and keeps the tenant out of cached plans.
func Condition(column string) string {
	return Quote(column) + " = (SELECT " + CurrentTenant + ")"
}

// Unforced returns statements between NO FORCE and FORCE ROW LEVEL SECURITY on tables, which are given as SQL. Under
// FORCE the owner sees no rows, so PostgreSQL would mark a new foreign key valid although rows violate it.
func Unforced(tables []string, statements ...string) []string {
	out := make([]string, 0, 2*len(tables)+len(statements))
	for _, t := range tables {
		out = append(out, fmt.Sprintf("ALTER TABLE %s NO FORCE ROW LEVEL SECURITY", t))
	}
	out = append(out, statements...)
	for _, t := range tables {
		out = append(out, fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", t))
	}
	return out
}

// Quote returns an SQL identifier: Quote("public", "agents") is "public"."agents". NUL bytes, which PostgreSQL does not
// accept, are removed.
func Quote(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = `"` + strings.NewReplacer(`"`, `""`, "\x00", "").Replace(part) + `"`
	}
	return strings.Join(quoted, ".")
}

// Literal returns an SQL string constant. It relies on standard_conforming_strings, PostgreSQL's default.
func Literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
