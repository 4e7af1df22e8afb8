package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/redact"
)

// The server rejects these roles before connecting. The doctor checks the attributes of any role.
const (
	superuserName    = "postgres"
	ownerRole        = "konstruct_owner"
	resolverRole     = "konstruct_resolver"
	databaseVariable = "DATABASE_URL"
	ownerVariable    = "MIGRATION_DATABASE_URL"
)

// A DatabaseURL prints as postgres://user@host:port/database, without password and parameters. The zero value is unset.
type DatabaseURL struct {
	shown

	value redact.Value[*pgx.ConnConfig]
}

// config returns the zero configuration when unset.
func (u DatabaseURL) config() *pgx.ConnConfig { return cmp.Or(u.value.Reveal(), &pgx.ConnConfig{}) }

func (u DatabaseURL) isSet() bool { return u.Reveal() != "" }

// Reveal returns the connection string with its password, "" when unset.
func (u DatabaseURL) Reveal() string { return u.config().ConnString() }

// User returns the role that the URL connects as.
func (u DatabaseURL) User() string { return u.config().User }

func (u DatabaseURL) password() string { return u.config().Password }

// IsLoopback reports whether every host of the URL is this machine.
func (u DatabaseURL) IsLoopback() bool {
	for _, fallback := range u.config().Fallbacks {
		if !isLoopback(fallback.Host) {
			return false
		}
	}

	return !u.isSet() || isLoopback(u.config().Host)
}

// UnmarshalText implements [encoding.TextUnmarshaler]. libpq's variables for credentials and TLS apply (see
// [IgnoreLibpq]).
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
	u.value = redact.New(parsed)
	address := net.JoinHostPort(parsed.Host, strconv.Itoa(int(parsed.Port)))
	u.shown = shown(fmt.Sprintf("postgres://%s@%s/%s", url.User(parsed.User), address, parsed.Database))

	return nil
}

// presets returns the sorted names of the URL's session settings except application_name. Unknown names are not quoted,
// because they can be part of a password with an unescaped question mark.
func (u DatabaseURL) presets() []string {
	names := []string{}
	for name := range u.config().RuntimeParams {
		switch {
		case name == "application_name", name == "fallback_application_name":
		case slices.Contains(strings.Fields(knownSettings), strings.ToLower(name)):
			names = append(names, name)
		default:
			names = append(names, "an unknown parameter")
		}
	}
	slices.Sort(names)

	return slices.Compact(names)
}

// knownSettings are likely in a URL.
const knownSettings = `
	app.current_tenant client_encoding client_min_messages datestyle default_transaction_isolation
	default_transaction_read_only extra_float_digits idle_in_transaction_session_timeout intervalstyle
	lock_timeout options plan_cache_mode role row_security search_path session_authorization
	statement_timeout synchronous_commit timezone transaction_timeout work_mem`

// QueryMode is how statements are sent to PostgreSQL, named as in pgx.
type QueryMode string

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts the modes that isolation is tested with. The simple
// protocol is excluded because it can run several statements at once, describe_exec because poolers may split its round
// trips.
func (m *QueryMode) UnmarshalText(text []byte) error {
	switch mode := string(text); mode {
	case "cache_statement", // prepares each statement once per connection
		"cache_describe", // for PgBouncer in transaction mode
		"exec":           // for PgBouncer in transaction mode, without a cache
		*m = QueryMode(mode)
		return nil
	default:
		return problem("must be cache_statement, cache_describe or exec")
	}
}

// Database is the connection of the server, as the role konstruct_app.
type Database struct {
	URL       DatabaseURL  `env:"DATABASE_URL" envDefault:"postgres://konstruct_app:konstruct-app-example@127.0.0.1:5432/konstruct"`
	MaxConns  int32        `env:"KONSTRUCT_DB_MAX_CONNS"` // see PoolSize
	QueryMode QueryMode    `env:"KONSTRUCT_DB_QUERY_MODE" envDefault:"cache_statement"`
	Known     KnownObjects `env:"KONSTRUCT_DOCTOR_KNOWN"`
}

// KnownObjects are database objects that the operator accepts, such as "public.audit; reporting.*". The doctor reports
// them without failing.
type KnownObjects []string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *KnownObjects) UnmarshalText(text []byte) error {
	for name := range strings.SplitSeq(string(text), ";") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if schema, _, found := strings.Cut(name, "."); !found || schema == "" || strings.HasPrefix(name, "*") {
			return problem("must list objects with their schema, such as public.audit; reporting.*")
		}
		*k = append(*k, name)
	}

	return nil
}

// With more connections per core, statements queue inside PostgreSQL.
const (
	connsPerCore = 4
	maxConns     = 1000
)

// PoolSize returns the maximum number of connections: KONSTRUCT_DB_MAX_CONNS, or four per core.
func (d Database) PoolSize() int32 {
	if d.MaxConns > 0 {
		return d.MaxConns
	}

	return int32(min(runtime.GOMAXPROCS(0)*connsPerCore, maxConns)) //nolint:gosec // Bounded by maxConns.
}

// check needs no connection. owner is the user of MIGRATION_DATABASE_URL.
func (d Database) check(faults *Faults, owner string) {
	faults.require("KONSTRUCT_DB_MAX_CONNS", d.MaxConns >= 0 && d.MaxConns <= maxConns, "must be between 1 and 1000")
	if !d.URL.isSet() { // it has a fault already
		return
	}

	d.checkUser(faults, owner)
	if presets := d.URL.presets(); len(presets) > 0 {
		faults.add(databaseVariable, "must not set "+strings.Join(presets, ", ")+": session settings in the URL can"+
			" defeat isolation (for the pool, use KONSTRUCT_DB_MAX_CONNS and KONSTRUCT_DB_QUERY_MODE)")
	}
	mode := strings.ReplaceAll(d.URL.config().DefaultQueryExecMode.String(), " ", "_")
	wanted := cmp.Or(string(d.QueryMode), "cache_statement") // the default, also if the variable is invalid
	if strings.Contains(d.URL.Reveal(), "default_query_exec_mode") && mode != wanted {
		faults.add(databaseVariable, "sets a default_query_exec_mode that differs from KONSTRUCT_DB_QUERY_MODE")
	}
}

func (d Database) checkUser(faults *Faults, owner string) {
	switch d.URL.User() {
	case "":
		faults.add(databaseVariable, "has no user name")
	case superuserName, ownerRole, resolverRole:
		faults.add(databaseVariable,
			"connects as "+d.URL.User()+", which bypasses row-level security; use konstruct_app")
	case owner:
		faults.add(databaseVariable, "connects as the user of "+ownerVariable+
			": the owner of the tables can disable row-level security; use konstruct_app")
	}
}
