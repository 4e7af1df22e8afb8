package endtoend_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

const (
	// unsafe is the exit code if isolation is broken.
	unsafe = 4
	// createAudit creates a table outside the migrations that the application role can read.
	createAudit = "create table public.audit (id int); grant select on public.audit to konstruct_app"
)

// Commands reject an unknown object unless KONSTRUCT_DOCTOR_KNOWN lists it.
func TestKnownObjects(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	execute(t, db.OwnerURL, createAudit)
	env := serveEnvironment(t, db)
	for _, command := range []string{"doctor", "serve"} {
		out, code := run(t, env, "", command)
		require.Equal(t, unsafe, code, out)
		require.Contains(t, out, "public.audit")
	}
	env["KONSTRUCT_DOCTOR_KNOWN"] = "reporting.*; public.audit"
	out, code := run(t, env, "", "doctor")
	require.Zero(t, code, out)
	require.Contains(t, out, "schema.outside  table public.audit")
	start(t, env, "serve").wait(t, `msg=listening`)
}

// The attacks include the product's resolver, with the tenants' channel connections.
func TestDoctorAttacksALiveSystem(t *testing.T) {
	t.Parallel()
	b := setupServer(t, nil)
	b.admin.do(t, http.StatusCreated, http.MethodPost, strings.Replace(b.agents, "agents", "channel-connections", 1),
		object{"channel_type": "slack", "workspace_id": "T0ACME"})
	b.admin.createTenant(t, "other")
	env := serveEnvironment(t, b.db)
	out, code := run(t, env, "", "doctor", "--attack")
	require.Zero(t, code, out)
	execute(t, b.db.SuperURL, `create or replace function public.resolve_tenant(channel_type text, workspace_id text)
		returns uuid language sql stable strict security definer begin atomic select null::uuid; end`)
	out, code = run(t, env, "", "doctor", "--attack")
	require.Equal(t, unsafe, code, out)
	require.Contains(t, out, "L11-resolver-own")
}

func TestKnownObjectsOfADevelopmentSystem(t *testing.T) {
	t.Parallel()
	folder := devFolder(t)
	env := environment{"KONSTRUCT_LISTEN_ADDR": "127.0.0.1:0"}
	dev := start(t, env, "dev", "--data", folder)
	dev.wait(t, `msg=listening`)
	execute(t, devURL(t, "owner", folder, dev.wait(t, `PostgreSQL \S+ on (\S+),`)), createAudit)
	out, code := run(t, env, "", "dev", "--data", folder)
	require.Equal(t, unsafe, code, out)
	require.Contains(t, out, "public.audit")
	env["KONSTRUCT_DOCTOR_KNOWN"] = "public.audit"
	start(t, env, "dev", "--data", folder).wait(t, `msg=listening`)
}
