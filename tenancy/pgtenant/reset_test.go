package pgtenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// After a read the session is reset, so that the next statement needs only a short check, unless the connection was
// used in between.
func TestReadsResetTheirSession(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	own, pid := h.session(h.asB, t, "search_path")
	for setting, changed := range h.changes(t) {
		before, _ := h.session(h.asB, t, setting)
		read[string](h.asA, t, h, "select set_config($1, $2, false)", setting, changed)
		after, samePid := h.session(h.asB, t, setting)
		require.Equal(t, before, after, setting)
		require.Equal(t, pid, samePid, setting)
		h.healthy(t)
	}
	short := "select coalesce(sum(generic_plans + custom_plans), 0)::int8 " +
		"from pg_prepared_statements where statement = $1"
	before := read[int](h.asA, t, h, short, pgtenant.CheckUser)
	require.Equal(t, before+1, read[int](h.asA, t, h, short, pgtenant.CheckUser), "the short check is used")

	conn, err := h.Pool().Acquire(t.Context())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "set search_path = nowhere")
	require.NoError(t, err)
	conn.Release()
	path, otherPid := h.session(h.asB, t, "search_path")
	require.Equal(t, own, path)
	require.NotEqual(t, pid, otherPid, "a session changed by another user is replaced")
	h.healthy(t)
}

// RESET ALL does not reset the role, so the short check compares it.
func TestAReadChangesItsRole(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.url = h.super.Config().ConnString()
	for _, mode := range modes {
		drv := h.open(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
		for range 2 {
			before := read[string](t.Context(), t, drv, "select current_user")
			read[string](t.Context(), t, drv, "select set_config('role', 'konstruct_app', false)")
			require.Equal(t, before, read[string](t.Context(), t, drv, "select current_user"), mode)
		}
	}
}

// A deferred trigger runs when its transaction commits, after all statements.
func TestADeferredTriggerChangesTheSession(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	h.admin(t, `
		create table late (id int primary key);
		grant select, insert on late to konstruct_app;
		create function poison() returns trigger language plpgsql as
			$$ begin perform set_config('search_path', 'nowhere', false); return null; end $$;
		create function write(n int) returns int language sql as 'insert into late values (n) returning id';
		create constraint trigger late after insert on late deferrable initially deferred
			for each row execute function poison()`)
	own, pid := h.session(h.asB, t, "search_path")
	read[int](h.asA, t, h, "insert into late values (1) returning id")
	path, newPid := h.session(h.asB, t, "search_path")
	require.Equal(t, own, path)
	require.NotEqual(t, pid, newPid)
	h.healthy(t)

	// Accepted risk: a SELECT counts as a read, and is reset before its function's trigger runs.
	read[int](h.asA, t, h, "select write(2)")
	path, _ = h.session(h.asB, t, "search_path")
	require.Equal(t, "nowhere", path)
	path, _ = h.session(h.asB, t, "search_path")
	require.Equal(t, own, path)
}

// Behind a pooler other clients use the session in between, so nothing is reset and all settings are compared.
func TestSharedSessionsAreCheckedWhole(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := setup(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			conn, err := h.Pool().Acquire(t.Context())
			require.NoError(t, err)
			shared := conn.Conn().PgConn()
			conn.Release()
			own, pid := h.session(h.asB, t, "search_path")
			_, err = shared.ExecParams(t.Context(), "set search_path = nowhere", nil, nil, nil, nil).Close()
			require.NoError(t, err)
			path, newPid := h.session(h.asB, t, "search_path")
			require.Equal(t, own, path)
			require.NotEqual(t, pid, newPid)
			read[string](h.asA, t, h, "select set_config('search_path', 'nowhere', false)")
			_, lastPid := h.session(h.asB, t, "search_path")
			require.NotEqual(t, newPid, lastPid, "a read must not reset the session")
			h.healthy(t)
		})
	}
}
