package attack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// sessions are attempts to change a session's settings for the tenant that gets the connection next.
func sessions() family {
	return family{name: "session", title: "Session settings", scenarios: slices.Concat(settingsLeft(), settingsHidden())}
}

const asBefore = "the next statement runs under the server's own settings, and each tenant gets its own rows"

func settingsLeft() []scenario {
	return []scenario{
		{
			id: "A69-every-setting", does: "changes each setting that is not about speed alone, one at a time, in a SELECT",
			required: asBefore, once: (*harness).everySetting,
		},
		{
			id: "A69-two-at-once", does: "changes all of them in a single SELECT", required: asBefore, once: (*harness).allSettings,
		},
		{
			id: "A69-effects", does: "leaves settings that corrupt text, refuse writes, hide rows or end statements",
			required: "the next tenant's reads, writes and texts are unharmed", each: (*harness).effects,
		},
		{
			id: "A69-equivalent", does: "spells a setting's own value in another way, so that a comparison of texts could miss or repeat it",
			required: asBefore, once: (*harness).equivalent,
		},
	}
}

func settingsHidden() []scenario {
	return []scenario{
		{
			id: "A69-in-transaction", does: "changes settings for the session inside a transaction that commits, rolls back, or uses savepoints",
			required: asBefore, each: (*harness).settingsInTransaction,
		},
		{
			id: "A69-by-function", does: "has a function run the SQL that changes a setting, so that no statement of that kind is seen",
			required: asBefore, once: (*harness).settingByFunction,
		},
		{
			id: "A69-by-command", does: "changes settings by SET, SET SESSION, RESET and DISCARD", required: asBefore,
			once: (*harness).settingByCommand,
		},
		{
			id: "A69-role", does: "names its own role by SET ROLE and SET SESSION AUTHORIZATION, and by their settings",
			required: "the next statement has the login's role, unchanged", once: (*harness).sessionRole,
		},
		{
			id: "A69-speed", does: "leaves settings that only make statements slower", accepted: "session-state",
			required: "they stay until the connection is closed", once: (*harness).slowed,
		},
		{
			id: "A69-seed", does: "seeds random(), whose state no setting shows", accepted: "session-state",
			required: "the next random() on the connection is predictable; UUIDs are not", once: (*harness).seeded,
		},
		{
			id: "A70-role-encoding", does: "gives its own role another client_encoding, which every new connection begins with",
			required: "text is stored as it was sent", once: (*harness).roleEncoding,
		},
	}
}

// harmless are settings that change how fast a statement is, what the server logs about its own work (without bound values),
// or what only DDL and replication read: never which rows a statement sees, what it stores or returns, or whether it may run.
var harmless = regexp.MustCompile(`^(enable_|geqo|jit|vacuum_|tcp_|trace_|debug_pretty|debug_print_parse|debug_print_rewritten|debug_logical|debug_parallel|cpu_|min_parallel_|max_parallel_|` +
	`parallel_)|_cost$|_mem$|_concurrency$|^(application_name|backend_flush_after|check_function_bodies|client_connection_check_interval|` +
	`client_min_messages|commit_siblings|constraint_exclusion|createrole_self_grant|cursor_tuple_fraction|default_statistics_target|` +
	`default_table_access_method|default_tablespace|default_toast_compression|effective_cache_size|escape_string_warning|file_copy_method|` +
	`force_parallel_mode|from_collapse_limit|gin_pending_list_limit|hash_mem_multiplier|icu_validation_level|io_combine_limit|` +
	`join_collapse_limit|local_preload_libraries|md5_password_warnings|password_encryption|plan_cache_mode|` +
	`recursive_worktable_factor|scram_iterations|stats_fetch_consistency|synchronize_seqscans|temp_buffers|temp_tablespaces|` +
	`wal_sender_timeout|wal_skip_threshold|` +
	// These three last as long as the transaction.
	`transaction_deferrable|transaction_isolation|transaction_read_only)$`)

// otherTexts are values of settings that are texts. The others' come from the catalog.
func otherTexts() map[string]string {
	return map[string]string{
		"DateStyle": "SQL, DMY", "TimeZone": "Asia/Tokyo", "client_encoding": "LATIN1", "search_path": "pg_catalog",
		"default_text_search_config": "pg_catalog.simple", "lc_monetary": "C", "lc_numeric": "C", "lc_time": "C",
		"timezone_abbreviations": "Australia", "restrict_nonsystem_relation_kind": "view",
	}
}

// change is a setting and a value that it does not have.
type change struct{ name, value string }

func (c change) call() string {
	return "set_config(" + literal(c.name) + ", " + literal(c.value) + ", false)"
}

