package pgtenant_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const shortly = 50 * time.Millisecond

// slow takes longer than cancelTimeout (2 s) and less than the acquire timeout (5 s): a cancel request that arrives
// before its statement has no effect.
const slow = "select pg_sleep(3)"

func TestCanceled(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx, cancel := context.WithCancel(h.asA)
		time.AfterFunc(shortly, cancel)
		require.ErrorIs(t, exec(ctx, h, slow), context.Canceled)
		require.ErrorIs(t, exec(ctx, h, "select 1"), context.Canceled, "also before anything is sent")
		h.healthy(t)
	})
}

// A direct connection is kept, so that a burst of cancels does not become a burst of logins.
func TestDeadline(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	before := h.pid(t)
	ctx, cancel := context.WithTimeout(h.asA, shortly)
	defer cancel()
	require.ErrorIs(t, exec(ctx, h, slow), context.DeadlineExceeded)
	require.Equal(t, before, h.pid(t))
	h.healthy(t)
}

// The server's timeout has the SQLSTATE of a cancel, but no context ended.
func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.url += "&statement_timeout=100"
	h.Driver = h.open(t, pgtenant.WithMaxConns(1))
	err := exec(h.asA, h, "select pg_sleep(10)")
	requireCode(t, "57014", err)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, pgtenant.ErrOutcomeUnknown, "the server refused it")
	h.healthy(t)
}

// While a statement is prepared, the server's timeout also runs between its answer and the end of the pipeline.
func TestStatementTimeoutAfterPrepare(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		if h.mode == "exec" { // prepares nothing
			return
		}
		proxy := h.proxied(t, pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(h.mode))
		h.healthy(t)
		tx := h.begin(h.asA, t)
		require.NoError(t, exec(h.asA, tx, "select set_config('statement_timeout', '20ms', true)"))
		proxy.DelaySync(200 * time.Millisecond)
		requireCode(t, "57014", exec(h.asA, tx, "select 1 + 1"))
		proxy.DelaySync(0)
		require.Error(t, tx.Commit())
		h.healthy(t)
	})
}

// Rows before a failure must not count as the whole result.
func TestFailureInTheMiddleOfAResult(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		r := openRows(h.asA, t, h, "select 1 / (100000 - n) from generate_series(1, 200000) n")
		n := 0
		for r.Next() {
			n++
		}
		require.Positive(t, n)
		require.Less(t, n, 200000)
		requireCode(t, "22012", r.Err())
		require.Error(t, r.Close())
		h.healthy(t)
	})
}

func TestCancelInTheMiddleOfAResult(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx, cancel := context.WithCancel(h.asA)
		defer cancel()
		r := openRows(ctx, t, h, "select n, pg_sleep(0.0005) from generate_series(1, 100000) n")
		for r.Next() {
			cancel()
		}
		require.ErrorIs(t, r.Err(), context.Canceled)
		h.healthy(t)
	})
}

// A server that ends a session reports it before the statement is complete, which rolls it back.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		var terminated sync.WaitGroup
		terminated.Go(func() {
			h.sleeping(t)
			h.terminate(t)
		})
		key := unique()
		err := exec(h.asA, h, "with s as (select pg_sleep(10)) "+
			"insert into login_attempts (key, count, window_ends) select $1, 1, now() from s", key)
		terminated.Wait()
		requireNoEffect(t, err, "rolled back")
		require.ErrorIs(t, err, pgtenant.ErrConnection)
		require.Zero(t, h.written(t, key))
		h.healthy(t)
	})
}

func TestServerGoesAwayInTransaction(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	ctx, key, tx := h.asA, unique(), h.begin(h.asA, t)
	require.NoError(t, exec(ctx, tx, writeGlobal, key))
	h.terminate(t)
	require.Error(t, exec(ctx, tx, writeGlobal, key+"2"))
	require.ErrorIs(t, tx.Commit(), pgtenant.ErrTxAborted)
	require.Zero(t, h.written(t, key))
	h.healthy(t)
}

func (h *testBundle) sleeping(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		return h.count(t, "select count(*) from pg_stat_activity "+
			"where datname = current_database() and wait_event = 'PgSleep'") > 0
	}, 10*time.Second, time.Millisecond)
}

