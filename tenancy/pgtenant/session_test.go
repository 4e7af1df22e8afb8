package pgtenant_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// changes are what a statement can do to its session by settings alone, which its command tag does not show.
var changes = map[string]string{
	"app.current_tenant":                  "00000000-0000-7000-8000-000000000001",
	"search_path":                         "pg_catalog",
	"row_security":                        "off",
	"client_encoding":                     "LATIN1",
	"DateStyle":                           "German",
	"IntervalStyle":                       "iso_8601",
	"TimeZone":                            "Asia/Tokyo",
	"timezone_abbreviations":              "Australia",
	"extra_float_digits":                  "-10",
	"bytea_output":                        "escape",
	"xmlbinary":                           "hex",
	"xmloption":                           "document",
	"array_nulls":                         "off",
	"quote_all_identifiers":               "on",
	"gin_fuzzy_search_limit":              "1",
	"standard_conforming_strings":         "off",
	"backslash_quote":                     "on",
	"transform_null_equals":               "on",
	"default_text_search_config":          "pg_catalog.german",
	"lc_monetary":                         "C",
	"lc_numeric":                          "C",
	"lc_time":                             "C",
	"statement_timeout":                   "0",
	"lock_timeout":                        "0",
	"idle_in_transaction_session_timeout": "0",
	"idle_session_timeout":                "1d",
	"default_transaction_isolation":       "serializable",
	"default_transaction_read_only":       "on",
	"default_transaction_deferrable":      "on",
	"synchronous_commit":                  "local",
	"exit_on_error":                       "on",
	"transaction_timeout":                 "1h",            // from 17
	"restrict_nonsystem_relation_kind":    "foreign-table", // from 17, and later releases of 15 and 16
}

func (h *house) session(ctx context.Context, t *testing.T, setting string) (value string, pid int64) {
	t.Helper()
	const query = "select current_setting($1), pg_backend_pid()"
	require.NoError(t, pgtenant.QueryRow(ctx, h, query, []any{setting}, &value, &pid))
	return value, pid
}

// A setting that an earlier user changed for the session never applies to a statement of the next one, whether that is
// prepared on the connection already or not, and the connection is replaced.
func TestChangedSessionIsReplaced(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			for setting, changed := range changes {
				if h.count(t, "select count(current_setting($1, true))", setting) == 0 && setting != pgtenant.Setting {
					continue // this version has none
				}
				if strings.HasPrefix(setting, "lc_") && h.count(t, "select count(*) from pg_settings where name = $1 and setting = 'C'", setting) > 0 {
					changed = "POSIX"
				}
				before, pid := h.session(as(t, h.b), t, setting)
				if setting == pgtenant.Setting {
					before = h.b.String()
				}
				require.NotEqual(t, changed, before, "the test changes something")

				_, err := pgtenant.Exec(as(t, h.a), h, "select set_config($1, $2, false)", setting, changed)
				require.NoError(t, err, setting)
				after, newPid := h.session(as(t, h.b), t, setting)
				require.Equal(t, before, after, setting)
				require.NotEqual(t, pid, newPid, setting)
				h.healthy(t)
			}
		})
	}
}

// The first statement that meets the changed session is one that the connection does not know yet, and a write.
func TestChangedSessionServesUnknownStatements(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			for i, change := range []string{
				"set_config('search_path', 'nowhere', false)",
				"set_config('default_transaction_read_only', 'on', false)",
				"set_config('statement_timeout', '1', false)",
				"set_config('row_security', 'off', false)",
			} {
				poison := func() {
					_, err := pgtenant.Exec(as(t, h.a), h, "select "+change)
					require.NoError(t, err)
				}
				name := fmt.Sprintf("unknown%d", i)
				poison()
				n, err := pgtenant.Exec(as(t, h.b), h, "update agents set role = '"+name+"'")
				require.NoError(t, err, change)
				require.EqualValues(t, 1, n)
				poison()
				var role string
				require.NoError(t, pgtenant.QueryRow(as(t, h.b), h, "select role as "+name+" from agents", nil, &role), change)
				require.Equal(t, name, role)
				poison()
				require.NoError(t, pgtenant.QueryRow(as(t, h.b), h, "update agents set name = name returning role as "+name, nil, &role), change)
				require.Equal(t, name, role)
				poison()
				require.NoError(t, pgtenant.InTx(as(t, h.b), h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
					return tx.Agent.Update().SetRole("in " + name).Exec(ctx)
				}), change)
				require.Equal(t, 1, h.count(t, "select count(*) from agents where role = $1", "in "+name))
				h.healthy(t)
			}
		})
	}
}

