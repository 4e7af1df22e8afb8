package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Roles that the server must never use. The doctor judges the role itself; these names are refused before anything
// connects.
const (
	superuserName    = "postgres"
	ownerRole        = "konstruct_owner"
	resolverRole     = "konstruct_resolver"
	databaseVariable = "DATABASE_URL"
	ownerVariable    = "MIGRATION_DATABASE_URL"
	proxiesVariable  = "KONSTRUCT_TRUSTED_PROXIES"
)

// A DatabaseURL is a PostgreSQL connection URL. It prints as postgres://user@host:port/database, without password and
// parameters. Its zero value is the unset URL.
type DatabaseURL struct {
	value hidden[*pgx.ConnConfig]
}

// Reveal answers the connection string, password included, "" when unset.
func (u DatabaseURL) Reveal() string {
	if u.value == nil {
		return ""
	}

	return u.value().ConnString()
}

// User is the role that the URL logs in as.
func (u DatabaseURL) User() string {
	if u.value == nil {
		return ""
	}

	return u.value().User
}

// IsLoopback tells whether every host that the URL may connect to is this machine.
func (u DatabaseURL) IsLoopback() bool {
	if u.value == nil {
		return true
	}
	for _, fallback := range u.value().Fallbacks {
		if !isLoopback(fallback.Host) {
			return false
		}
	}

	return isLoopback(u.value().Host)
}

// String implements [fmt.Stringer].
func (u DatabaseURL) String() string {
	if u.value == nil {
		return ""
	}
	parsed := u.value()
	address := net.JoinHostPort(parsed.Host, strconv.Itoa(int(parsed.Port)))

	return fmt.Sprintf("postgres://%s@%s/%s", url.User(parsed.User), address, parsed.Database)
}

// GoString implements [fmt.GoStringer].
func (u DatabaseURL) GoString() string { return u.String() }

// Format implements [fmt.Formatter], so that no verb gets past String.
func (u DatabaseURL) Format(f fmt.State, _ rune) { writeTo(f, u.String()) }

