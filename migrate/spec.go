package migrate

import (
	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// publicSchema holds the application's tables.
const publicSchema = "public"

// Spec is the one place that says which tables belong to no tenant, and why. The planner refuses a new table that
// is neither tenant-scoped nor listed here, and the doctor refuses to start.
//
// A project with tables of its own adds them: migrate.Spec().With(doctor.Spec{Global: …}).
func Spec() doctor.Spec {
	snapshot, err := Konstruct().Snapshot()
	if err != nil {
		panic(err) // the file is embedded, and was proven current
	}
	return doctor.Spec{
		Snapshot:     snapshot,
		Schemas:      []string{publicSchema, revisionsSchema},
		OwnerRole:    OwnerRole,
		AppRole:      AppRole,
		ResolverRole: ResolverRole,
		TenantColumn: mixin.TenantColumn,
		TenantsTable: "public.tenants",
		Global: map[string]string{
			"public.tenants":         "the tenants themselves: a platform admin lists all of them",
			"public.portal_users":    "a person may come to work for several tenants, and logs in before any is chosen",
			"public.portal_sessions": "a login belongs to a portal user, and is read before any tenant is known",
			"public.login_attempts":  "counted before anybody is known; its keys are hashes",
		},
		Platform: map[string]string{
			revisionsSchema + "." + revisionsTable: "which migrations were applied: the readiness probe reads it",
			revisionsSchema + "." + snapshotsTable: "what each migration made: a program that is older than the database compares with it",
			revisionsSchema + "." + lockTable:      "what a running migration locks; it has no rows",
		},
		Grants: map[doctor.Class][]string{
			doctor.ClassTenant:   {"SELECT", "INSERT", "UPDATE", "DELETE"},
			doctor.ClassGlobal:   {"SELECT", "INSERT", "UPDATE", "DELETE"},
			doctor.ClassPlatform: {"SELECT"},
		},
		SpanningKeys: map[string]string{
			"public.channelconnection_channel_type_workspace_id": "one workspace belongs to one tenant: webhooks are resolved by it",
		},
		RoleSettings: []string{"statement_timeout=15s", "lock_timeout=3s", "idle_in_transaction_session_timeout=30s"},
		Definers: map[string]doctor.Definer{
			"public.resolve_tenant(text, text)": resolver(),
		},
	}
}

func resolver() doctor.Definer {
	return doctor.Definer{
		Why:   "a webhook names a workspace, and its tenant has to be found before any tenant is known",
		Owner: ResolverRole,
	}
}
