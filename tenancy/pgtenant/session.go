package pgtenant

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// settings lists the settings that any user may change and that affect visibility, stored or returned values, time
// limits, isolation or durability: pg_settings' context "user" of PostgreSQL 15 to 18 without
//
//   - speed and memory: enable_*, jit_*, geqo*, *_cost, *_mem, parallelism, plan_cache_mode, vacuum_*,
//     *_io_concurrency, temp_buffers and similar;
//   - DDL, which the role may not run: check_function_bodies, default_table_access_method, default_tablespace,
//     default_toast_compression, temp_tablespaces, password_encryption, createrole_self_grant;
//   - logs and monitoring, without bound values: application_name, client_min_messages, trace_*, and debug_* except
//     debug_print_plan;
//   - escape_string_warning; tcp_*, which the kernel applies; transaction_*, which end with a transaction.
//
// Settings of extensions and custom ones are not included. See values for others that are compared.
func settings() []string {
	return []string{
		"search_path", "row_security", "session_replication_role", "xmlbinary", "gin_fuzzy_search_limit",
		"default_text_search_config", "lc_numeric", "lc_time",
		"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout",
		"default_transaction_isolation", "default_transaction_read_only", "default_transaction_deferrable",
		"synchronous_commit", "exit_on_error",
		"log_parameter_max_length_on_error", "debug_print_plan", // would log bound values
	}
}

// parsing lists the settings that affect how PostgreSQL parses a statement and its constants, and how functions marked
// immutable convert constants to text. A prepared statement keeps the result of both. (It is parsed again if
// search_path or row_security differ.)
func parsing() []string {
	return []string{
		"DateStyle", "IntervalStyle", "TimeZone", "timezone_abbreviations", "lc_monetary", "array_nulls", "xmloption",
		"standard_conforming_strings", "backslash_quote", "transform_null_equals",
		"bytea_output", "extra_float_digits", "quote_all_identifiers",
	}
}

// versionedSettings are settings that some supported releases lack.
func versionedSettings() []string {
	return []string{"transaction_timeout", "restrict_nonsystem_relation_kind"}
}

// pinned are the startup parameters of every connection: UTF-8 and UTC, whatever the defaults of the role or the
// database.
func pinned() map[string]string {
	return map[string]string{"client_encoding": "UTF8", "timezone": "UTC"}
}

// setTenant sets the transaction's tenant. The value is bound, never part of the text.
const setTenant = "select set_config($1, $2, true)"

// checkSession is setTenant after a check that fails unless the session's settings are $3. Comparing one string costs a
// third of comparing each. The failing branch casts non-constant text, because PostgreSQL evaluates a constant when it
// plans. The check comes first, so it sees the tenant that was set before.
//
//nolint:gochecknoglobals // constant
var checkSession = "select (case when " + values() + " = $3 then 'true' else 'the session was changed' end)::bool, " +
	"set_config($1, $2, true)"

// checkUser is checkSession for a session that was reset after its last use: RESET ALL does not reset the role.
const checkUser = "select (case when current_user = $3 then 'true' " +
	"else 'the session was changed' end)::bool, set_config($1, $2, true)"

// resetAll resets the session at the end of a read's transaction. It costs a fraction of checkSession. It does not
// follow a write, because deferred triggers run after it. Call a function that writes by Exec: after a SELECT, the next
// statement or transaction sees what its trigger set for the session.
const resetAll = "reset all"

// setTenantAgain is setTenant for a transaction's later statements. It returns whether the settings of parsing are $3:
// a statement prepared under a transaction's settings outlives it.
//
//nolint:gochecknoglobals // as above
var setTenantAgain = "select " + parsed() + " = $3, set_config($1, $2, true)"

// values is an expression for the session's settings as one string. A dedicated function such as current_user costs a
// fraction of current_setting. concat_ws omits NULL, the value of a setting that the release lacks.
func values() string {
	return "concat_ws('|', current_user, " + parsed() +
		", coalesce(current_setting('" + rls.Setting + "', true), '')" +
		", current_setting('" + strings.Join(settings(), "'), current_setting('") + "')" +
		", current_setting('" + strings.Join(versionedSettings(), "', true), current_setting('") + "', true))"
}

// parsed is an expression for the encoding and the settings of parsing as one string.
func parsed() string {
	return "concat_ws('|', pg_client_encoding(), current_setting('" +
		strings.Join(parsing(), "'), current_setting('") + "'))"
}

// reset returns the statements that begin a transaction and reset the session to its state when the connection was
// opened. Behind a pooler another client may have opened it, so the pinned settings are set again.
func reset() []string {
	statements := []string{"begin", "reset all", "reset role"}
	for name, value := range pinned() {
		statements = append(statements, "select set_config('"+name+"', '"+value+"', false)")
	}
	return statements
}

type session struct {
	values []byte // what checkSession compares with
	parsed []byte // what setTenantAgain compares with
	user   []byte // what checkUser compares with
	direct bool   // the backend has the announced process id, so there is no pooler
}

// readSession reads the settings in one round trip. It resets the session and rolls that back, because reset_val in
// pg_settings has another format than current_setting. Call it outside of a transaction.
func readSession(ctx context.Context, conn *pgconn.PgConn) (session, error) {
	statements := reset()
	batch := batchOf(append(
		statements, "select "+values()+", "+parsed()+", current_user, pg_backend_pid()", "rollback"))
	results, err := conn.ExecBatch(ctx, batch).ReadAll()
	if err != nil {
		return session{}, err
	}
	row := results[len(statements)].Rows[0]
	direct := string(row[3]) == strconv.FormatUint(uint64(conn.PID()), 10)
	return session{values: row[0], parsed: row[1], user: row[2], direct: direct}, nil
}

// openReset resets the session and begins a transaction of the tenant, in one round trip, so that a pooler can't switch
// the session in between. The reset is a separate transaction, because isolation level and access mode are taken from
// the settings at BEGIN.
func (l *lease) openReset(ctx context.Context, begin string, tenant tenancy.ID) error {
	batch := batchOf(append(reset(), "commit", begin))
	batch.ExecParams(setTenant, [][]byte{[]byte(rls.Setting), []byte(tenant.String())}, nil, nil, nil)
	_, err := l.conn().PgConn().ExecBatch(ctx, batch).ReadAll()
	return err
}

func batchOf(statements []string) *pgconn.Batch {
	batch := &pgconn.Batch{}
	for _, statement := range statements {
		batch.ExecParams(statement, nil, nil, nil, nil)
	}
	return batch
}
