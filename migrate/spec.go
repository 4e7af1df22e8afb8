package migrate

import (
	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// publicSchema has the application's tables.
const publicSchema = "public"

// Spec returns Konstruct's spec, the only list of tables without a tenant. The planner refuses a new table that is
// neither tenant-scoped nor listed, and the server refuses to start.
//
// A project adds its own tables with migrate.Spec().With(doctor.Spec{Global: …}).
func Spec() doctor.Spec {
	snapshot, err := Konstruct().Snapshot()
	if err != nil {
		panic(err) // the file is embedded and tested
	}
	return doctor.Spec{
		Snapshot:     snapshot,
		Schemas:      []string{publicSchema, revisionsSchema},
		OwnerRole:    OwnerRole,
		AppRole:      AppRole,
		TenantColumn: mixin.TenantColumn,
		TenantsTable: "public.tenants",
		Global: map[string]string{
			"public.tenants":         "the tenants themselves, which a platform admin lists",
			"public.portal_users":    "a person can belong to several tenants and logs in before choosing one",
			"public.portal_sessions": "a session belongs to a portal user and is read before the tenant is known",
			"public.login_attempts":  "counted before the user is known; keys are hashes",
			"public.portal_links":    "a link of a portal user, who may belong to several tenants",
			"public.mail_outbox":     "ids of what is to be mailed, to users of any tenant or of none",
			"public.tenant_purges":   "remains after its tenant is deleted",

			"public.platform_audit_events":     "what was done outside of a tenant",
			"public.platform_idempotency_keys": "answers to requests outside of a tenant",
		},
		Platform: map[string]string{
			revisionsSchema + "." + revisionsTable: "applied migrations, which the readiness probe reads",
			revisionsSchema + "." + snapshotsTable: "what each migration made, for programs older than the database",
			revisionsSchema + "." + lockTable:      "locked by a running migration; has no rows",
		},
		Grants: map[doctor.Class][]string{
			doctor.ClassTenant:   {"SELECT", "INSERT", "UPDATE", "DELETE"},
			doctor.ClassGlobal:   {"SELECT", "INSERT", "UPDATE", "DELETE"},
			doctor.ClassPlatform: {"SELECT"},
		},
		AppendOnly: map[string]string{
			"public.audit_events":          "what was done cannot be changed afterwards",
			"public.platform_audit_events": "what was done cannot be changed afterwards",
		},
		SpanningKeys: map[string]string{ //nolint:gosec // names of indexes
			"public.channelconnection_channel_type_workspace_id": "webhooks look up their tenant by it",
			"public.invitation_token_hash":                       "a link names no tenant",
		},
		RoleSettings: []string{"statement_timeout=15s", "lock_timeout=3s", "idle_in_transaction_session_timeout=30s"},
		Definers:     definers(),
	}
}

// definers are the functions that run as the resolver's role.
func definers() map[string]doctor.Definer {
	all := make(map[string]doctor.Definer)
	for signature, why := range map[string]string{
		"public.resolve_tenant(text, text)":            "a webhook names a workspace only",
		"public.session_role(text, uuid)":              "read before the tenant may be entered",
		"public.session_tenants(text)":                 "listed before a tenant is chosen",
		"public.user_tenants(text, uuid)":              "a platform admin acts on users across tenants",
		"public.invitation_tenant(text)":               "a link names a token only",
		"public.expire_audit_events(integer)":          "the application may not delete events itself",
		"public.expire_platform_audit_events(integer)": "the application may not delete events itself",
	} {
		all[signature] = doctor.Definer{Why: why, Owner: ResolverRole}
	}
	return all
}
