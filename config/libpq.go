package config

import (
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ignoredLibpq are the libpq variables that change the target or the session settings of a connection, which only the
// URLs may set.
const ignoredLibpq = `
	PGHOST PGPORT PGDATABASE PGUSER PGAPPNAME PGCONNECT_TIMEOUT PGTARGETSESSIONATTRS
	PGSERVICE PGSERVICEFILE PGTZ PGOPTIONS PGMINPROTOCOLVERSION PGMAXPROTOCOLVERSION`

// honoredLibpq maps the libpq variables for credentials and TLS to their URL parameters. Ignoring them could send a
// password unencrypted.
func honoredLibpq() map[string]string {
	return map[string]string{
		"PGPASSWORD": "password", "PGPASSFILE": "passfile",
		"PGSSLMODE": "sslmode", "PGSSLKEY": "sslkey", "PGSSLCERT": "sslcert", "PGSSLCERTMODE": "sslcertmode",
		"PGSSLSNI": "sslsni", "PGSSLROOTCERT": "sslrootcert", "PGSSLPASSWORD": "sslpassword",
		"PGSSLNEGOTIATION": "sslnegotiation", "PGCHANNELBINDING": "channel_binding", "PGREQUIREAUTH": "require_auth",
	}
}

// IgnoreLibpq removes libpq's variables from the environment of this process. Those for credentials and TLS are kept
// unless all is set, for commands that start their own PostgreSQL.
func IgnoreLibpq(all bool) {
	names := strings.Fields(ignoredLibpq)
	if all {
		names = slices.AppendSeq(names, maps.Keys(honoredLibpq()))
	}
	for _, name := range names {
		_ = os.Unsetenv(name) // fails only for invalid names
	}
}

// A blame is an UnmarshalText error caused by another variable.
type blame struct {
	problem

	variable string
}

// libpqFault returns the libpq variable that makes every URL invalid, or "". Each is tried with all others overridden.
func libpqFault() string {
	honored := honoredLibpq()
	for _, name := range slices.Sorted(maps.Keys(honored)) {
		if _, set := os.LookupEnv(name); !set {
			continue
		}
		others := url.Values{}
		for other, parameter := range honored {
			if other != name {
				others.Set(parameter, "")
			}
		}
		// pgx rejects empty values for these two.
		for parameter, neutral := range map[string]string{"sslcertmode": "allow", "channel_binding": "prefer"} {
			if others.Has(parameter) {
				others.Set(parameter, neutral)
			}
		}
		if _, err := pgx.ParseConfig("postgres://konstruct@127.0.0.1/konstruct?" + others.Encode()); err != nil {
			return name
		}
	}

	return ""
}

// unusable explains why pgx cannot parse a URL, without quoting it.
func unusable() error {
	if name := libpqFault(); name != "" {
		return blame{variable: name, problem: problem("is a libpq variable with an invalid value; unset or correct it" +
			hintFor(name))}
	}

	return problem("is not a valid PostgreSQL URL (percent-encode special characters of the password;" +
		" check port, sslmode and certificate files)")
}

func hintFor(name string) string {
	if strings.HasSuffix(name, "CERT") || strings.HasSuffix(name, "KEY") {
		return " (the file must exist and be readable)"
	}

	return ""
}