// terminate ends every connection except the superuser's.
func (h *testBundle) terminate(t *testing.T) {
	t.Helper()
	require.Positive(t, h.count(t, `select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid()`))
}

func TestErrorsCarryNoValues(t *testing.T) {
	t.Parallel()
	const secret = "xoxb-canary-7f3a"
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx := h.asA
		for name, query := range map[string]string{
			"an invalid uuid":   "select $1::uuid",
			"an invalid number": "select $1::int",
			"a CHECK": "insert into agents (id, name, tool_assignments) " +
				"values (gen_random_uuid(), $1, '{}')",
			"NOT NULL": "insert into agents (id, name, role) values (gen_random_uuid(), $1, null)",
			"a policy": "insert into agents (id, tenant_id, name) " +
				"values (gen_random_uuid(), gen_random_uuid(), $1)",
			"invalid JSON":               "select $1::jsonb",
			"a cast of a column's value": "with x as (select $1::text v) select v::int from x",
		} {
			err := exec(ctx, h, query, secret)
			require.Error(t, err, name)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret, name)
		}
		h.healthy(t)
	})
}

// pgx repeats a value that it can't encode.
func TestEncodingErrorsCarryNoValues(t *testing.T) {
	t.Parallel()
	const secret = "xoxb-canary-7f3a"
	eachMode(t, func(t *testing.T, h *testBundle) {
		err := exec(h.asA, h, "select $1::uuid", []string{secret})
		require.Error(t, err)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
		if h.mode != "exec" { // in which types are unknown, and the server reports it
			require.ErrorIs(t, err, pgtenant.ErrArgument)
		}
		h.healthy(t)
	})
}

func TestTenantLimit(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(4), pgtenant.WithAcquireTimeout(20*shortly))
	first, _ := h.hold(h.asA, t), h.hold(h.asA, t)
	for range 3 {
		require.ErrorIs(t, exec(h.asA, h, "select 1"), pgtenant.ErrPoolBusy)
		require.Equal(t, "b1", h.names(h.asB, t), "another tenant is not affected")
	}
	first() // the limit applies until the last of two ends
	h.hold(h.asA, t)
	require.ErrorIs(t, exec(h.asA, h, "select 1"), pgtenant.ErrPoolBusy)

	h.hold(h.asB, t)
	h.hold(t.Context(), t)
	require.ErrorIs(t, exec(h.asB, h, "select 1"), pgtenant.ErrPoolBusy, "within its limit, but the pool is empty")
}

// If the context ends while a statement fails because of a changed session, it is too late to resend the statement, and
// the cause is the context.
func TestContextEndsInAChangedSession(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		proxy := h.proxied(t, pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(h.mode))
		const prepared = "update agents set role = 'x'"
		tries := map[string]func(ctx context.Context) error{
			"unprepared": func(ctx context.Context) error { return exec(ctx, h, prepared+" where name = '"+unique()+"'") },
			"prepared":   func(ctx context.Context) error { return exec(ctx, h, prepared) },
			"transaction": func(ctx context.Context) error {
				return pgtenant.InTx(ctx, h.Tx, func(ctx context.Context, tx dialect.Tx) error { return exec(ctx, tx, prepared) })
			},
		}
		for _, change := range []string{
			"'row_security', 'off'", "'search_path', 'nowhere'", "'statement_timeout', '1'", "'exit_on_error', 'on'",
		} {
			for name, try := range tries {
				require.NoError(t, try(h.asA))
				require.NoError(t, exec(h.asA, h, "select set_config("+change+", false)"))
				proxy.Delay(shortly)
				err := try(lateContext{h.asA, time.Now().Add(shortly / 2)})
				proxy.Delay(0)
				require.ErrorIs(t, err, context.DeadlineExceeded, "%s, %s", change, name)
				requireNoEffect(t, err, name)
				h.healthy(t)
			}
		}
	})
}

// lateContext ends without waking those who wait for it.
type lateContext struct {
	context.Context

	ends time.Time
}

func (c lateContext) Err() error {
	if time.Now().After(c.ends) {
		return context.DeadlineExceeded
	}
	return nil
}
