package pgtenant_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// changes returns settings that a statement can change for its session without a sign in its command tag.
func (h *testBundle) changes(t *testing.T) map[string]string {
	t.Helper()
	changes := map[string]string{
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
	maps.DeleteFunc(changes, func(setting, _ string) bool { // not in this release
		return h.count(t, "select count(current_setting($1, true))", setting) == 0 && setting != rls.Setting
	})
	for setting := range changes {
		if strings.HasPrefix(setting, "lc_") &&
			h.count(t, "select count(*) from pg_settings where name = $1 and setting = 'C'", setting) > 0 {
			changes[setting] = "POSIX"
		}
	}
	return changes
}

func (h *testBundle) session(ctx context.Context, t *testing.T, setting string) (value string, pid int64) {
	t.Helper()
	const query = "select current_setting($1), pg_backend_pid()"
	require.NoError(t, pgtenant.QueryRow(ctx, h, query, setting).Scan(&value, &pid))
	return value, pid
}

// A setting that an earlier user changed for the session does not affect the next statement, prepared or not, and the
// connection is replaced.
func TestChangedSessionIsReplaced(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		for setting, changed := range h.changes(t) {
			before, pid := h.session(h.asB, t, setting)
			if setting == rls.Setting {
				before = h.b.String()
			}
			require.NotEqual(t, changed, before, "the setting must differ")

			require.NoError(t, exec(h.asA, h, "select set_config($1, $2, false)", setting, changed), setting)
			after, newPid := h.session(h.asB, t, setting)
			require.Equal(t, before, after, setting)
			require.NotEqual(t, pid, newPid, setting)
			h.healthy(t)
		}
	})
}

// The first statement in the changed session is an unprepared write.
func TestChangedSessionServesUnknownStatements(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		for i, change := range []string{
			"set_config('search_path', 'nowhere', false)",
			"set_config('default_transaction_read_only', 'on', false)",
			"set_config('statement_timeout', '1', false)",
			"set_config('row_security', 'off', false)",
			"set_config('row_security', 'off', false), set_config('exit_on_error', 'on', false)",
		} {
			poison := func() { require.NoError(t, exec(h.asA, h, "select "+change)) }
			name := fmt.Sprintf("unknown%d", i)
			poison()
			n, err := pgtenant.Exec(h.asB, h, "update agents set role = '"+name+"'")
			require.NoError(t, err, change)
			require.EqualValues(t, 1, n)
			poison()
			require.Equal(t, name, read[string](h.asB, t, h, "select role as "+name+" from agents"), change)
			poison()
			require.Equal(t, name,
				read[string](h.asB, t, h, "update agents set name = name returning role as "+name), change)
			poison()
			require.NoError(t, h.inTx(h.asB, func(ctx context.Context, tx *ent.Tx) error {
				return tx.Agent.Update().SetRole("in " + name).Exec(ctx)
			}), change)
			require.Equal(t, 1, h.count(t, "select count(*) from agents where role = $1", "in "+name))
			h.healthy(t)
		}
	})
}

// A resent statement fails like any other, also at commit, and releases its connection.
func TestChangedSessionServesFailures(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		h.admin(t, deferredTable)
		for statement, code := range map[string]string{
			"insert into late values (1, 2)":                  "23503",
			"insert into late values (1, 2) returning id":     "23503",
			"insert into late values (1 / 0, 2)":              "22012",
			"insert into late values (1 / 0, 2) returning id": "22012",
			"select 1 / (n - 1) from generate_series(1, 3) n": "22012",
			"select id from nowhere":                          "42P01",
		} {
			for _, send := range []func() error{
				func() error { return exec(h.asB, h, statement) },
				func() error { return pgtenant.QueryRow(h.asB, h, statement).Scan(new(any)) },
			} {
				require.NoError(t, exec(h.asA, h, "select set_config('row_security', 'off', false)"))
				requireCode(t, code, send())
				h.healthy(t)
			}
		}
		require.Zero(t, h.count(t, "select count(*) from late"))
	})
}

// In a changed session results are still read row by row and fail at the same row, and BEGIN is refused.
func TestChangedSessionChangesNoSemantics(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		poison := func() { require.NoError(t, exec(h.asA, h, "select set_config('row_security', 'off', false)")) }
		poison()
		r := openRows(h.asB, t, h, "select 1 / (100000 - n) from generate_series(1, 200000) n")
		require.True(t, r.Next())
		for r.Next() { // to the end
		}
		requireCode(t, "22012", r.Err())
		require.Error(t, r.Close())

		poison()
		r = openRows(h.asB, t, h, "select generate_series(1, 100000)")
		require.True(t, r.Next())
		require.NoError(t, r.Close(), "a partly read result")
		h.requireIdle(t)

		poison()
		require.ErrorIs(t, exec(h.asB, h, "begin"), pgtenant.ErrTxLeftOpen)
		poison()
		require.ErrorIs(t, h.Query(h.asB, "begin", []any{}, r), pgtenant.ErrTxLeftOpen)
		poison()
		requireCode(t, "23502", exec(h.asB, h, writeGlobal, nil))
		h.healthy(t)
	})
}

