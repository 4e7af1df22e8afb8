package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"

	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// protection is what protects a table of the replayed database.
type protection struct {
	enabled, forced bool
	policies        []string
	privileges      []string
}

func protections(ctx context.Context, db *sql.DB, app string) (_ map[string]protection, err error) {
	rows, err := db.QueryContext(ctx, `SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
		array_to_string(ARRAY(SELECT polname FROM pg_policy WHERE polrelid = c.oid), ','),
		array_to_string(ARRAY(SELECT privilege_type FROM aclexplode(c.relacl) WHERE grantee = $1::regrole), ',')
		FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`, rls.Quote(app))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out := make(map[string]protection)
	for rows.Next() {
		var name, policies, privileges string
		var p protection
		if err := rows.Scan(&name, &p.enabled, &p.forced, &policies, &privileges); err != nil {
			return nil, err
		}
		p.policies, p.privileges = strings.Split(policies, ","), strings.Split(privileges, ",")
		out[name] = p
	}
	return out, rows.Err()
}

// protect returns the statements that complete a table's protection, whether the table is new, gets its tenant column
// now, or was created by hand.
func protect(t *schema.Table, has protection, spec doctor.Spec) []string {
	table, app := rls.Quote(t.Name), rls.Quote(spec.AppRole)
	own := rls.Condition(mixin.TenantColumn)
	var out []string
	for _, part := range []struct {
		there bool
		stmt  string
	}{
		{has.enabled, fmt.Sprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", table)},
		{has.forced, fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", table)},
		{
			slices.Contains(has.policies, rls.IsolationPolicy),
			fmt.Sprintf("CREATE POLICY %s ON %s TO %s\n  USING (%s)\n  WITH CHECK (%s)",
				rls.Quote(rls.IsolationPolicy), table, app, own, own),
		},
		{
			slices.Contains(has.policies, rls.FloorPolicy),
			fmt.Sprintf("CREATE POLICY %s ON %s AS RESTRICTIVE TO %s\n  USING (%s)",
				rls.Quote(rls.FloorPolicy), table, app, own),
		},
		{containsAll(has.privileges, spec.Grants[doctor.ClassTenant]), grants(t, doctor.ClassTenant, spec)},
	} {
		if !part.there {
			out = append(out, part.stmt)
		}
	}
	return out
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

func grants(t *schema.Table, class doctor.Class, spec doctor.Spec) string {
	return fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(spec.Grants[class], ", "),
		rls.Quote(t.Name), rls.Quote(spec.AppRole))
}
