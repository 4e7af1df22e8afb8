package pgtenant_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// After a migration changed its columns, PostgreSQL refuses a prepared statement before it runs, and it is resent.
func TestStalePlans(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx := h.asA
		pid := h.pid(t)
		key := unique()
		uses := map[string]func() error{
			"query": func() error { return second(h.client.Agent.Query().All(ctx)) },
			"write with rows": func() error {
				return pgtenant.QueryRow(ctx, h, "update agents set role = role || 'x' returning name").Scan(new(string))
			},
			"all columns": func() error { return exec(ctx, h, "table agents") },
			"a transaction's first statement": func() error {
				return h.inTx(ctx, func(ctx context.Context, tx *ent.Tx) error {
					return errors.Join(
						second(tx.Agent.Query().All(ctx)), tx.Agent.Update().SetPersona(key).Exec(ctx))
				})
			},
		}
		for name, use := range uses {
			require.NoError(t, use(), name)
		}
		for i, change := range []string{
			"alter table agents alter column name type varchar(%d)",
			"alter table agents add column further%d text",
			"alter table agents alter column name type varchar(1%d)",
		} {
			for name, use := range uses {
				h.admin(t, fmt.Sprintf(change, 500+len(name)+i))
				before := h.count(t, "select length(role) from agents where name = 'a1'")
				require.NoError(t, use(), "%s after %s", name, change)
				after := h.count(t, "select length(role) from agents where name = 'a1'")
				require.Equal(t, name == "write with rows", after == before+1, "a write must run once")
			}
		}
		require.Equal(t, pid, h.pid(t), "the connection is kept")
		h.healthy(t)
	})
}

// Later in a transaction a stale plan is returned as an error, and the next use works.
func TestStalePlanInATransaction(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	ctx := h.asA
	use := func() error {
		return h.inTx(ctx, func(ctx context.Context, tx *ent.Tx) error {
			return errors.Join(tx.Agent.Update().SetRole("written").Exec(ctx), second(tx.Agent.Query().All(ctx)))
		})
	}
	require.NoError(t, use())
	h.admin(t, "update agents set role = ''; alter table agents alter column name type varchar(500)")
	err := use()
	requireCode(t, "0A000", err)
	requireNoEffect(t, err, "the transaction was rolled back")
	require.Zero(t, h.count(t, "select count(*) from agents where role = 'written'"))
	require.NoError(t, use())
	require.Equal(t, 1, h.count(t, "select count(*) from agents where role = 'written'"))
	h.healthy(t)
}

// A statement that is no longer prepared on the server is resent.
func TestMissingPreparedStatements(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	ctx := h.asA
	lose := func() {
		conn, err := h.Pool().Acquire(t.Context())
		require.NoError(t, err)
		defer conn.Release()
		_, err = conn.Conn().PgConn().ExecParams(t.Context(), "deallocate all", nil, nil, nil, nil).Close()
		require.NoError(t, err)
	}
	key := unique()
	require.NoError(t, exec(ctx, h, writeGlobal, key))
	for range 2 {
		lose()
		key := unique()
		require.NoError(t, exec(ctx, h, writeGlobal, key))
		require.Equal(t, 1, h.written(t, key))
		lose()
		require.NoError(t, h.inTx(ctx, func(ctx context.Context, tx *ent.Tx) error {
			return tx.Agent.Update().SetRole("x").Exec(ctx)
		}))
		lose()
		h.healthy(t)
	}
}

// The number of prepared statements is bounded, also on the server. A dropped one is prepared again.
func TestPreparedStatementsAreBounded(t *testing.T) {
	t.Parallel()
	const capacity, own = 4, 4
	for mode, setting := range map[string]string{
		"cache_statement": "statement_cache_capacity", "cache_describe": "description_cache_capacity",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := setup(t)
			h.url += fmt.Sprintf("&%s=%d", setting, capacity)
			drv := h.open(t, pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(mode))
			for range 2 {
				for i := range 3 * capacity {
					var n, prepared int
					query := fmt.Sprintf("select %d, (select count(*) from pg_prepared_statements)", i)
					require.NoError(t, pgtenant.QueryRow(t.Context(), drv, query).Scan(&n, &prepared))
					require.Equal(t, i, n)
					require.LessOrEqual(t, prepared, capacity+own+1, "plus the last dropped one")
				}
			}
			kept, err := pgtenant.Cached(t.Context(), drv)
			require.NoError(t, err)
			require.Equal(t, capacity, kept)
		})
	}
}

// After a migration changed the types of parameters, a statement may fail once.
func TestChangedParameterTypes(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		h.admin(t, "create table changing (code text, n int4); grant select, insert on changing to konstruct_app")
		code := unique()
		uses := map[string]func() error{
			"compared": func() error {
				return pgtenant.QueryRow(h.asA, h, "select count(*) from changing where code = $1", code).Scan(new(int))
			},
			"stored": func() error {
				return exec(h.asA, h, "insert into changing (code) values ($1)", code)
			},
			"out of int": func() error {
				return exec(h.asA, h, "insert into changing (n) values ($1)", 3e9)
			},
		}
		for _, use := range uses {
			_ = use()
		}
		h.admin(t, "alter table changing alter code type uuid using code::uuid, alter n type int8")
		for name, use := range uses {
			_ = use()
			require.NoError(t, use(), name)
		}
	})
}

