package attack

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// harmless settings change a statement's speed, the server's log of its own work (without bound values), or what only
// DDL and replication read: never which rows a statement sees, what it stores or returns, or whether it may run.
var harmless = regexp.MustCompile(
	`^(enable|geqo|jit|vacuum|tcp|trace|cpu|min_parallel|max_parallel|parallel)_|^(geqo|jit)$|` +
		`_(cost|mem|concurrency)$|^(` + strings.Join([]string{
		"application_name", "backend_flush_after", "check_function_bodies", "client_connection_check_interval",
		"client_min_messages", "commit_siblings", "constraint_exclusion", "createrole_self_grant",
		"cursor_tuple_fraction", "debug_logical_replication_streaming", "debug_parallel_query", "debug_pretty_print",
		"debug_print_parse", "debug_print_rewritten", "default_statistics_target", "default_table_access_method",
		"default_tablespace", "default_toast_compression", "effective_cache_size", "escape_string_warning",
		"file_copy_method", "force_parallel_mode", "from_collapse_limit", "gin_pending_list_limit",
		"hash_mem_multiplier", "icu_validation_level", "io_combine_limit", "join_collapse_limit",
		"local_preload_libraries", "md5_password_warnings", "password_encryption", "plan_cache_mode",
		"recursive_worktable_factor", "scram_iterations", "stats_fetch_consistency", "synchronize_seqscans",
		"temp_buffers", "temp_tablespaces", "wal_sender_timeout", "wal_skip_threshold",
		// These last as long as the transaction.
		"transaction_deferrable", "transaction_isolation", "transaction_read_only",
	}, "|") + `)$`)

// otherTexts are values of text settings; the catalog has those of others.
func otherTexts() map[string]string {
	return map[string]string{
		"DateStyle": "SQL, DMY", "TimeZone": "Asia/Tokyo", "client_encoding": "LATIN1", "search_path": "pg_catalog",
		"default_text_search_config": "pg_catalog.simple", "lc_monetary": "C", "lc_numeric": "C", "lc_time": "C",
		"timezone_abbreviations": "Australia", "restrict_nonsystem_relation_kind": "view",
	}
}

// change is a setting and a value that it does not have.
type change struct{ name, value string }

func (c change) sql() string { return setAll(c) }

// setAll changes settings for the session in a single SELECT.
func setAll(all ...change) string {
	calls := make([]string, len(all))
	for i, c := range all {
		calls[i] = "set_config(" + rls.Literal(c.name) + ", " + rls.Literal(c.value) + ", false)"
	}
	return "select " + strings.Join(calls, ", ")
}

// changes reads from the catalog the settings that the role may change, those of extensions included, with a new value
// for each.
func (a *attempt) changes() []change {
	got := a.do(a.raw, `select name, case
		when vartype = 'bool' and setting = 'on' then 'off'
		when vartype = 'bool' then 'on'
		when vartype = 'enum' then (select v from unnest(enumvals) v where v <> setting order by v <> 'local', v limit 1)
		when vartype = 'string' then ''
		when setting <> '100000' and 100000 between min_val::float8 and max_val::float8 then '100000'
		when setting = min_val then max_val
		else min_val
	end from pg_settings where context = 'user' order by name`)
	a.must(got.err)
	var all []change
	for _, row := range got.rows {
		c := change{name: row[0], value: row[1]}
		if text, ok := otherTexts()[c.name]; ok {
			c.value = text
		}
		if !harmless.MatchString(c.name) && c.value != "" {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		a.failf("no setting can be changed, so nothing is proven")
	}
	return all
}

// watchSettings returns a function that requires the same settings in the other tenant's next statement, and in one
// without a tenant, as in an unchanged session of the driver's.
func (a *attempt) watchSettings(drv *pgtenant.Driver) (unchanged func()) {
	var names []string
	for _, c := range a.changes() {
		names = append(names, c.name)
	}
	read := "select name, setting from pg_catalog.pg_settings where name = any (" + array(names) + ") order by name"
	want := a.query(a.theirs, a.open(), read)
	a.must(want.err)
	return func() {
		for _, ctx := range []context.Context{a.theirs, a.ctx} {
			got := a.query(ctx, drv, read)
			a.must(got.err)
			if len(got.rows) != len(want.rows) {
				a.failf("the next statement finds %d settings instead of %d", len(got.rows), len(want.rows))
			}
			for i, row := range got.rows {
				if !slices.Equal(row, want.rows[i]) {
					a.failf("the next statement finds %s = %q", row[0], row[1])
				}
			}
		}
	}
}
