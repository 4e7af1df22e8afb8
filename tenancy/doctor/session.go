package doctor

import (
	"fmt"
	"slices"
	"strings"
)

func sessionLints() []Lint {
	return []Lint{
		{
			Code: "session.tenant", Level: LevelError,
			Risk: "Connections begin with a tenant that no request chose: a statement that carries none would read that tenant's rows.",
			find: ownSession(func(e *examination) []fault {
				if !e.server().HasTenant {
					return nil
				}
				return []fault{{
					"setting " + e.cat.Setting,
					script("-- take it out of the connection string and of the server's configuration (ALTER SYSTEM RESET), too",
						"SET "+quoted(strings.Split(e.cat.Setting, ".")...)+" = ''"),
				}}
			}),
		},
		{
			Code: "session.preset", Level: LevelError,
			Risk: "Connections begin with a setting that turns a protection off: policies, foreign keys, or whose functions are called.",
			find: ownSession(findSessionPresets),
		},
		{
			Code: "setting.preset", Level: LevelError,
			Risk: "A default of the role or the database turns a protection off, or chooses a tenant, in every new connection.",
			find: func(e *examination) []fault { return e.presets(e.dangerous) },
		},
		{
			Code: "setting.unlisted", Level: LevelWarning,
			Risk: "A default that no migration set may have been left by an injected statement: a role can alter its own.",
			find: func(e *examination) []fault {
				return e.presets(func(p preset) bool { return !e.dangerous(p) && !e.listed(p) })
			},
		},
	}
}

// ownSession leaves out what only the application's own connections can tell.
func ownSession(find func(*examination) []fault) func(*examination) []fault {
	return func(e *examination) []fault {
		if e.cat.AskedBy != "" {
			return nil
		}
		return find(e)
	}
}

func findSessionPresets(e *examination) []fault {
	var out []fault
	for _, p := range []struct {
		setting string
		bad     bool
	}{
		{"row_security", e.server().RowSecurity != "on"},
		{"session_replication_role", e.server().ReplicationRole != "origin"},
		{"search_path", e.server().FirstSchema != "pg_catalog"},
	} {
		if p.bad {
			out = append(out, fault{
				"setting " + p.setting,
				script("-- take it out of the connection string and of the server's configuration, too", "RESET "+p.setting),
			})
		}
	}
	return out
}

func (e *examination) presets(match func(preset) bool) []fault {
	var out []fault
	for _, p := range e.Settings {
		if match(p) {
			out = append(out, fault{
				fmt.Sprintf("setting %s of %s", p.Name, e.scopeOf(p, func(name string) string { return name })),
				script(fmt.Sprintf("ALTER %s RESET %s", e.scopeOf(p, func(name string) string { return quoted(name) }),
					quoted(strings.Split(p.Name, ".")...))),
			})
		}
	}
	return out
}

// scopeOf says whom a preset is for, in the words of ALTER.
func (e *examination) scopeOf(p preset, name func(string) string) string {
	role, database := "ROLE "+name(e.cat.AppRole), "DATABASE "+name(e.server().Database)
	switch {
	case p.ForRole && p.InDatabase:
		return role + " IN " + database
	case p.ForRole:
		return role
	case p.InDatabase:
		return database
	default:
		return "ROLE ALL"
	}
}

// dangerous tells whether a preset decides what isolation rests on. Everything under the tenant setting's own prefix
// counts.
func (e *examination) dangerous(p preset) bool {
	name := strings.ToLower(p.Name)
	prefix, _, _ := strings.Cut(strings.ToLower(e.cat.Setting), ".")
	return strings.HasPrefix(name, prefix+".") || slices.Contains([]string{
		"row_security", "session_replication_role", "search_path", "role", "session_authorization",
		"session_preload_libraries", "local_preload_libraries", "lo_compat_privileges", "client_encoding",
	}, name)
}

// listed presets are the role's own; for the whole database or for all roles an operator may have chosen others, and
// those are told of too.
func (e *examination) listed(p preset) bool {
	return slices.Contains(e.cat.RoleSettings, strings.ToLower(p.Name))
}
