package endtoend_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// createAudit creates a table outside the migrations that the application role can read.
const createAudit = "create table public.audit (id int); grant select on public.audit to konstruct_app"

// Commands reject an unknown object unless KONSTRUCT_DOCTOR_KNOWN lists it.
func TestKnownObjects(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	execute(t, db.OwnerURL, createAudit)
	env := serveEnvironment(t, db.AppURL)
	for _, command := range []string{"doctor", "serve"} {
		require.Contains(t, run(t, env, unsafe, command), "public.audit")
	}
	env["KONSTRUCT_DOCTOR_KNOWN"] = "reporting.*; public.audit"
	require.Contains(t, run(t, env, 0, "doctor"), "schema.outside  table public.audit")
	start(t, env, "serve").client(t)
}

// The attacks include the product's resolver, with the tenants' channel connections.
func TestDoctorAttacksALiveSystem(t *testing.T) {
	t.Parallel()
	b := setupServer(t, nil)
	b.admin.post(t, http.StatusCreated, strings.Replace(b.agents, "agents", "channel-connections", 1),
		object{"channel_type": "slack", "workspace_id": "T0ACME"})
	b.admin.createTenant(t, "other")
	env := serveEnvironment(t, b.db.AppURL)
	run(t, env, 0, "doctor --attack")
	execute(t, b.db.SuperURL, `create or replace function public.resolve_tenant(channel_type text, workspace_id text)
		returns uuid language sql stable strict security definer begin atomic select null::uuid; end`)
	require.Contains(t, run(t, env, unsafe, "doctor --attack"), "L11-resolver-own")

	// A member's session that has ended keeps its role.
	execute(t, b.db.SuperURL, `with person as (insert into portal_users (id, email, hashed_password, name)
			values (gen_random_uuid(), 'ended@example.com', 'none', 'Ended') returning id),
		session as (insert into portal_sessions (token_hash, user_id, expires_at, revoked_at)
			select repeat('0', 64), id, now() + interval '1 hour', now() from person)
		insert into memberships (id, tenant_id, user_id, role) select gen_random_uuid(), t.id, p.id, 'viewer'
			from tenants t, person p`)
	require.NotContains(t, run(t, env, unsafe, "doctor --attack"), "L17-answers")
	execute(t, b.db.SuperURL, `create or replace function public.session_role(token_hash text, tenant_id uuid)
		returns text language sql stable strict security definer begin atomic select m.role from public.portal_sessions s
		join public.memberships m using (user_id) where s.token_hash = session_role.token_hash and m.tenant_id = session_role.tenant_id; end`)
	require.Contains(t, run(t, env, unsafe, "doctor --attack"), "BREACH L17-answers")
}

func TestKnownObjectsOfADevelopmentSystem(t *testing.T) {
	t.Parallel()
	folder, env := devFolder(t), environment{}
	dev := startDev(t, env, folder)
	execute(t, devURL(t, "owner", folder, dev), createAudit)
	require.Contains(t, run(t, env, unsafe, "dev --data "+folder), "public.audit")
	env["KONSTRUCT_DOCTOR_KNOWN"] = "public.audit"
	startDev(t, env, folder)
}
