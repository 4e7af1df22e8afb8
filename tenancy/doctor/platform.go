package doctor

import (
	"fmt"
	"strings"
)

// checkPlatform reports user mappings, and grants to the application or PUBLIC on PostgreSQL's own objects. PUBLIC's
// default privileges are warnings, since managed PostgreSQL allows no one to revoke them.
func (e *examination) checkPlatform() {
	for _, m := range e.Mappings {
		e.report("foreign.mapping", fmt.Sprintf("user mapping of %s on %s", m.Role, m.Server),
			scriptf("DROP USER MAPPING FOR %s SERVER %s", m.Role, m.Server))
	}
	defaults := make(map[[2]string][]string)
	for _, g := range e.SystemGrants {
		revoke := fmt.Sprintf("REVOKE %s ON %s %s FROM %s", g.Privilege, g.Kind, g.Identity, g.Grantee)
		if g.Family != "" {
			of := [2]string{g.Family, g.Grantee}
			defaults[of] = append(defaults[of], revoke)
			continue
		}
		object := fmt.Sprintf("%s %s: %s to %s", strings.ToLower(g.Kind), g.Identity, g.Privilege, g.Grantee)
		e.report("platform.grant", object, script(revoke))
	}
	for of, revokes := range defaults {
		name := map[string]string{
			"large-objects": "large objects", "advisory-locks": "advisory locks", "signals": "backend signals",
		}[of[0]]
		e.report("platform."+of[0], fmt.Sprintf("%s: functions open to %s", name, of[1]), script(revokes...))
	}
}
