package migrate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrLint means that a file does what a migration must not. The error names file, line and remedy.
var ErrLint = errors.New("migration refused")

var errTransactionControl = errors.New("a migration is one transaction, and must not begin or end one")

// rule is something that no migration may contain. Literals, function bodies and comments are taken out before it looks.
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
		"a file is one transaction, together with its revision: it must not begin or end one",
	},
	{
		says(`\bCONCURRENTLY\b`),
		"a file is one transaction, and CONCURRENTLY cannot run in one",
	},
	{
		says(`^(SET\s+(SESSION\s+)?(ROLE|SESSION\s+AUTHORIZATION)|RESET\s+(ROLE|SESSION\s+AUTHORIZATION|ALL))\b`),
		"the runner decides the role; use SET LOCAL ROLE where a function's owner has to act",
	},
	{
		says(`\bON\s+(DELETE|UPDATE)\s+(CASCADE|SET\s+(NULL|DEFAULT))\b`),
		"a cascade runs past row-level security: use NO ACTION and delete children first",
	},
	{
		says(`\bDISABLE\s+ROW\s+LEVEL\s+SECURITY\b`),
		"it opens the table to every tenant: NO FORCE … FORCE is enough for the owner's own statements",
	},
	{
		says(`^GRANT\b.*\bTO\s+(.*,\s*)?PUBLIC\b`),
		"name the role: PUBLIC is everybody",
	},
	{
		both(says(`^CREATE\s+POLICY\b`), not(both(says(`\bTO\s+"?\w+`), not(says(`\bTO\s+(.*,\s*)?PUBLIC\b`))))),
		"name the role (TO konstruct_app): a policy for everybody also binds the resolver",
	},
	{
		says(`^(CREATE|ALTER|DROP)\s+(ROLE|USER|GROUP|DATABASE)\b`),
		"roles and databases are bootstrap's: a plain owner cannot do it",
	},
}

// aside is what says nothing about what a statement does to the schema.
var aside = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$\w*\$.*?\$\w*\$`)

// txMode is found wherever it stands: Atlas only reads it with a blank line after it, and a reader would believe it.
var txMode = regexp.MustCompile(`(?m)^\s*--\s*atlas:txmode\b`)

var (
	noForce = regexp.MustCompile(`(?i)^ALTER\s+TABLE\s+(?:ONLY\s+)?([\w."]+)\s+NO\s+FORCE\s+ROW\s+LEVEL\s+SECURITY`)
	force   = regexp.MustCompile(`(?i)^ALTER\s+TABLE\s+(?:ONLY\s+)?([\w."]+)\s+FORCE\s+ROW\s+LEVEL\s+SECURITY`)
)

// lintErrors holds files against the rules and returns all that is wrong.
func lintErrors(files []file) error {
	var errs []error
	for _, f := range files {
		if loc := txMode.FindStringIndex(f.text); loc != nil {
			errs = append(errs, refused(f, loc[1], "a file is one transaction: atlas:txmode is not supported"))
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
		if m := noForce.FindStringSubmatch(text); m != nil {
			lifted[bare(m[1])] = stmt.Pos
		}
		if m := force.FindStringSubmatch(text); m != nil {
			delete(lifted, bare(m[1]))
		}
	}
	for table, pos := range lifted {
		errs = append(errs, refused(f, pos, fmt.Sprintf("FORCE ROW LEVEL SECURITY of %s is not put back in this file", table)))
	}
	return errs
}

func bare(table string) string { return strings.ReplaceAll(table, `"`, "") }

func refused(f file, pos int, why string) error {
	return fmt.Errorf("%w: %s:%d: %s", ErrLint, f.name, 1+strings.Count(f.text[:pos], "\n"), why)
}
