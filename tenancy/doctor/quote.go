package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// public is how the snapshot names PUBLIC.
const public = ""

// quoted is an identifier for SQL: quoted("public", "agents") is "public"."agents".
func quoted(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// quotedAll is a list of identifiers for SQL.
func quotedAll(names []string) string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, quoted(n))
	}
	return strings.Join(out, ", ")
}

// quotedRole is a role for SQL, where PUBLIC is a keyword.
func quotedRole(name string) string {
	if name == public {
		return "PUBLIC"
	}
	return quoted(name)
}

// spoken is a role for people.
func spoken(role string) string {
	if role == public {
		return "PUBLIC"
	}
	return role
}

// literal is a string for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

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
	tables = slices.Compact(tables)
	var all []string
	for _, t := range tables {
		all = append(all, fmt.Sprintf("ALTER TABLE %s NO FORCE ROW LEVEL SECURITY", t))
	}
	all = append(all, statements...)
	for _, t := range tables {
		all = append(all, fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", t))
	}
	return script(all...)
}
