package pgtenant

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// settings lists what a statement depends on and any user may change for a session: what changes visibility, stored or
// returned values, time limits, isolation or durability. It is pg_settings' context "user" of PostgreSQL 15 to 18 without
//
//   - what only makes a statement faster or slower, or costs memory: enable_*, jit_*, geqo*, *_cost, *_mem, parallelism,
//     plan_cache_mode, vacuum_*, *_io_concurrency, temp_buffers and the like;
//   - what only matters to DDL, for which the role has no right: check_function_bodies, default_table_access_method,
//     default_tablespace, default_toast_compression, temp_tablespaces, password_encryption, createrole_self_grant;
//   - what only reaches logs and monitoring, without bound values: application_name, client_min_messages, trace_*, and debug_* but
//     for debug_print_plan;
//   - escape_string_warning, which warns; tcp_*, which the kernel applies; transaction_*, which end with a transaction.
//
// Settings of extensions and of users' own are not known here.
//
// The settings of parsing, the tenant's own setting, the encoding and the role are compared as well; see values.
func settings() []string {
	return []string{
		"search_path", "row_security", "session_replication_role", "xmlbinary", "gin_fuzzy_search_limit",
		"default_text_search_config", "lc_numeric", "lc_time",
		"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout",
		"default_transaction_isolation", "default_transaction_read_only", "default_transaction_deferrable",
		"synchronous_commit", "exit_on_error",
		"log_parameter_max_length_on_error", "debug_print_plan", // what the log would show of bound values
	}
}

// parsing lists the settings by which PostgreSQL reads the text of a statement, including its constants, and those by
// which functions that it takes for immutable turn constants into text. A prepared statement keeps what was read, and its
// plan keeps that text. (It is read again where search_path or row_security differ.)
func parsing() []string {
	return []string{
		"DateStyle", "IntervalStyle", "TimeZone", "timezone_abbreviations", "lc_monetary", "array_nulls", "xmloption",
		"standard_conforming_strings", "backslash_quote", "transform_null_equals",
		"bytea_output", "extra_float_digits", "quote_all_identifiers",
	}
}

// newSettings are those that not every supported release has.
func newSettings() []string {
	return []string{"transaction_timeout", "restrict_nonsystem_relation_kind"}
}

// pinned are the settings that every connection asks for when it is made: text is UTF-8 and times are UTC, whatever a role
// or a database has as its default.
func pinned() map[string]string {
	return map[string]string{"client_encoding": "UTF8", "timezone": "UTC"}
}

// setTenant makes its second argument the transaction's tenant. The value is bound, never spliced.
const setTenant = "select set_config($1, $2, true)"

// checkSession is setTenant behind a check: the statement fails unless the session's settings are $3. They are compared as
// one string, which costs a third of comparing each. PostgreSQL folds a constant that fails when it plans, so the failing
// branch is a cast of text that is not constant. The check comes first, and so sees the tenant's setting as it was.
//
//nolint:gochecknoglobals // a constant that Go cannot express
var checkSession = "select (case when " + values() + " = $3 then 'true' else 'the session was changed' end)::bool, " +
	"set_config($1, $2, true)"

// checkUser is checkSession for a session that was reset at the end of its last use and not used since: the role
// is what RESET ALL leaves.
const checkUser = "select (case when current_user = $3 then 'true' else 'the session was changed' end)::bool, set_config($1, $2, true)"

// resetAll undoes what a read set for its session, at the end of the read's own transaction. It costs a small part of
// checkSession. It does not follow a write, because deferred triggers run after it. They also do if a SELECT calls a function
// that writes: unless it is called through Exec, the next statement or transaction sees what a trigger set for the session.
const resetAll = "reset all"

// setTenantAgain is setTenant for a transaction's later statements. It returns whether the settings of parsing are $3. A
// transaction may change them for itself, but what is prepared under them outlives it.
//
//nolint:gochecknoglobals // as above
var setTenantAgain = "select " + parsed() + " = $3, set_config($1, $2, true)"

// values is an expression for the session's settings as one string. A function of its own, such as current_user, costs a
// fraction of current_setting. concat_ws leaves out the NULL of a setting that the release lacks; the tenant's is NULL
// until it is first set.
func values() string {
	var b strings.Builder
	b.WriteString("concat_ws('|', current_user, " + parsed() + ", coalesce(current_setting('" + rls.Setting + "', true), '')")
	for _, name := range settings() {
		b.WriteString(", current_setting('" + name + "')")
	}
	for _, name := range newSettings() {
		b.WriteString(", current_setting('" + name + "', true)")
	}
	b.WriteString(")")
	return b.String()
}

// parsed is an expression for the settings of parsing, and the encoding, as one string.
func parsed() string {
	return "concat_ws('|', pg_client_encoding(), current_setting('" + strings.Join(parsing(), "'), current_setting('") + "'))"
}

// reset returns the statements that begin a transaction and return the session to what it was when its connection was
// made. Behind a pooler the connection may have been made by another client, so what is pinned is set again.
func reset() []string {
	statements := []string{"begin", "reset all", "reset role"}
	for name, value := range pinned() {
		statements = append(statements, "select set_config('"+name+"', '"+value+"', false)")
	}
	return statements
}

// session holds the settings that the server gives a new session of the login.
type session struct {
	values []byte // what checkSession compares with
	parsed []byte // what setTenantAgain compares with
	user   []byte // what checkUser compares with
	direct bool   // the backend has the process id that was announced: there is no pooler in between
}

// readSession reads the settings outside of a transaction, in one round trip, by resetting the session and rolling that back, since
// reset_val in pg_settings is not spelled as current_setting spells it.
func readSession(ctx context.Context, conn *pgconn.PgConn) (session, error) {
	statements := reset()
	batch := &pgconn.Batch{}
	for _, statement := range append(statements, "select "+values()+", "+parsed()+", current_user, pg_backend_pid()", "rollback") {
		batch.ExecParams(statement, nil, nil, nil, nil)
	}
	results, err := conn.ExecBatch(ctx, batch).ReadAll()
	if err != nil {
		return session{}, err
	}
	row := results[len(statements)].Rows[0]
	direct := string(row[3]) == strconv.FormatUint(uint64(conn.PID()), 10)
	return session{values: row[0], parsed: row[1], user: row[2], direct: direct}, nil
}

// openReset begins a transaction of the tenant's on a session whose settings were just reset, all in one round trip, so that
// a pooler has no occasion to switch the session. The reset has a transaction of its own, since a transaction takes its
// isolation level and its access mode from the settings at its beginning.
func (l *lease) openReset(ctx context.Context, begin string, tenant tenancy.ID) error {
	batch := &pgconn.Batch{}
	for _, statement := range append(reset(), "commit", begin) {
		batch.ExecParams(statement, nil, nil, nil, nil)
	}
	batch.ExecParams(setTenant, [][]byte{[]byte(rls.Setting), []byte(tenant.String())}, nil, nil, nil)
	_, err := l.conn().PgConn().ExecBatch(ctx, batch).ReadAll()
	return err
}