// What a statement does in a changed session is what it does in any other: a result is read row by row, and fails where it
// fails; a BEGIN of its own is refused.
func TestChangedSessionChangesNoSemantics(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			poison := func() {
				_, err := pgtenant.Exec(as(t, h.a), h, "select set_config('row_security', 'off', false)")
				require.NoError(t, err)
			}
			poison()
			var r entsql.Rows
			require.NoError(t, h.Query(as(t, h.b), "select 1 / (100000 - n) from generate_series(1, 200000) n", []any{}, &r))
			require.True(t, r.Next())
			for r.Next() { // to the end
			}
			requireCode(t, "22012", r.Err())
			require.Error(t, r.Close())

			poison()
			require.NoError(t, h.Query(as(t, h.b), "select generate_series(1, 100000)", []any{}, &r))
			require.True(t, r.Next())
			require.NoError(t, r.Close(), "half read")
			h.requireIdle(t)

			poison()
			_, err := pgtenant.Exec(as(t, h.b), h, "begin")
			require.ErrorIs(t, err, pgtenant.ErrTxLeftOpen)
			poison()
			_, err = pgtenant.Exec(as(t, h.b), h, writeGlobal, nil)
			requireCode(t, "23502", err)
			h.healthy(t)
		})
	}
}

// A transaction takes its isolation level and its access mode when it begins: they must be the server's defaults, not those of
// the changed session.
func TestChangedSessionDoesNotReachATransaction(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			_, err := pgtenant.Exec(as(t, h.a), h, `select set_config('default_transaction_isolation', 'serializable', false),
				set_config('default_transaction_read_only', 'on', false), set_config('default_transaction_deferrable', 'on', false)`)
			require.NoError(t, err)
			tx := h.begin(t, h.b)
			var isolation, readOnly, deferrable string
			const query = `select current_setting('transaction_isolation'), current_setting('transaction_read_only'),
				current_setting('transaction_deferrable')`
			require.NoError(t, pgtenant.QueryRow(as(t, h.b), tx, query, nil, &isolation, &readOnly, &deferrable))
			require.Equal(t, "read committed, off, off", isolation+", "+readOnly+", "+deferrable)
			require.NoError(t, tx.Commit())
			h.healthy(t)
		})
	}
}

// What a transaction sets with is_local, and for its session, is its own affair until it ends.
func TestSettingsInsideATransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtenant.WithMaxConns(1))
	_, pid := h.session(as(t, h.a), t, "work_mem")
	for _, local := range []bool{true, false} {
		tx := h.begin(t, h.a)
		_, err := pgtenant.Exec(as(t, h.a), tx, "select set_config('statement_timeout', '7s', $1)", local)
		require.NoError(t, err)
		var now string
		require.NoError(t, pgtenant.QueryRow(as(t, h.a), tx, "select current_setting('statement_timeout')", nil, &now))
		require.Equal(t, "7s", now)
		require.NoError(t, tx.Commit())
		now, newPid := h.session(as(t, h.b), t, "statement_timeout")
		require.NotEqual(t, "7s", now)
		require.Equal(t, local, pid == newPid, "a setting that ended with its transaction costs nothing")
		pid = newPid
	}
}

// A setting that an operator changes for all sessions is not a changed session: statements continue, on new connections.
func TestOperatorChangesADefault(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(2))
			var database string
			require.NoError(t, h.super.QueryRow(t.Context(), "select current_database()").Scan(&database))
			_, err := h.super.Exec(t.Context(), "alter database "+database+" set statement_timeout = '11s'")
			require.NoError(t, err)
			_, err = h.super.Exec(t.Context(), "alter database "+database+" set datestyle = 'German'")
			require.NoError(t, err)
			drv := h.open(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			var before, after int64
			require.NoError(t, pgtenant.QueryRow(as(t, h.a), drv, "select pg_backend_pid()", nil, &before))
			require.NoError(t, pgtenant.QueryRow(as(t, h.a), drv, "select pg_backend_pid()", nil, &after))
			require.Equal(t, before, after, "its connection is kept")
			h.Driver = drv
			h.healthy(t)
		})
	}
}

