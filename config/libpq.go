package config

import (
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ignoredLibpq are the variables of libpq that would change where a URL leads or what its session is like. They are
// meant for psql and its kind: here DATABASE_URL and MIGRATION_DATABASE_URL decide.
func ignoredLibpq() []string {
	return []string{
		"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGAPPNAME", "PGCONNECT_TIMEOUT", "PGTARGETSESSIONATTRS",
		"PGSERVICE", "PGSERVICEFILE", "PGTZ", "PGOPTIONS", "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION",
	}
}

// honoredLibpq are the variables that supply a credential or TLS setting a URL leaves out, by the URL parameter that
// they stand for. Ignoring them could send a password unencrypted that its owner meant to protect.
func honoredLibpq() map[string]string {
	return map[string]string{
		"PGPASSWORD": "password", "PGPASSFILE": "passfile",
		"PGSSLMODE": "sslmode", "PGSSLKEY": "sslkey", "PGSSLCERT": "sslcert", "PGSSLCERTMODE": "sslcertmode",
		"PGSSLSNI": "sslsni", "PGSSLROOTCERT": "sslrootcert", "PGSSLPASSWORD": "sslpassword",
		"PGSSLNEGOTIATION": "sslnegotiation", "PGCHANNELBINDING": "channel_binding", "PGREQUIREAUTH": "require_auth",
	}
}

// IgnoreLibpq removes libpq's variables from the environment of this process, so that no connection follows them.
// Those for credentials and TLS stay unless all is true, which is for commands that bring a PostgreSQL of their own.
func IgnoreLibpq(all bool) {
	names := ignoredLibpq()
	if all {
		for name := range honoredLibpq() {
			names = append(names, name)
		}
	}
	for _, name := range names {
		_ = os.Unsetenv(name) // fails for names that no variable can have
	}
}

// A blame is an UnmarshalText error whose cause is another variable than the one that was read.
type blame struct {
	problem

	variable string
}

// libpqFault finds the variable of libpq that makes every URL unusable; "" if there is none. Each is tried with all
// others overridden.
func libpqFault() string {
	honored := honoredLibpq()
	names := make([]string, 0, len(honored))
	for name := range honored {
		if _, set := os.LookupEnv(name); set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		others := url.Values{}
		for other, parameter := range honored {
			if other != name {
				others.Set(parameter, "")
			}
		}
		// pgx takes these two, but not empty.
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
		return blame{variable: name, problem: problem("is libpq's and cannot be used: unset or correct it" + hintFor(name))}
	}

	return problem("is not a PostgreSQL URL (is a special character in the password not percent-encoded?" +
		" are port, sslmode and certificate files right?)")
}

func hintFor(name string) string {
	if strings.HasSuffix(name, "CERT") || strings.HasSuffix(name, "KEY") {
		return " (does the file exist, and is it readable?)"
	}

	return ""
}
