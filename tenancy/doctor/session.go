package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// checkConnections reports the settings of the check's own connection, if it is the application's, and default
// settings.
func (e *examination) checkConnections() {
	if e.spec.AskedBy == "" {
		e.checkSession()
	}
	for _, p := range e.Settings {
		code := "setting.unlisted"
		switch {
		case e.decides(strings.ToLower(p.Name)):
			code = "setting.preset"
		case p.Listed:
			continue
		}
		e.report(code, fmt.Sprintf("setting %s of %s", p.Name, p.Scope), script(e.correct(p)))
	}
}

// correct returns the SQL that restores a setting to the spec's value, or resets it.
func (e *examination) correct(p preset) string {
	name := rls.Quote(strings.Split(p.Name, ".")...)
	for _, s := range e.spec.RoleSettings {
		if value, ok := strings.CutPrefix(s, p.Name+"="); ok && p.Scope == "ROLE "+e.spec.app() {
			return fmt.Sprintf("ALTER %s SET %s = %s", p.Scope, name, rls.Literal(value))
		}
	}
	return fmt.Sprintf("ALTER %s RESET %s", p.Scope, name)
}

func (e *examination) checkSession() {
	s := e.Server
	if s.HasTenant {
		e.report("session.tenant", "setting "+rls.Setting,
			script("-- also remove it from the connection string and the server's configuration (ALTER SYSTEM RESET)",
				"SET "+rls.Quote(strings.Split(rls.Setting, ".")...)+" = ''"))
	}
	for name, ok := range map[string]bool{
		"row_security":             s.RowSecurity == "on",
		"session_replication_role": s.ReplicationRole == "origin",
		"search_path":              s.FirstSchema == "pg_catalog",
	} {
		if !ok {
			e.report("session.preset", "setting "+name,
				script("-- also remove it from the connection string and the server's configuration", "RESET "+name))
		}
	}
}

// decides reports whether isolation depends on a setting, which includes any with the tenant setting's prefix.
func (e *examination) decides(setting string) bool {
	prefix, _, _ := strings.Cut(rls.Setting, ".")
	return strings.HasPrefix(setting, prefix+".") || slices.Contains([]string{
		"row_security", "session_replication_role", "search_path", "role", "session_authorization",
		"session_preload_libraries", "local_preload_libraries", "lo_compat_privileges", "client_encoding",
	}, setting)
}