// ALTER ROLE, which a role may do to itself, must not change how text is encoded.
func TestEncodingIsPinned(t *testing.T) {
	t.Parallel()
	const text = "Zoë żółć 日本"
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			var database string
			require.NoError(t, h.super.QueryRow(t.Context(), "select current_database()").Scan(&database))
			for _, preset := range []string{"client_encoding = 'LATIN1'", "timezone = 'Asia/Tokyo'"} {
				_, err := h.super.Exec(t.Context(), "alter role konstruct_app in database "+database+" set "+preset)
				require.NoError(t, err)
			}
			h.url += "&Client_Encoding=LATIN2&TimeZone=Asia/Tokyo"
			drv := h.open(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			client := ent.NewClient(ent.Driver(drv))
			row := client.Agent.Create().SetName(text).SaveX(as(t, h.a))
			require.Equal(t, text, client.Agent.GetX(as(t, h.a), row.ID).Name)
			require.Equal(t, 1, h.count(t, "select count(*) from agents where name = $1", text), "another client reads the same")
			var zone string
			require.NoError(t, pgtenant.QueryRow(as(t, h.a), drv, "select current_setting('TimeZone')", nil, &zone))
			require.Equal(t, "UTC", zone)
		})
	}
}

// A prepared statement under the name that pgx gives its own outlives tenant and transaction. Whatever can leave something in
// a session costs the connection, and a query or a change of rows does not.
func TestCommandTagsDecideOverTheConnection(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			ctx := as(t, h.a)
			pid := func() int64 {
				_, pid := h.session(t.Context(), t, "server_version")
				return pid
			}
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
				"insert into agents (id, name) values (gen_random_uuid(), null)":                   true, // it fails
				"select 1 / (select 0)":                                                            true, // it fails
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
				"do language sql 'select 1'":                                                       false, // it fails
				"call nothing()":                                                                   false, // it fails
				"execute nothing":                                                                  false, // it fails
				"fetch nothing":                                                                    false, // it fails
				"prepare p as selec":                                                               false, // it fails
				"checkpoint":                                                                       false, // it fails
			} {
				before := pid()
				_, _ = pgtenant.Exec(ctx, h, query)
				require.Equal(t, kept, before == pid(), "Exec: %s", query)

				before = pid()
				_ = pgtenant.QueryRow(ctx, h, query, nil)
				require.Equal(t, kept, before == pid(), "Query: %s", query)

				before = pid()
				_ = pgtenant.InTx(ctx, h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
					_, err := tx.Agent.Query().Count(ctx)
					require.NoError(t, err)
					return context.Canceled // rolled back
				})
				require.Equal(t, before, pid(), "a rolled back transaction")
				tx := h.begin(t, h.a)
				require.NoError(t, tx.Exec(ctx, "select 1", []any{}, nil))
				_ = tx.Exec(ctx, query, []any{}, nil)
				require.NoError(t, tx.Rollback())
				require.Equal(t, kept, before == pid(), "in a transaction that is rolled back: %s", query)
			}
			_, err := pgtenant.Exec(ctx, h, "delete from agents where name <> 'a1'")
			require.NoError(t, err)
			h.healthy(t)
		})
	}
}

// begin opens a transaction that ends with the test at the latest.
func (h *house) begin(t *testing.T, id tenancy.ID) dialect.Tx {
	t.Helper()
	tx, err := h.Tx(as(t, id))
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func TestSavepointCostsTheConnection(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtenant.WithMaxConns(1))
	_, before := h.session(t.Context(), t, "server_version")
	tx := h.begin(t, h.a)
	for _, query := range []string{"savepoint s", "update agents set role = 'saved'", "release s"} {
		require.NoError(t, tx.Exec(as(t, h.a), query, []any{}, nil))
	}
	require.NoError(t, tx.Commit())
	require.Equal(t, 1, h.count(t, "select count(*) from agents where role = 'saved'"))
	_, after := h.session(t.Context(), t, "server_version")
	require.NotEqual(t, before, after)
}

