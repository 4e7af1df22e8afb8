package migrate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrLint is returned when a lint refuses a statement. The error names file, line and remedy.
var ErrLint = errors.New("migration refused")

var errTransactionControl = errors.New("a migration runs in one transaction and must not begin or end one")

// rule matches a statement that no migration may contain. Literals, function bodies and comments are removed first.
type rule struct {
	broken func(stmt string) bool
	why    string
}

func says(pattern string) func(string) bool {
	return regexp.MustCompile(`(?is)` + pattern).MatchString
}

func both(a, b func(string) bool) func(string) bool {
	return func(s string) bool { return a(s) && b(s) }
}

func not(a func(string) bool) func(string) bool {
	return func(s string) bool { return !a(s) }
}

//nolint:gochecknoglobals // a table that is only read
var rules = []rule{
	{
		says(`^(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b`),
		"a file and its revision are one transaction: remove the statement that begins or ends one",
	},
	{
		says(`\bCONCURRENTLY\b`),
		"a file is one transaction, in which CONCURRENTLY cannot run",
	},
	{
		says(`^(SET\s+(SESSION\s+)?(ROLE|SESSION\s+AUTHORIZATION)|RESET\s+(ROLE|SESSION\s+AUTHORIZATION|ALL))\b`),
		"the runner sets the role: use SET LOCAL ROLE to act as a function's owner",
	},
	{
		says(`\bON\s+(DELETE|UPDATE)\s+(CASCADE|SET\s+(NULL|DEFAULT))\b`),
		"a cascade bypasses row-level security: use NO ACTION and delete the children first",
	},
	{
		says(`\bDISABLE\s+ROW\s+LEVEL\s+SECURITY\b`),
		"this exposes the table to every tenant: use NO FORCE … FORCE for the owner's statements",
	},
	{
		says(`^GRANT\b.*\bTO\s+(.*,\s*)?PUBLIC\b`),
		"name the role: PUBLIC includes every role",
	},
	{
		both(says(`^CREATE\s+POLICY\b`), not(both(says(`\bTO\s+"?\w+`), not(says(`\bTO\s+(.*,\s*)?PUBLIC\b`))))),
		"name the role (TO konstruct_app): a policy for PUBLIC also applies to the resolver",
	},
	{
		says(`^(CREATE|ALTER|DROP)\s+(ROLE|USER|GROUP|DATABASE)\b`),
		"the owner role cannot change roles and databases: use bootstrap.sql",
	},
}

// aside matches comments, literals and function bodies.
var aside = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$\w*\$.*?\$\w*\$`)

// txMode matches anywhere. Atlas reads it only before a blank line, but a reader would assume that it applies.
var txMode = regexp.MustCompile(`(?m)^\s*--\s*atlas:txmode\b`)

// force matches FORCE and NO FORCE.
var force = regexp.MustCompile(`(?i)^ALTER\s+TABLE\s+(?:ONLY\s+)?([\w."]+)\s+(NO\s+)?FORCE\s+ROW\s+LEVEL\s+SECURITY`)

// lintErrors returns every violation of the rules.
func lintErrors(files []file) error {
	var errs []error
	for _, f := range files {
		if loc := txMode.FindStringIndex(f.text); loc != nil {
			errs = append(errs, refused(f, loc[1], "a file is one transaction: remove atlas:txmode"))
		}
		errs = append(errs, lintStatements(f)...)
	}
	return errors.Join(errs...)
}

func lintStatements(f file) (errs []error) {
	lifted := make(map[string]int)
	for _, stmt := range f.stmts {
		text := strings.TrimSpace(aside.ReplaceAllString(stmt.Text, " "))
		for _, r := range rules {
			if r.broken(text) {
				errs = append(errs, refused(f, stmt.Pos, r.why))
			}
		}
		m := force.FindStringSubmatch(text)
		switch {
		case m == nil:
		case m[2] == "":
			delete(lifted, bare(m[1]))
		default:
			lifted[bare(m[1])] = stmt.Pos
		}
	}
	for table, pos := range lifted {
		errs = append(errs, refused(f, pos, "add FORCE ROW LEVEL SECURITY for "+table+" to the end of this file"))
	}
	return errs
}

func bare(table string) string { return strings.ReplaceAll(table, `"`, "") }

func refused(f file, pos int, why string) error {
	return fmt.Errorf("%w: %s:%d: %s", ErrLint, f.name, f.line(pos), why)
}