// changes reads from the catalog which settings the role may change, and a value for each. The application's own
// extensions may bring further settings, which are included.
func (s *harness) changes(ctx context.Context) ([]change, error) {
	a := s.raw.do(ctx, `select name, case
			when vartype = 'bool' then case setting when 'on' then 'off' else 'on' end
			when vartype = 'enum' then (select v from unnest(enumvals) v where v <> setting order by v <> 'local', v limit 1)
			when vartype in ('integer', 'real') then case when setting = '100000' then '100001'
				when 100000 between min_val::float8 and max_val::float8 then '100000'
				when setting = min_val then max_val else min_val end
		end from pg_settings where context = 'user' order by name`)
	var all []change
	for _, row := range a.rows {
		c := change{name: row[0], value: row[1]}
		if text, ok := otherTexts()[c.name]; ok {
			c.value = text
		}
		if !harmless.MatchString(c.name) && c.value != "" {
			all = append(all, c)
		}
	}
	if a.err == nil && len(all) == 0 {
		a.err = errors.New("no setting can be changed, so nothing is proven")
	}
	return all, a.err
}

// compared lists the settings that are compared, with their values, as one row each.
func compared(all []change) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = literal(c.name)
	}
	return "select name, setting from pg_catalog.pg_settings where name in (" + strings.Join(names, ", ") + ") order by name"
}

// reference is what a session of the driver's has before anybody changes it.
func (s *harness) reference(ctx context.Context, all []change) (want answer, err error) {
	err = s.lone(ctx, func(drv *pgtenant.Driver) error {
		want = ask(as(ctx, s.b.id), drv, compared(all))
		return want.err
	})
	return want, err
}

// unchangedSettings requires that the other tenant's next statement, and one without a tenant, find the settings as they were.
func (s *harness) unchangedSettings(ctx context.Context, drv *pgtenant.Driver, all []change, want answer) error {
	for _, ctx := range []context.Context{as(ctx, s.b.id), ctx} {
		got := ask(ctx, drv, compared(all))
		if got.err != nil {
			return got.err
		}
		for i, row := range got.rows {
			if i >= len(want.rows) || !slices.Equal(row, want.rows[i]) {
				return fmt.Errorf("the next statement finds %s = %q", row[0], row[1])
			}
		}
	}
	return nil
}

func (s *harness) everySetting(ctx context.Context) error {
	all, err := s.changes(ctx)
	if err != nil {
		return err
	}
	want, err := s.reference(ctx, all)
	if err != nil {
		return err
	}
	return s.lone(ctx, func(drv *pgtenant.Driver) error {
		changed := 0
		for _, c := range all {
			if err := drv.Exec(as(ctx, s.a.id), "select "+c.call(), []any{}, nil); err != nil {
				continue // this server takes no such value
			}
			changed++
			if err := s.unchangedSettings(ctx, drv, all, want); err != nil {
				return fmt.Errorf("after %s: %w", c.call(), err)
			}
		}
		if changed < len(all)/2 {
			return fmt.Errorf("only %d of %d settings could be changed, so little is proven", changed, len(all))
		}
		return s.ownRows(ctx, drv, s.tables[0])
	})
}

func (s *harness) allSettings(ctx context.Context) error {
	all, err := s.changes(ctx)
	if err != nil {
		return err
	}
	want, err := s.reference(ctx, all)
	if err != nil {
		return err
	}
	calls := []string{}
	for _, c := range all {
		if c.name != "client_encoding" { // the answer itself would come in another encoding
			calls = append(calls, c.call())
		}
	}
	return s.lone(ctx, func(drv *pgtenant.Driver) error {
		if err := drv.Exec(as(ctx, s.a.id), "select "+strings.Join(calls, ", "), []any{}, nil); err != nil {
			return err
		}
		return errors.Join(s.unchangedSettings(ctx, drv, all, want), s.ownRows(ctx, drv, s.tables[0]))
	})
}

// effects leaves settings that do harm, and looks at the harm itself.
func (s *harness) effects(ctx context.Context, tb *table) error {
	theirs := as(ctx, s.b.id)
	return s.lone(ctx, func(drv *pgtenant.Driver) error {
		for _, c := range []change{
			{"client_encoding", "LATIN1"}, {"row_security", "off"}, {"search_path", "pg_temp"},
			{"default_transaction_read_only", "on"}, {"statement_timeout", "20"}, {"extra_float_digits", "-15"},
			{"xmloption", "document"}, {"transform_null_equals", "on"}, {"array_nulls", "off"},
		} {
			if err := drv.Exec(as(ctx, s.a.id), "select "+c.call(), []any{}, nil); err != nil {
				return err
			}
			if err := errors.Join(s.unharmed(theirs, drv, tb), s.ownRows(ctx, drv, tb)); err != nil {
				return fmt.Errorf("after %s: %w", c.call(), err)
			}
		}
		return nil
	})
}