// The attack that the command tags are for: the text that another tenant's unchanged query runs.
func TestPreparedUnderTheNameOfAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtenant.WithMaxConns(1))
	list := func() string {
		rows := h.client.Agent.Query().AllX(as(t, h.b))
		require.Len(t, rows, 1)
		return rows[0].Name
	}
	require.Equal(t, "b1", list())
	var name, text, left string
	find := "select name, statement from pg_prepared_statements where statement like '%\"agents\".\"name\"%' and statement not like '%pg_prepared_statements%'"
	require.NoError(t, pgtenant.QueryRow(as(t, h.a), h, find, nil, &name, &text))
	for _, inTx := range []bool{false, true} {
		require.Equal(t, "b1", list())
		attack := []string{"deallocate \"" + name + "\"", "prepare \"" + name + "\" as " + strings.ReplaceAll(text, "\"agents\".\"tenant_id\" = $1", "$1::uuid is not null or true")}
		if inTx {
			tx := h.begin(t, h.a)
			for _, query := range attack {
				require.NoError(t, tx.Exec(as(t, h.a), query, []any{}, nil))
			}
			require.NoError(t, tx.Rollback())
		} else {
			for _, query := range attack {
				_, _ = pgtenant.Exec(as(t, h.a), h, query)
			}
		}
		require.NoError(t, pgtenant.QueryRow(as(t, h.b), h, "select count(*)::text from pg_prepared_statements where name = $1 and statement like '%or true%'", []any{name}, &left))
		require.Equal(t, "0", left)
		require.Equal(t, "b1", list())
	}
}

// LISTEN costs the connection, and what a connection of the pool hears is not kept.
func TestNotificationsAreNotKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtenant.WithMaxConns(1))
	conn, err := h.Pool().Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), "listen konstruct")
	require.NoError(t, err)
	for range 10 {
		_, err = h.super.Exec(t.Context(), "notify konstruct, 'x'")
		require.NoError(t, err)
	}
	_, err = conn.Exec(t.Context(), "select 1")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), shortly)
	defer cancel()
	_, err = conn.Conn().WaitForNotification(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "pgx has kept one")
}

// COPY waits for data, or sends some, in a protocol of its own.
func TestCopyIsRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			before := h.trips.Count()
			for _, query := range []string{
				"copy login_attempts from stdin", "COPY agents TO STDOUT", " \t\r\n\f\v;copy (select 1) to stdout",
				"/* a /* nested */ comment */ -- another\n\tCopy login_attempts from stdin", "--x\rcopy agents to stdout", "((copy agents to stdout",
			} {
				require.ErrorIs(t, h.Exec(as(t, h.a), query, []any{}, nil), pgtenant.ErrCopy, query)
				require.ErrorIs(t, pgtenant.QueryRow(as(t, h.a), h, query, nil), pgtenant.ErrCopy, query)
				tx := h.begin(t, h.a)
				require.ErrorIs(t, tx.Exec(as(t, h.a), query, []any{}, nil), pgtenant.ErrCopy, query)
				require.NoError(t, tx.Rollback())
			}
			require.Equal(t, before, h.trips.Count(), "nothing was sent")
			var one int64
			require.NoError(t, pgtenant.QueryRow(as(t, h.a), h, "select 1 as copy", nil, &one))
			require.NoError(t, pgtenant.QueryRow(as(t, h.a), h, "/* copy */ select 1", nil, &one))
			requireCode(t, "42601", pgtenant.QueryRow(as(t, h.a), h, "copy_1", nil))
			h.healthy(t)
		})
	}
}

func TestEmptyStatementIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtenant.WithMaxConns(2))
	for _, query := range []string{"", " ", ";", "-- nothing", "/* nothing */", "/* open"} {
		require.ErrorIs(t, h.Exec(as(t, h.a), query, []any{}, nil), pgtenant.ErrArgument)
		require.ErrorIs(t, pgtenant.QueryRow(as(t, h.a), h, query, nil), pgtenant.ErrArgument)
	}
	h.healthy(t)
}
