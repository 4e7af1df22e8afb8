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
		SpanningKeys: map[string]string{
			"public.channelconnection_channel_type_workspace_id": "webhooks look up their tenant by it",
		},
		RoleSettings: []string{"statement_timeout=15s", "lock_timeout=3s", "idle_in_transaction_session_timeout=30s"},
		Definers: map[string]doctor.Definer{
			"public.resolve_tenant(text, text)": {
				Why:   "a webhook names a workspace, and its tenant must be found before the tenant is known",
				Owner: ResolverRole,
			},
		},
	}
}
