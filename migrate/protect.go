package migrate

import (
	"fmt"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// currentTenant is the transaction's tenant, or NULL. As a sub-select it is evaluated once a statement, and no plan is
// made for one tenant and then used for another.
const currentTenant = "(SELECT NULLIF(current_setting('" + Setting + "', true), '')::uuid)"

// The names of a tenant-scoped table's two policies.
const (
	isolationPolicy = "tenant_isolation"
	floorPolicy     = "tenant_floor"
)

// protect writes what makes a table tenant-scoped in PostgreSQL. The second policy is restrictive: permissive ones are
// ORed, so that one more of those, written without care, would open the table, and with the floor does not.
func protect(t *schema.Table, cat doctor.Catalogue) []string {
	table, app := quoted(t.Name), quoted(cat.AppRole)
	own := quoted(mixin.TenantColumn) + " = " + currentTenant
	return append([]string{
		fmt.Sprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", table),
		fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", table),
		fmt.Sprintf("CREATE POLICY %s ON %s TO %s\n  USING (%s)\n  WITH CHECK (%s)", quoted(isolationPolicy), table, app, own, own),
		fmt.Sprintf("CREATE POLICY %s ON %s AS RESTRICTIVE TO %s\n  USING (%s)", quoted(floorPolicy), table, app, own),
	}, grants(t, doctor.ClassTenant, cat))
}

// grants gives the application what a table's class allows.
func grants(t *schema.Table, class doctor.Class, cat doctor.Catalogue) string {
	return fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(cat.Grants[class], ", "), quoted(t.Name), quoted(cat.AppRole))
}

// bracketed lifts FORCE from tables around a statement that has to see their rows as the owner: under FORCE the owner
// sees none, and PostgreSQL would mark a new foreign key valid over an orphan.
func bracketed(stmt string, tables []string) []string {
	out := make([]string, 0, 2*len(tables)+1)
	for _, t := range tables {
		out = append(out, fmt.Sprintf("ALTER TABLE %s NO FORCE ROW LEVEL SECURITY", quoted(t)))
	}
	out = append(out, stmt)
	for _, t := range tables {
		out = append(out, fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", quoted(t)))
	}
	return out
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
