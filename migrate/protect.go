package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// protection is what protects a table of the replayed database.
type protection struct {
	Table                string
	Enabled, Forced      bool
	Policies, Privileges []string
}

// protections returns those of all tables, by name. app is the role whose privileges count.
func (s *scratch) protections(ctx context.Context, app string) (map[string]protection, error) {
	conn, err := s.superuser(ctx)
	if err != nil {
		return nil, err
	}
	defer closeConn(ctx, conn)
	rows, _ := conn.Query(ctx, `SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
		ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid),
		ARRAY(SELECT privilege_type FROM aclexplode(c.relacl) WHERE grantee = $1::regrole)
		FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`, rls.Quote(app))
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[protection])
	out := make(map[string]protection)
	for _, p := range found {
		out[p.Table] = p
	}
	return out, err
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
		{has.Enabled, fmt.Sprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", table)},
		{has.Forced, fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", table)},
		{
			slices.Contains(has.Policies, rls.IsolationPolicy),
			fmt.Sprintf("CREATE POLICY %s ON %s TO %s\n  USING (%s)\n  WITH CHECK (%s)",
				rls.Quote(rls.IsolationPolicy), table, app, own, own),
		},
		{
			slices.Contains(has.Policies, rls.FloorPolicy),
			fmt.Sprintf("CREATE POLICY %s ON %s AS RESTRICTIVE TO %s\n  USING (%s)",
				rls.Quote(rls.FloorPolicy), table, app, own),
		},
		{
			containsAll(has.Privileges, spec.PrivilegesOn(qualified(t), doctor.ClassTenant)),
			grants(t, doctor.ClassTenant, spec),
		},
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
	return fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(spec.PrivilegesOn(qualified(t), class), ", "),
		rls.Quote(t.Name), rls.Quote(spec.AppRole))
}
