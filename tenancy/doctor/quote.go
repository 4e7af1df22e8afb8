package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// public is how PUBLIC stands among grantees, for SQL and for people.
const public = "PUBLIC"

// quoted is an identifier for SQL: quoted("public", "agents") is "public"."agents".
func quoted(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// ident is an identifier as PostgreSQL prints it: quoted only where it has to be. (Keywords aside.)
func ident(name string) string {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && !strings.ContainsAny(name[:1], "0123456789") {
		return name
	}
	return quoted(name)
}

// literal is a string for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// list splits what objects.sql joined: column names without their commas.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// script joins statements, each with its semicolon, into one transaction if there are several. Comments stay as they are.
func script(parts ...string) string {
	var comments, statements []string
	for _, p := range parts {
		if strings.HasPrefix(p, "--") {
			comments = append(comments, p)
		} else {
			statements = append(statements, p+";")
		}
	}
	if len(statements) > 1 {
		statements = slices.Concat([]string{"BEGIN;"}, statements, []string{"COMMIT;"})
	}
	return strings.Join(append(comments, statements...), "\n")
}

// unforced brackets statements that have to see rows as the owner: under FORCE the owner sees none, and PostgreSQL would
// mark a foreign key valid over an orphan.
func unforced(tables []string, statements ...string) string {
	slices.Sort(tables)
	var all []string
	for _, t := range slices.Compact(tables) {
		all = append(all, fmt.Sprintf("ALTER TABLE %s NO FORCE ROW LEVEL SECURITY", t))
		statements = append(statements, fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", t))
	}
	return script(append(all, statements...)...)
}