// Isolation level and access mode, fixed at BEGIN, must be the server's defaults.
func TestChangedSessionDoesNotReachATransaction(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		err := exec(h.asA, h, `select
			set_config('default_transaction_isolation', 'serializable', false),
			set_config('default_transaction_read_only', 'on', false),
			set_config('default_transaction_deferrable', 'on', false)`)
		require.NoError(t, err)
		tx := h.begin(h.asB, t)
		require.Equal(t, "read committed, off, off", read[string](h.asB, t, tx, `select concat_ws(', ',
			current_setting('transaction_isolation'), current_setting('transaction_read_only'),
			current_setting('transaction_deferrable'))`))
		require.NoError(t, tx.Commit())
		h.healthy(t)
	})
}

// A transaction may change settings for itself and for its session until it ends.
func TestSettingsInsideATransaction(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	_, pid := h.session(h.asA, t, "work_mem")
	const set = "select set_config('statement_timeout', '7s', $1)"
	for name, send := range map[string]func(q dialect.ExecQuerier, local bool) error{
		"a write": func(q dialect.ExecQuerier, local bool) error { return exec(h.asA, q, set, local) },
		"a read": func(q dialect.ExecQuerier, local bool) error {
			return pgtenant.QueryRow(h.asA, q, set, local).Scan(new(string))
		},
	} {
		for _, local := range []bool{true, false} {
			tx := h.begin(h.asA, t)
			require.NoError(t, send(tx, local), name)
			require.Equal(t, "7s", read[string](h.asA, t, tx, "select current_setting('statement_timeout')"), name)
			require.NoError(t, tx.Commit())
			now, newPid := h.session(h.asB, t, "statement_timeout")
			require.NotEqual(t, "7s", now, name)
			require.Equal(t, local, pid == newPid,
				"only a setting that outlives the transaction costs the connection, after %s", name)
			pid = newPid
		}
	}
}

// A prepared statement keeps its constants as they were parsed. One that was prepared under a transaction's settings
// must not be reused, even if the transaction reset them or its session was replaced before.
func TestSettingsInsideATransactionAreNotPrepared(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		set := func(q dialect.ExecQuerier, setting, value string, local bool) {
			require.NoError(t, exec(h.asA, q, "select set_config($1, $2, $3)", setting, value, local))
		}
		for setting, tc := range map[string]struct{ changed, before, query, want string }{
			"TimeZone": {
				"Asia/Tokyo", "UTC", "select '2026-01-01 00:00'::timestamptz::text", "2026-01-01 00:00:00+00",
			},
			"DateStyle": {
				"ISO, DMY", "ISO, MDY", "select '01/02/2026'::date::text", "2026-01-02",
			},
			"standard_conforming_strings": {"off", "on", `select 'a\\b'`, `a\\b`},
			"client_encoding":             {"LATIN1", "UTF8", "select 'ż'", "ż"},
			"bytea_output":                {"escape", "hex", `select '\x00ff'::bytea::text`, `\x00ff`},
			"extra_float_digits":          {"-10", "1", "select (1::float8 / 3)::text", "0.3333333333333333"},
			"quote_all_identifiers":       {"on", "off", "select quote_ident('a')", "a"},
		} {
			for _, replaced := range []bool{false, true} {
				query := tc.query + " -- " + unique()
				if replaced {
					set(h, "search_path", "nowhere", false)
				}
				tx := h.begin(h.asA, t)
				set(tx, setting, tc.changed, true)
				read[string](h.asA, t, tx, query)
				set(tx, setting, tc.before, true)
				require.NoError(t, tx.Commit())
				require.Equal(t, tc.want, read[string](h.asB, t, h, query), setting)
			}
		}
		h.healthy(t)
	})
}

// A default changed by an operator is not a changed session: statements continue on new connections.
func TestOperatorChangesADefault(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		h.alter(t, "set statement_timeout = '11s'")
		h.alter(t, "set datestyle = 'German'")
		h.use(h.open(t, pgtenant.WithQueryMode(h.mode), pgtenant.WithMaxConns(1)))
		before := h.pid(t)
		require.Equal(t, before, h.pid(t), "its connection is kept")
		h.healthy(t)
	})
}

// A role may run ALTER ROLE on itself, which must not change the encoding.
func TestEncodingIsPinned(t *testing.T) {
	t.Parallel()
	const text = "Zoë żółć 日本"
	eachMode(t, func(t *testing.T, h *testBundle) {
		for _, preset := range []string{"client_encoding = 'LATIN1'", "timezone = 'Asia/Tokyo'"} {
			h.admin(t, "alter role konstruct_app in database "+h.super.Config().Database+" set "+preset)
		}
		h.url += "&Client_Encoding=LATIN2&TimeZone=Asia/Tokyo"
		h.use(h.open(t, pgtenant.WithQueryMode(h.mode), pgtenant.WithMaxConns(1)))
		row := h.client.Agent.Create().SetName(text).SaveX(h.asA)
		require.Equal(t, text, h.client.Agent.GetX(h.asA, row.ID).Name)
		require.Equal(t, 1, h.count(t, "select count(*) from agents where name = $1", text),
			"another client reads the same text")
		require.Equal(t, "UTC", read[string](h.asA, t, h, "select current_setting('TimeZone')"))
	})
}