// A statement prepared under a transaction's settings does not outlive it, even if it was not sent.
func TestUnsentStatementsAreNotKept(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		const query = `select ('2020-01-01 00:00'::timestamptz at time zone 'UTC')::text || '\x' || $1::int4::text`
		tx := h.begin(h.asA, t)
		read[string](h.asA, t, tx, "select set_config('timezone', 'America/New_York', true)")
		require.Error(t, pgtenant.QueryRow(h.asA, tx, query, int64(1)<<40).Scan(new(string)))
		require.NoError(t, tx.Rollback())
		require.Equal(t, `2020-01-01 00:00:00\x1`, read[string](h.asB, t, h, query, 1))
	})
}

// An argument that can't be encoded does not abort the transaction, since nothing was sent.
func TestArgumentErrorDoesNotAbort(t *testing.T) {
	t.Parallel()
	h := setup(t)
	tx := h.begin(h.asA, t)
	read[int](h.asA, t, tx, "select 1")
	require.ErrorIs(t, exec(h.asA, tx, "select $1::int4", int64(1)<<40), pgtenant.ErrArgument)
	require.ErrorIs(t, pgtenant.QueryRow(h.asA, tx, "select $1::int4", int64(1)<<40).Scan(new(int)), pgtenant.ErrArgument)
	read[int](h.asA, t, tx, "select 2")
	require.NoError(t, tx.Commit())
}

func TestDeallocateInATransaction(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		tx := h.begin(h.asA, t)
		for range 2 {
			read[int](h.asA, t, tx, "select 1")
			require.NoError(t, exec(h.asA, tx, "deallocate all"))
		}
		require.NoError(t, tx.Commit())
		h.healthy(t)
	})
}

// A prepared FETCH keeps no description: a cursor of the same name may have other columns.
func TestFetchOfAnotherCursor(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		tx := h.begin(h.asA, t)
		for _, query := range []string{"select 7::int8", "select 'abcdefgh'::text", "select 1::int4, 'two'::text"} {
			require.NoError(t, exec(h.asA, tx, "declare c cursor for "+query))
			var want, got [2]any
			columns := strings.Count(query, "::")
			require.NoError(t, pgtenant.QueryRow(h.asA, tx, query).Scan(pointers(want[:columns])...))
			require.NoError(t, pgtenant.QueryRow(h.asA, tx, "fetch c").Scan(pointers(got[:columns])...))
			require.Equal(t, want, got, query)
			require.NoError(t, exec(h.asA, tx, "close c"))
		}
	})
}

func pointers(values []any) (out []any) {
	for i := range values {
		out = append(out, &values[i])
	}
	return out
}

// The columns of a fully read result do not change when its connection is reused.
func TestColumnsOutliveTheirConnection(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		rows := openRows(h.asA, t, h, "update agents set role = 'x' returning name, is_active")
		defer func() { _ = rows.Close() }()
		require.NoError(t, exec(h.asB, h, "select 1 as x, 2 as y, 3 as z"))
		columns, err := rows.Columns()
		require.NoError(t, err)
		require.Equal(t, []string{"name", "is_active"}, columns)
		require.True(t, rows.Next())
		var name string
		var active bool
		require.NoError(t, rows.Scan(&name, &active))
		require.Equal(t, "a1", name)
		require.True(t, active)
	})
}

// Behind a pooler another client may use the same name for another text, so cache_statement is refused before anything
// is prepared.
func TestNamedStatementsNeedADirectConnection(t *testing.T) {
	t.Parallel()
	h := setup(t)
	url := h.url
	for _, mode := range modes {
		h.url = url + "&default_query_exec_mode=" + mode
		drv, err := pgtenant.New(h.pool(t, func(c *pgx.ConnConfig) {
			dial := c.DialFunc
			c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return pooled{conn}, err
			}
		}))
		require.NoError(t, err)
		var named int
		err = pgtenant.QueryRow(h.asA, drv, "select count(*) from pg_prepared_statements").Scan(&named)
		require.Equal(t, mode == "cache_statement", errors.Is(err, pgtenant.ErrConfig), "%s: %v", mode, err)
		require.Zero(t, named)
	}
}

// pooled announces a wrong process id, as a pooler does.
type pooled struct{ net.Conn }

func (c pooled) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if key := bytes.Index(b[:n], []byte("K\x00\x00\x00\x0c")); key >= 0 { // BackendKeyData
		b[key+5]++
	}
	return n, err
}

// In other modes, dropping a failed statement costs further round trips.
func TestFailedStatementsAreSentOnce(t *testing.T) {
	t.Parallel()
	const failing = "select 1 / (select 0)"
	h := setup(t, pgtenant.WithMaxConns(1), pgtenant.WithQueryMode("exec"))
	read[int](t.Context(), t, h, "select 1")

	before := h.trips.Count()
	require.Error(t, exec(t.Context(), h, failing))
	require.EqualValues(t, 1, h.trips.Count()-before, "Exec")
	require.Error(t, pgtenant.QueryRow(t.Context(), h, failing).Scan(new(int)))
	require.EqualValues(t, 2, h.trips.Count()-before, "Query")
	// 0A000 without a stale plan.
	requireCode(t, "0A000",
		exec(t.Context(), h, "select count(distinct x) over () from (values (1)) v (x)"))
	require.EqualValues(t, 3, h.trips.Count()-before, "0A000")
}
