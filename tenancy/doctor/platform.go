package doctor

import (
	"fmt"
	"strings"
)

// platformLints look at PostgreSQL's own objects. What PUBLIC holds from the start is a warning: managed PostgreSQL lets
// nobody revoke it.
func platformLints() []Lint {
	return []Lint{
		{
			Code: "platform.large-objects", Level: LevelWarning,
			Risk: "Large objects have no policies: one tenant can read and write another's. Store none.",
			find: eachReach("large objects", func(name string) bool {
				return strings.HasPrefix(name, "lo_") || name == "loread" || name == "lowrite"
			}),
		},
		{
			Code: "platform.advisory-locks", Level: LevelWarning,
			Risk: "Advisory locks have one space of keys for all tenants: one can wait for, or block, another.",
			find: eachReach("advisory locks", func(name string) bool { return strings.Contains(name, "advisory") }),
		},
		{
			Code: "platform.signals", Level: LevelWarning,
			Risk: "Sessions of one role may end each other: an injected statement can cut off all tenants.",
			find: eachReach("backend signals", func(name string) bool { return strings.HasSuffix(name, "_backend") }),
		},
		{
			Code: "platform.grant", Level: LevelError,
			Risk: "PostgreSQL restricts this to superusers: files, statistics of hidden rows, other sessions' statements.",
			find: findPlatformGrants,
		},
	}
}

// eachReach makes one finding of all functions of a kind that are everybody's from the start, for each grantee.
func eachReach(object string, match func(name string) bool) func(*examination) []fault {
	return func(e *examination) []fault {
		var out []fault
		for _, grantee := range []string{"", e.cat.AppRole} {
			var remedy []string
			for _, g := range e.SystemGrants {
				if g.ByDefault && g.Grantee == grantee && match(g.Name) {
					remedy = append(remedy, g.revoke())
				}
			}
			if len(remedy) > 0 {
				out = append(out, fault{object + ": functions open to " + spoken(grantee), script(remedy...)})
			}
		}
		return out
	}
}

func (g systemGrant) revoke() string {
	what := g.Privilege
	if g.Column != "" {
		what += fmt.Sprintf(" (%s)", quoted(g.Column))
	}
	return fmt.Sprintf("REVOKE %s ON %s %s FROM %s", what, g.Kind, g.Identity, quotedRole(g.Grantee))
}

func findPlatformGrants(e *examination) []fault {
	var out []fault
	for _, g := range e.SystemGrants {
		if g.ByDefault && reaches(g.Name) {
			continue
		}
		what := g.Privilege
		if g.Column != "" {
			what += " (" + g.Column + ")"
		}
		out = append(out, fault{
			fmt.Sprintf("%s %s: %s to %s", strings.ToLower(g.Kind), g.Identity, what, spoken(g.Grantee)),
			script(g.revoke()),
		})
	}
	return out
}

// reaches tells whether a function belongs to the lints above.
func reaches(name string) bool {
	return strings.HasPrefix(name, "lo_") || name == "loread" || name == "lowrite" || strings.Contains(name, "advisory") ||
		name == "pg_cancel_backend" || name == "pg_terminate_backend"
}
