package pgtenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// After a read the session is reset, so that the next statement needs only a short check, unless the connection was
// used in between.
func TestReadsResetTheirSession(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	own, pid := h.session(h.asB, t, "search_path")
	for setting, changed := range changes {
		if h.count(t, "select count(current_setting($1, true))", setting) == 0 && setting != rls.Setting {
			continue // not in this release
		}
		before, _ := h.session(h.asB, t, setting)
		var set string
		require.NoError(t,
			pgtenant.QueryRow(h.asA, h, "select set_config($1, $2, false)", setting, changed).Scan(&set), setting)
		after, samePid := h.session(h.asB, t, setting)
		require.Equal(t, before, after, setting)
		require.Equal(t, pid, samePid, setting)
		h.healthy(t)
	}
	short := "select coalesce(sum(generic_plans + custom_plans), 0)::int8 " +
		"from pg_prepared_statements where statement = $1"
	var before, after int
	require.NoError(t, pgtenant.QueryRow(h.asA, h, short, pgtenant.CheckUser).Scan(&before))
	require.NoError(t, pgtenant.QueryRow(h.asA, h, short, pgtenant.CheckUser).Scan(&after))
	require.Equal(t, before+1, after, "the short check is used")

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
	for _, mode := range modes {
		drv, err := pgtenant.Open(t.Context(), h.super.Config().ConnString(),
			pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
		require.NoError(t, err)
		t.Cleanup(func() { _ = drv.Close() })
		for range 2 {
			var before, after, set string
			require.NoError(t, pgtenant.QueryRow(t.Context(), drv, "select current_user").Scan(&before))
			require.NoError(t,
				pgtenant.QueryRow(t.Context(), drv, "select set_config('role', 'konstruct_app', false)").Scan(&set))
			require.NoError(t, pgtenant.QueryRow(t.Context(), drv, "select current_user").Scan(&after))
			require.Equal(t, before, after, mode)
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
	var id int
	require.NoError(t, pgtenant.QueryRow(h.asA, h, "insert into late values (1) returning id").Scan(&id))
	path, newPid := h.session(h.asB, t, "search_path")
	require.Equal(t, own, path)
	require.NotEqual(t, pid, newPid)
	h.healthy(t)

	// Accepted risk: a SELECT counts as a read, and is reset before its function's trigger runs.
	require.NoError(t, pgtenant.QueryRow(h.asA, h, "select write(2)").Scan(&id))
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
			require.NoError(t,
				pgtenant.QueryRow(h.asA, h, "select set_config('search_path', 'nowhere', false)").Scan(&path))
			_, lastPid := h.session(h.asB, t, "search_path")
			require.NotEqual(t, newPid, lastPid, "a read must not reset the session")
			h.healthy(t)
		})
	}
}
