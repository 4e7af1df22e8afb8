package main

import (
	"fmt"
	"strings"
)

// unless removes a condition from a definer function, as PostgreSQL prints it.
func unless(function, condition string) string {
	return fmt.Sprintf(`DO $do$ DECLARE was text := pg_get_functiondef('%s'::regprocedure); bare text := replace(was, $c$%s$c$, 'true');
		BEGIN IF bare = was THEN RAISE 'the function has no such condition'; END IF; EXECUTE bare; END $do$`, function, condition)
}

// answering is a saboteur of a function that answers before a tenant is known.
func answering(function, name, removes, condition, attack string) saboteur {
	bare, _, _ := strings.Cut(function, "(")
	return saboteur{
		id: "function-" + strings.ReplaceAll(bare, "_", "-") + "-" + name, removes: removes,
		plant: unless("public."+function, condition), doctor: []string{"definer.differs"}, attacks: []string{attack},
	}
}

func peopleSaboteurs() []saboteur {
	const (
		role, tenants, user = "session_role(text, uuid)", "session_tenants(text)", "user_tenants(text, uuid)"
		unproven            = "((u.unproven_tenant_id IS NULL) OR (u.unproven_tenant_id = m.tenant_id))"
	)
	all := []saboteur{
		answering(role, "tenant", "that `session_role` answers for the given tenant", "(m.tenant_id = session_role.tenant_id)", "E50-role-elsewhere"),
		answering(role, "unproven", "that an unproven address has a role in its own tenant only",
			"((u.unproven_tenant_id IS NULL) OR (u.unproven_tenant_id = session_role.tenant_id))", "E50-unproven"),
		answering(tenants, "unproven", "that an unproven address is shown its own tenant only", unproven, "E50-unproven"),
		answering(user, "admin", "that only a platform admin asks for a person's tenants", "u.is_admin", "E50-no-admin"),
		answering(role, "hash", "that a role is a session's", "(s.token_hash = session_role.token_hash)", "E52-no-session"),
		answering("invitation_tenant(text)", "hash", "that a link is an invitation's", "(i.token_hash = invitation_tenant.token_hash)", "E54-no-link"),
		answering("expire_audit_events(integer)", "tenant", "that a tenant expires its own audit events only",
			`(c.tenant_id = ( SELECT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid AS "nullif"))`, "E61-expire"),
		answering("expire_platform_audit_events(integer)", "age", "that platform events are kept for 365 days",
			"(c.created_at < (now() - '365 days'::interval))", "E61-expire-platform"),
		{
			id: "policy-resolver-expiry", removes: "that audit events are kept for 365 days (the resolver's policies)",
			plant:  "ALTER POLICY resolver_lookup ON audit_events USING (true); ALTER POLICY resolver_expiry ON audit_events USING (true)",
			doctor: []string{"policy.differs"}, attacks: []string{"E61-expire-young"},
		},
		{
			id: "grant-append-only", removes: "that the application may not UPDATE audit events",
			plant:  "GRANT UPDATE ON audit_events TO konstruct_app",
			doctor: []string{"grant.table"}, attacks: []string{"A10-append-only"},
		},
		{
			id: "grant-append-only-platform", removes: "that the application may not DELETE platform events",
			plant:  "GRANT DELETE ON platform_audit_events TO konstruct_app",
			doctor: []string{"grant.table"}, attacks: []string{"A10-append-only"},
		},
		{
			id: "key-of-links", removes: "that a link belongs to one tenant (its unique key)",
			held:   "a link is 32 random bytes, so no two are the same",
			plant:  "DROP INDEX invitation_token_hash",
			doctor: []string{"schema.missing"},
		},
	}
	for _, function := range []string{role, tenants, user} {
		bare, _, _ := strings.Cut(function, "(")
		for _, ended := range []struct{ name, how, condition string }{
			{"revoked", "is revoked", "(s.revoked_at IS NULL)"},
			{"expired", "has expired", "(s.expires_at > now())"},
			{"idle", "is idle for 12 hours", "(s.last_seen_at > (now() - '12:00:00'::interval))"},
			{"disabled", "is a disabled person's", "(u.disabled_at IS NULL)"},
		} {
			all = append(all, answering(function, ended.name,
				"that `"+bare+"` refuses a session that "+ended.how, ended.condition, "E51-"+ended.name))
		}
	}
	return all
}
