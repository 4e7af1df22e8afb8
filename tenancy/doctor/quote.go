package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// public is the grantee PUBLIC.
const public = "PUBLIC"

// ident returns an identifier as PostgreSQL prints it, quoted only if needed. Keywords are not considered.
func ident(name string) string {
	const digits = "0123456789"
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_"+digits) == "" && strings.TrimLeft(name, digits) == name {
		return name
	}
	return rls.Quote(name)
}

// script joins comments and statements, which become one transaction if there are several.
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

func scriptf(format string, args ...any) string { return script(fmt.Sprintf(format, args...)) }
