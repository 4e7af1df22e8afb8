package doctor

import (
	"fmt"
	"strings"
)

// The names of a tenant-scoped table's two policies.
const (
	isolationPolicy = "tenant_isolation"
	floorPolicy     = "tenant_floor"
)

// meant is a policy as it has to be, with the statement that makes it.
type meant struct {
	policy

	create string
}

// meantFor are the policies that a tenant-scoped table has to have.
func (e *examination) meantFor(r relation) []meant {
	printed, written := e.cat.printedCondition(), e.cat.condition()
	on := "ON " + r.sql()
	to := quoted(e.cat.AppRole)
	out := []meant{
		{
			policy{
				Name: isolationPolicy, Command: "*", Permissive: true, Roles: []string{e.cat.AppRole}, Using: printed, Check: printed,
			},
			fmt.Sprintf("CREATE POLICY %s %s TO %s\n  USING (%s)\n  WITH CHECK (%s)", isolationPolicy, on, to, written, written),
		},
		{
			policy{Name: floorPolicy, Command: "*", Roles: []string{e.cat.AppRole}, Using: printed},
			fmt.Sprintf("CREATE POLICY %s %s AS RESTRICTIVE TO %s\n  USING (%s)", floorPolicy, on, to, written),
		},
	}
	for _, signature := range e.cat.signatures() {
		d := e.cat.Definers[signature]
		for name, using := range d.Policies[r.name()] {
			out = append(out, meant{
				policy{Name: name, Command: "r", Permissive: true, Roles: []string{d.Owner}, Using: using},
				fmt.Sprintf("CREATE POLICY %s %s FOR SELECT TO %s\n  USING %s", quoted(name), on, quoted(d.Owner), using),
			})
		}
	}
	return out
}

// condition is what both policies demand of a row. As a sub-select the tenant is read once a statement, and no plan is
// made for one tenant and then used for another.
func (c Catalogue) condition() string {
	return fmt.Sprintf("%s = (SELECT NULLIF(current_setting(%s, true), '')::uuid)", quoted(c.TenantColumn), literal(c.Setting))
}

// printedCondition is the condition as PostgreSQL prints it, alike from 15 to 18.
func (c Catalogue) printedCondition() string {
	return fmt.Sprintf(`(%s = ( SELECT (NULLIF(current_setting(%s::text, true), ''::text))::uuid AS "nullif"))`,
		plain(c.TenantColumn), literal(c.Setting))
}

// plain is an identifier as PostgreSQL prints it: quoted only where it has to be. (Keywords aside.)
func plain(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && !strings.ContainsAny(name[:1], "0123456789") {
		return name
	}
	return quoted(name)
}

// protect are the statements that make a table without protection tenant-scoped, once it has its column.
func (e *examination) protect(r relation) []string {
	table := r.sql()
	out := []string{
		fmt.Sprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", table),
		fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", table),
	}
	for _, m := range e.meantFor(r) {
		out = append(out, fmt.Sprintf("DROP POLICY IF EXISTS %s ON %s", quoted(m.Name), table), m.create)
	}
	return append(out,
		fmt.Sprintf("REVOKE ALL ON %s FROM PUBLIC, %s", table, quoted(e.cat.AppRole)),
		fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(e.cat.Grants[ClassTenant], ", "), table, quoted(e.cat.AppRole)))
}

// addTenant is the statement that gives a table its tenant. It fails where there are rows: whose they are, nobody but
// their owner knows.
func (e *examination) addTenant(r relation) string {
	stmt := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s uuid NOT NULL DEFAULT NULLIF(current_setting(%s, true), '')::uuid",
		r.sql(), quoted(e.cat.TenantColumn), literal(e.cat.Setting))
	if schema, name, ok := strings.Cut(e.cat.TenantsTable, "."); ok {
		stmt += " REFERENCES " + quoted(schema, name)
	}
	return stmt
}
