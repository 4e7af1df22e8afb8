package doctor

import (
	"fmt"
	"slices"
)

// outsideLints look at ways for rows to come and go past the tables.
func outsideLints() []Lint {
	return []Lint{
		{
			Code: "foreign.table", Level: LevelError,
			Risk: "A foreign table can't have policies: whoever may read it reads all that its server shows.",
			find: func(e *examination) []fault {
				var out []fault
				for _, r := range e.Relations {
					if r.Kind == "f" {
						out = append(out, fault{"foreign table " + r.name(), script(
							"-- its rows stay where they are", "DROP FOREIGN TABLE "+r.sql())})
					}
				}
				return out
			},
		},
		{
			Code: "foreign.access", Level: LevelError,
			Risk: "With a foreign server the application can connect onwards, back to this database as somebody else, too.",
			find: eachGrant(func(e *examination, g grant) bool {
				return (g.Kind == "FOREIGN SERVER" || g.Kind == "FOREIGN DATA WRAPPER") && e.isApp(g.Grantee)
			}),
		},
		{
			Code: "foreign.mapping", Level: LevelError,
			Risk: "The mapping holds the password of another role, for the application to connect onwards with.",
			find: eachOutside("mapping", func(o outside) fault {
				return fault{
					fmt.Sprintf("user mapping of %s on %s", spoken(o.Detail), o.Name),
					script(fmt.Sprintf("DROP USER MAPPING FOR %s SERVER %s", quotedRole(o.Detail), quoted(o.Name))),
				}
			}),
		},
		{
			Code: "extension.reach", Level: LevelWarning,
			Risk: "The extension's functions reach other databases, the server's files or its memory, past any policy.",
			find: eachOutside("extension", func(o outside) fault {
				if !slices.Contains(reachingExtensions(), o.Name) {
					return fault{}
				}
				return fault{"extension " + o.Name, script("DROP EXTENSION " + quoted(o.Name))}
			}),
		},
		{
			Code: "publication.tenants", Level: LevelWarning,
			Risk: "No policy applies to what is published: a subscriber gets all tenants' rows.",
			find: eachOutside("publication", func(o outside) fault {
				return fault{"publication " + o.Name, script("DROP PUBLICATION " + quoted(o.Name))}
			}),
		},
		{
			Code: "event-trigger.present", Level: LevelWarning,
			Risk: "Its function runs within every migration, with the rights of whoever migrates.",
			find: eachOutside("event trigger", func(o outside) fault {
				return fault{"event trigger " + o.Name, script("DROP EVENT TRIGGER " + quoted(o.Name))}
			}),
		},
	}
}

// reachingExtensions are those of PostgreSQL's own collection that reach past rows.
func reachingExtensions() []string {
	return []string{"adminpack", "amcheck", "dblink", "file_fdw", "pageinspect", "pg_surgery", "pg_walinspect", "postgres_fdw"}
}

// eachOutside makes a lint of what is of one kind; a fault without an object is none.
func eachOutside(kind string, judge func(outside) fault) func(*examination) []fault {
	return func(e *examination) []fault {
		var out []fault
		for _, o := range e.Outside {
			if o.Kind != kind {
				continue
			}
			if f := judge(o); f.object != "" {
				out = append(out, f)
			}
		}
		return out
	}
}
