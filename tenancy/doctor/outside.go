package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// outsideLints look at ways for rows to come and go past the tables.
func outsideLints() []Lint {
	return []Lint{
		{
			Code: "foreign.mapping", Level: LevelError,
			Risk: "The mapping holds the password of another role, for the application to connect onwards with.",
			find: func(e *examination) []fault {
				var out []fault
				for _, m := range e.Mappings {
					out = append(out, fault{
						fmt.Sprintf("user mapping of %s on %s", spoken(m.Role), m.Server),
						script(fmt.Sprintf("DROP USER MAPPING FOR %s SERVER %s", quotedRole(m.Role), quoted(m.Server))),
					})
				}
				return out
			},
		},
		{
			Code: "extension.reach", Level: LevelWarning,
			Risk: "The extension's functions reach other databases, the server's files or its memory, past any policy.",
			find: func(e *examination) []fault {
				return e.unplanned("extension", func(o Object) bool { return slices.Contains(reachingExtensions(), o.Name) })
			},
		},
		{
			Code: "extension.present", Level: LevelInfo,
			Risk: "The extension's objects are not compared with anything: what it may do was its installer's decision.",
			find: func(e *examination) []fault {
				return e.unplanned("extension", func(o Object) bool { return !slices.Contains(reachingExtensions(), o.Name) })
			},
		},
		{
			Code: "publication.tenants", Level: LevelWarning,
			Risk: "No policy applies to what is published: a subscriber gets all tenants' rows.",
			find: func(e *examination) []fault { return e.unplanned("publication", e.publishesTenants) },
		},
		{
			Code: "subscription.present", Level: LevelWarning,
			Risk: "A subscription writes rows past every policy, for any tenant.",
			find: func(e *examination) []fault { return e.unplanned("subscription", anyObject) },
		},
		{
			Code: "event-trigger.present", Level: LevelWarning,
			Risk: "Its function runs within every migration, with the rights of the role that migrates.",
			find: func(e *examination) []fault { return e.unplanned("event trigger", anyObject) },
		},
	}
}

// reachingExtensions are those of PostgreSQL's own collection that reach past rows.
func reachingExtensions() []string {
	return []string{"adminpack", "amcheck", "dblink", "file_fdw", "pageinspect", "pg_surgery", "pg_walinspect", "postgres_fdw"}
}

func anyObject(Object) bool { return true }

// publishesTenants tells whether a publication is of all tables, of a schema of ours or of a tenant-scoped table.
func (e *examination) publishesTenants(p Object) bool {
	return slices.ContainsFunc(strings.Split(p.Props["tables"], ", "), func(t string) bool {
		schema, isSchema := strings.CutPrefix(t, "schema ")
		return t == "ALL" || isSchema && slices.Contains(e.cat.Schemas, schema) || e.isTenant(t)
	})
}

// unplanned are the objects of a kind that no migration made.
func (e *examination) unplanned(kind string, match func(Object) bool) []fault {
	var out []fault
	for _, o := range e.of(kind) {
		if _, planned := e.want[o.key()]; !planned && match(o) {
			out = append(out, fault{o.String(), script(drop(o))})
		}
	}
	return out
}
