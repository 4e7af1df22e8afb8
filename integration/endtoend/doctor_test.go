package endtoend_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// unsafe is the exit code of a command that found isolation broken.
const unsafe = 4

// plantAudit makes a table that no migration made, within the application's reach.
func plantAudit(t *testing.T, ownerURL string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), ownerURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	for _, statement := range []string{"CREATE TABLE public.audit (id int)", "GRANT SELECT ON public.audit TO konstruct_app"} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
}

// An object that KONSTRUCT_DOCTOR_KNOWN lists is refused by no command, and without the list by every one.
func TestKnownObjects(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	plantAudit(t, db.OwnerURL)
	env := served(t, db)
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

// The command attacks the product's own resolver, with what the tenants know of their connections.
func TestDoctorAttacksALiveSystem(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, nil)
	f.admin.do(t, http.StatusCreated, http.MethodPost, strings.Replace(f.agents, "agents", "channel-connections", 1),
		object{"channel_type": "slack", "workspace_id": "T0ACME"})
	f.admin.createTenant(t, "other")
	env := served(t, f.db)
	out, code := run(t, env, "", "doctor", "--attack")
	require.Zero(t, code, out)
	execute(t, f.db.SuperURL, `create or replace function public.resolve_tenant(channel_type text, workspace_id text) returns uuid
		language sql stable strict security definer begin atomic select null::uuid; end`)
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
	plantAudit(t, devURLOf(t, "owner", folder, dev.wait(t, `PostgreSQL \S+ on (\S+),`)))

	out, code := run(t, env, "", "dev", "--data", folder)
	require.Equal(t, unsafe, code, out)
	require.Contains(t, out, "public.audit")
	env["KONSTRUCT_DOCTOR_KNOWN"] = "public.audit"
	start(t, env, "dev", "--data", folder).wait(t, `msg=listening`)
}