// LogValue implements [slog.LogValuer].
func (u DatabaseURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText implements [encoding.TextMarshaler], and with it JSON.
func (u DatabaseURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. What libpq's variables for credentials and TLS add is part of the
// result, as it will be part of the connection; see [IgnoreLibpq] for the others.
func (u *DatabaseURL) UnmarshalText(text []byte) error {
	raw := string(text)
	if !strings.HasPrefix(raw, "postgres://") && !strings.HasPrefix(raw, "postgresql://") {
		return problem("must begin with postgres:// or postgresql://")
	}
	if misplaced(raw) || strings.Count(raw, "@") > 1 { // pgx takes what follows the first @ for the host
		return problem(misplacedProblem)
	}
	parsed, err := pgx.ParseConfig(raw)
	if err != nil {
		return unusable()
	}
	u.value = hide(parsed)

	return nil
}

func (u DatabaseURL) password() string {
	if u.value == nil {
		return ""
	}

	return u.value().Password
}

// presets names the session settings that the URL would bring along, sorted. application_name is harmless. A name that
// is not PostgreSQL's own may be part of a password with an unescaped question mark, and is not repeated.
func (u DatabaseURL) presets() []string {
	if u.value == nil {
		return nil
	}
	names := []string{}
	for name := range u.value().RuntimeParams {
		switch {
		case name == "application_name", name == "fallback_application_name":
		case slices.Contains(knownSettings(), strings.ToLower(name)):
			names = append(names, name)
		default:
			names = append(names, "an unknown parameter")
		}
	}
	slices.Sort(names)

	return slices.Compact(names)
}

// knownSettings are those that somebody is likely to put into a URL.
func knownSettings() []string {
	return []string{
		"app.current_tenant", "client_encoding", "client_min_messages", "datestyle", "default_transaction_isolation",
		"default_transaction_read_only", "extra_float_digits", "idle_in_transaction_session_timeout", "intervalstyle",
		"lock_timeout", "options", "plan_cache_mode", "role", "row_security", "search_path", "session_authorization",
		"statement_timeout", "synchronous_commit", "timezone", "transaction_timeout", "work_mem",
	}
}

// namesQueryMode tells whether the URL itself asks for a mode of executing queries, and which.
func (u DatabaseURL) namesQueryMode() (pgx.QueryExecMode, bool) {
	if u.value == nil || !strings.Contains(u.Reveal(), "default_query_exec_mode") {
		return 0, false
	}

	return u.value().DefaultQueryExecMode, true
}

// QueryMode says how statements are sent to PostgreSQL. The values are pgx's own names.
type QueryMode string

// The modes that isolation is tested with. Others are refused: the simple protocol runs several statements at once,
// and describe_exec takes two round trips on one connection, which a pooler may split.
const (
	CacheStatement QueryMode = "cache_statement" // prepares each statement once on each connection
	CacheDescribe  QueryMode = "cache_describe"  // for PgBouncer in transaction mode
	Exec           QueryMode = "exec"            // for PgBouncer in transaction mode, without any cache
)

// PGX is the mode as pgx counts it.
func (m QueryMode) PGX() pgx.QueryExecMode {
	switch m {
	case CacheDescribe:
		return pgx.QueryExecModeCacheDescribe
	case Exec:
		return pgx.QueryExecModeExec
	case CacheStatement:
		return pgx.QueryExecModeCacheStatement
	}

	return pgx.QueryExecModeCacheStatement
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *QueryMode) UnmarshalText(text []byte) error {
	mode := QueryMode(text)
	if mode != CacheStatement && mode != CacheDescribe && mode != Exec {
		return problem("must be cache_statement, cache_describe or exec")
	}
	*m = mode

	return nil
}

// Database is the server's way to PostgreSQL, as the role konstruct_app.
type Database struct {
	URL       DatabaseURL  `env:"DATABASE_URL" envDefault:"postgres://konstruct_app:konstruct-app-example@127.0.0.1:5432/konstruct"`
	MaxConns  int32        `env:"KONSTRUCT_DB_MAX_CONNS"` // Connections in the pool; PoolSize knows the default.
	QueryMode QueryMode    `env:"KONSTRUCT_DB_QUERY_MODE" envDefault:"cache_statement"`
	Known     KnownObjects `env:"KONSTRUCT_DOCTOR_KNOWN"`
}

// KnownObjects are objects of the database that an operator vouches for, separated by semicolons: by name
// ("public.audit"), or all of a schema ("reporting.*"). The doctor names them and does not refuse them.
type KnownObjects []string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *KnownObjects) UnmarshalText(text []byte) error {
	for name := range strings.SplitSeq(string(text), ";") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if schema, _, found := strings.Cut(name, "."); !found || schema == "" || strings.HasPrefix(name, "*") {
			return problem("must name objects with their schema, such as public.audit; reporting.*")
		}
		*k = append(*k, name)
	}

	return nil
}

// connsPerCore is the upper end of what serves best; more connections only queue inside PostgreSQL.
const (
	connsPerCore = 4
	maxConns     = 1000
)

// PoolSize is the number of connections to keep at most: KONSTRUCT_DB_MAX_CONNS, or four for each core.
func (d Database) PoolSize() int32 {
	if d.MaxConns > 0 {
		return d.MaxConns
	}

	return int32(min(runtime.GOMAXPROCS(0)*connsPerCore, maxConns)) //nolint:gosec // Bounded by maxConns.
}

// check judges all that can be judged without connecting. owner is the user name of the migrations' URL.
func (d Database) check(faults *Faults, owner string) {
	faults.require("KONSTRUCT_DB_MAX_CONNS", d.MaxConns >= 0 && d.MaxConns <= maxConns, "must be between 1 and 1000")
	if d.URL.value == nil { // it, or a variable that it depends on, has a fault already
		return
	}

	d.checkUser(faults, owner)
	if presets := d.URL.presets(); len(presets) > 0 {
		faults.add(databaseVariable, "presets "+strings.Join(presets, ", ")+": a setting that a session is born with can"+
			" defeat isolation; pool sizes and query modes have variables of their own")
	}
	if mode, named := d.URL.namesQueryMode(); named && mode != d.QueryMode.PGX() {
		faults.add(databaseVariable, "has a default_query_exec_mode that differs from KONSTRUCT_DB_QUERY_MODE")
	}
}

func (d Database) checkUser(faults *Faults, owner string) {
	switch d.URL.User() {
	case "":
		faults.add(databaseVariable, "names no user")
	case superuserName, ownerRole, resolverRole:
		faults.add(databaseVariable, "logs in as "+d.URL.User()+", which row-level security does not bind: use konstruct_app")
	case owner:
		faults.add(databaseVariable, "logs in as the user of "+ownerVariable+
			": the owner of the tables can switch isolation off, so the server must be another role")
	}
}
