package doctor

import (
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// public is how PUBLIC stands among grantees, for SQL and for people.
const public = "PUBLIC"

// ident is an identifier as PostgreSQL prints it: quoted only where it has to be. (Keywords aside.)
func ident(name string) string {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && !strings.ContainsAny(name[:1], "0123456789") {
		return name
	}
	return rls.Quote(name)
}

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
