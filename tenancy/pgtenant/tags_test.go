package pgtenant_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// A statement prepared under a name of the driver outlives tenant and transaction. So a command that can leave
// something in a session costs the connection, unlike a query or a change of rows.
func TestCommandTagsDecideOverTheConnection(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx := h.asA
		for query, kept := range map[string]bool{
			"select 1": true,
			"/* a /* nested */ comment */ -- and one more\n select 1":                          true,
			"(select 1) union (select 2)":                                                      true,
			"values (1), (2)":                                                                  true,
			"table agents":                                                                     true,
			"update agents set role = 'x'":                                                     true,
			"insert into agents (id, name) values (gen_random_uuid(), 'x')":                    true,
			"delete from agents where name = 'x'":                                              true,
			"with w as (update agents set role = 'y' returning id) select id from w":           true,
			"insert into agents (id, name) values (gen_random_uuid(), null)":                   true, // fails
			"select 1 / (select 0)":                                                            true, // fails
			"merge into agents using (values (1)) v on false when not matched then do nothing": true,
			"prepare p as select 1":                                                            false,
			"deallocate all":                                                                   false,
			"listen konstruct":                                                                 false,
			"notify konstruct":                                                                 false,
			"declare c cursor with hold for select 1":                                          false,
			"set statement_timeout = '1s'":                                                     false,
			"set local statement_timeout = '1s'":                                               false,
			"reset all":                                                                        false,
			"show statement_timeout":                                                           false,
			"explain select 1":                                                                 false,
			"discard plans":                                                                    false,
			"lock table agents in share mode":                                                  false,
			"do language sql 'select 1'":                                                       false, // fails
			"call nothing()":                                                                   false, // fails
			"execute nothing":                                                                  false, // fails
			"fetch nothing":                                                                    false, // fails
			"prepare p as selec":                                                               false, // fails
			"checkpoint":                                                                       false, // fails
		} {
			before := h.pid(t)
			_ = exec(ctx, h, query)
			require.Equal(t, kept, before == h.pid(t), "Exec: %s", query)

			before = h.pid(t)
			_ = pgtenant.QueryRow(ctx, h, query).Scan()
			require.Equal(t, kept, before == h.pid(t), "Query: %s", query)

			before = h.pid(t)
			_ = h.inTx(ctx, func(ctx context.Context, tx *ent.Tx) error {
				_, err := tx.Agent.Query().Count(ctx)
				require.NoError(t, err)
				return context.Canceled // rolled back
			})
			require.Equal(t, before, h.pid(t), "a rolled back transaction")
			tx := h.begin(h.asA, t)
			require.NoError(t, exec(ctx, tx, "select 1"))
			_ = exec(ctx, tx, query)
			require.NoError(t, tx.Rollback())
			require.Equal(t, kept, before == h.pid(t), "in a transaction that is rolled back: %s", query)
		}
		require.NoError(t, exec(ctx, h, "delete from agents where name <> 'a1'"))
		h.healthy(t)
	})
}

func TestSavepointCostsTheConnection(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	before := h.pid(t)
	tx := h.begin(h.asA, t)
	for _, query := range []string{"savepoint s", "update agents set role = 'saved'", "release s"} {
		require.NoError(t, exec(h.asA, tx, query))
	}
	require.NoError(t, tx.Commit())
	require.Equal(t, 1, h.count(t, "select count(*) from agents where role = 'saved'"))
	require.NotEqual(t, before, h.pid(t))
}

// The attack that command tags prevent: replacing the text that another tenant's query runs.
func TestPreparedUnderADriverName(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	list := func() string {
		rows := h.client.Agent.Query().AllX(h.asB)
		require.Len(t, rows, 1)
		return rows[0].Name
	}
	require.Equal(t, "b1", list())
	var name, text string
	find := "select name, statement from pg_prepared_statements " +
		"where statement like '%\"agents\".\"name\"%' and statement not like '%pg_prepared_statements%'"
	require.NoError(t, pgtenant.QueryRow(h.asA, h, find).Scan(&name, &text))
	for _, inTx := range []bool{false, true} {
		require.Equal(t, "b1", list())
		attack := []string{
			"deallocate \"" + name + "\"",
			"prepare \"" + name + "\" as " +
				strings.ReplaceAll(text, "\"agents\".\"tenant_id\" = $1", "$1::uuid is not null or true"),
		}
		if inTx {
			tx := h.begin(h.asA, t)
			for _, query := range attack {
				require.NoError(t, exec(h.asA, tx, query))
			}
			require.NoError(t, tx.Rollback())
		} else {
			for _, query := range attack {
				_ = exec(h.asA, h, query)
			}
		}
		require.Zero(t, read[int](h.asB, t, h, "select count(*) from pg_prepared_statements "+
			"where name = $1 and statement like '%or true%'", name))
		require.Equal(t, "b1", list())
	}
}

func TestNotificationsAreNotKept(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	conn, err := h.Pool().Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), "listen konstruct")
	require.NoError(t, err)
	for range 10 {
		h.admin(t, "notify konstruct, 'x'")
	}
	_, err = conn.Exec(t.Context(), "select 1")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), shortly)
	defer cancel()
	_, err = conn.Conn().WaitForNotification(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "pgx kept a notification")
}

func TestCopyIsRefused(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		before := h.trips.Count()
		for _, query := range []string{
			"copy login_attempts from stdin", "COPY agents TO STDOUT", " \t\r\n\f\v;copy (select 1) to stdout",
			"/* a /* nested */ comment */ -- another\n\tCopy login_attempts from stdin",
			"--x\rcopy agents to stdout", "((copy agents to stdout",
		} {
			require.ErrorIs(t, exec(h.asA, h, query), pgtenant.ErrCopy, query)
			require.ErrorIs(t, pgtenant.QueryRow(h.asA, h, query).Scan(), pgtenant.ErrCopy, query)
			tx := h.begin(h.asA, t)
			require.ErrorIs(t, exec(h.asA, tx, query), pgtenant.ErrCopy, query)
			require.NoError(t, tx.Rollback())
		}
		require.Equal(t, before, h.trips.Count(), "nothing was sent")
		read[int](h.asA, t, h, "select 1 as copy")
		read[int](h.asA, t, h, "/* copy */ select 1")
		requireCode(t, "42601", pgtenant.QueryRow(h.asA, h, "copy_1").Scan())
		h.healthy(t)
	})
}

// SELECT INTO and CREATE TABLE AS have the command tag of a query. A temporary table would hide the real one.
func TestTableMadeByAQuery(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		h.admin(t, "grant temp on database "+rls.Quote(h.super.Config().Database)+" to konstruct_app")
		for _, query := range []string{
			"select 'planted' as name into temp agents", "create temp table agents as select 'planted' as name",
		} {
			require.NoError(t, exec(h.asA, h, query))
			h.healthy(t)
			require.ErrorIs(t, pgtenant.QueryRow(h.asA, h, query).Scan(), sql.ErrNoRows)
			h.healthy(t)
			tx := h.begin(h.asA, t)
			require.NoError(t, exec(h.asA, tx, query))
			require.NoError(t, tx.Commit())
			h.healthy(t)
		}
	})
}

func TestEmptyStatementIsRefused(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(2))
	for _, query := range []string{"", " ", ";", "-- nothing", "/* nothing */", "/* open"} {
		require.ErrorIs(t, exec(h.asA, h, query), pgtenant.ErrArgument)
		require.ErrorIs(t, pgtenant.QueryRow(h.asA, h, query).Scan(), pgtenant.ErrArgument)
	}
	h.healthy(t)
}