// unharmed does what a tenant does: it writes, takes its time, and has text and numbers read as they were sent.
func (s *harness) unharmed(ctx context.Context, drv *pgtenant.Driver, tb *table) (err error) {
	tx, err := drv.Tx(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	var length, nulls int64
	var number string
	if err := pgtenant.QueryRow(ctx, tx,
		"select char_length($1::text), array_length($2::text[], 1), (0.1::float8 + 0.2::float8)::text from pg_sleep(0.05)",
		[]any{"é€", "{NULL,x}"}, &length, &nulls, &number); err != nil {
		return err
	}
	if length != 2 || nulls != 2 || number != "0.30000000000000004" {
		return fmt.Errorf("a text of two characters has %d, a sum of floats is %s", length, number)
	}
	return tx.Exec(ctx, s.spell(insert("{mine}"), tb, s.b.id), []any{}, nil)
}

// equivalent changes a setting to its own value in another spelling. A driver that takes that for a change must replace
// the connection and go on; one that does not must be right about it.
func (s *harness) equivalent(ctx context.Context) error {
	all, err := s.changes(ctx)
	if err != nil {
		return err
	}
	want, err := s.reference(ctx, all)
	if err != nil {
		return err
	}
	return s.lone(ctx, func(drv *pgtenant.Driver) error {
		for _, c := range []change{
			{"client_encoding", "utf-8"}, {"DateStyle", "iso, mdy"}, {"row_security", "true"}, {"synchronous_commit", "true"},
			{"search_path", `"$user",public`}, {"TimeZone", "Etc/UTC"}, {"statement_timeout", "15000ms"}, {"lock_timeout", "3000"},
		} {
			if err := drv.Exec(as(ctx, s.a.id), "select "+c.call(), []any{}, nil); err != nil {
				return err
			}
			if err := errors.Join(s.unchangedSettings(ctx, drv, all, want), s.ownRows(ctx, drv, s.tables[0])); err != nil {
				return fmt.Errorf("after %s: %w", c.call(), err)
			}
		}
		return nil
	})
}

// settingsInTransaction changes the tenant and a time limit for the session, from inside a transaction.
func (s *harness) settingsInTransaction(ctx context.Context, tb *table) error {
	mine := as(ctx, s.a.id)
	poison := "select " + change{setting, s.b.id.String()}.call() + ", " + change{"statement_timeout", "1234"}.call()
	limit := []change{{name: "statement_timeout"}}
	want, err := s.reference(ctx, limit)
	if err != nil {
		return err
	}
	return s.lone(ctx, func(drv *pgtenant.Driver) error {
		for _, steps := range [][]string{
			{poison},
			{"savepoint one", poison, "release one"},
			{"savepoint one", poison, "rollback to one"},
			{"savepoint one", poison, "savepoint two", "release one"},
			{poison, "savepoint one", "rollback to one"},
		} {
			for _, end := range []func(dialect.Tx) error{dialect.Tx.Commit, dialect.Tx.Rollback} {
				if err := runInTx(mine, drv, end, steps...); err != nil {
					return fmt.Errorf("%q: %w", steps, err)
				}
				if err := errors.Join(s.unchangedSettings(ctx, drv, limit, want), s.ownRows(ctx, drv, tb)); err != nil {
					return fmt.Errorf("after %q: %w", steps, err)
				}
			}
		}
		return nil
	})
}

// runInTx runs statements in a transaction and ends it.
func runInTx(ctx context.Context, drv *pgtenant.Driver, end func(dialect.Tx) error, steps ...string) error {
	tx, err := drv.Tx(ctx)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := tx.Exec(ctx, step, []any{}, nil); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return end(tx)
}

// settingByFunction has XML functions run a text as a query.
func (s *harness) settingByFunction(ctx context.Context) error {
	inner := literal("select " + change{"row_security", "off"}.call() + ", " + change{"statement_timeout", "1234"}.call())
	return s.afterEach(ctx,
		"select query_to_xml("+inner+", true, false, '')",
		"with x as materialized (select query_to_xml("+inner+", true, false, '') r) select count(r::text) from x",
		"select count(*) from ts_stat("+literal("select to_tsvector(set_config('row_security', 'off', false))")+")",
	)
}

func (s *harness) settingByCommand(ctx context.Context) error {
	return s.afterEach(ctx,
		"set row_security = off", "set session statement_timeout = 1234", "set time zone 'Asia/Tokyo'", "set names 'LATIN1'",
		"set session characteristics as transaction read only", "set session characteristics as transaction isolation level serializable",
		"reset all", "reset row_security", "discard plans", "discard sequences", "discard temp",
	)
}

// afterEach sends each statement as a tenant, and requires the next one to find its settings as they were.
func (s *harness) afterEach(ctx context.Context, texts ...string) error {
	all, err := s.changes(ctx)
	if err != nil {
		return err
	}
	want, err := s.reference(ctx, all)
	if err != nil {
		return err
	}
	return s.lone(ctx, func(drv *pgtenant.Driver) error {
		for _, text := range texts {
			if a := ask(as(ctx, s.a.id), drv, text); a.err != nil {
				return fmt.Errorf("%q: %w", text, a.err)
			}
			if err := errors.Join(s.unchangedSettings(ctx, drv, all, want), s.ownRows(ctx, drv, s.tables[0])); err != nil {
				return fmt.Errorf("after %q: %w", text, err)
			}
		}
		return nil
	})
}

// sessionRole sets the only role that it may: its own. That must not stay either.
func (s *harness) sessionRole(ctx context.Context) error {
	const who = "select current_user, session_user, current_setting('role'), current_setting('is_superuser')"
	return s.lone(ctx, func(drv *pgtenant.Driver) error {
		want := ask(as(ctx, s.b.id), drv, who)
		if want.err != nil {
			return want.err
		}
		for _, text := range []string{
			"set role none", "set session authorization default", "select set_config('role', current_user, false)",
			"select set_config('session_authorization', current_user, false)",
		} {
			if a := ask(as(ctx, s.a.id), drv, text); a.err != nil {
				return fmt.Errorf("%q: %w", text, a.err)
			}
			got := ask(as(ctx, s.b.id), drv, who)
			if got.err != nil || !slices.Equal(got.rows[0], want.rows[0]) {
				return fmt.Errorf("after %q the next statement is %q, and was %q: %w", text, got.rows, want.rows, orNone(got.err))
			}
			if err := s.ownRows(ctx, drv, s.tables[0]); err != nil {
				return err
			}
		}
		return nil
	})
}

// roleEncoding changes its role's default in this database only, for as long as a driver takes to connect.
func (s *harness) roleEncoding(ctx context.Context) error {
	a := s.raw.do(ctx, "select quote_ident(current_database())")
	if a.err != nil {
		return a.err
	}
	role := "alter role current_user in database " + a.rows[0][0]
	if err := s.raw.do(ctx, role+" set client_encoding = 'LATIN1'").err; err != nil {
		return err
	}
	defer s.raw.do(context.WithoutCancel(ctx), role+" reset client_encoding")
	return s.direct(ctx, func(drv *pgtenant.Driver) error {
		for range 2 { // a connection's first statement, and a later one
			if err := s.unharmed(as(ctx, s.b.id), drv, s.tables[0]); err != nil {
				return err
			}
		}
		return nil
	})
}

// direct is a driver with one connection at the server itself.
func (s *harness) direct(ctx context.Context, do func(*pgtenant.Driver) error) error {
	drv, err := pgtenant.Open(ctx, s.kit.target.DSN, pgtenant.WithMaxConns(1))
	if err != nil {
		return err
	}
	defer func() { _ = drv.Close() }()
	return do(drv)
}

func (s *harness) slowed(ctx context.Context) error {
	return s.direct(ctx, func(drv *pgtenant.Driver) error {
		slower := change{"work_mem", "64"}
		if err := drv.Exec(as(ctx, s.a.id), "select "+slower.call(), []any{}, nil); err != nil {
			return err
		}
		a := ask(as(ctx, s.b.id), drv, "select 1 where current_setting('work_mem') = '64kB'")
		return errors.Join(pinned(a.err, found(a)), s.ownRows(ctx, drv, s.tables[0]))
	})
}

func (s *harness) seeded(ctx context.Context) error {
	const seed = "select setseed(0.42)"
	want := s.raw.all(ctx, seed, "select random()::text")
	if want.err != nil {
		return want.err
	}
	return s.direct(ctx, func(drv *pgtenant.Driver) error {
		if err := drv.Exec(as(ctx, s.a.id), seed, []any{}, nil); err != nil {
			return err
		}
		a := ask(as(ctx, s.b.id), drv, "select random()::text, gen_random_uuid()::text")
		if a.err != nil {
			return a.err
		}
		uuids := s.raw.all(ctx, seed, "select random()::text, gen_random_uuid()::text")
		if uuids.err == nil && uuids.rows[0][1] == a.rows[0][1] {
			return errors.New("gen_random_uuid() follows the seed")
		}
		return pinned(uuids.err, a.rows[0][0] == want.rows[0][0])
	})
}
