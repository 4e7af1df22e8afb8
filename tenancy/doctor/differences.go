package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// differenceLints are what only the comparison with the snapshot finds, each under the code that explains most. They are
// errors unless they say otherwise.
func differenceLints() []Lint {
	out := slices.Concat(objectDifferences(), codeDifferences(), grantDifferences())
	for i, l := range out {
		out[i].Level = cmp.Or(l.Level, LevelError)
	}
	return out
}

func objectDifferences() []Lint {
	return []Lint{
		{
			Code: "schema.missing",
			Risk: "An object that a migration made is gone, and what it enforced is not enforced.",
		},
		{
			Code: "schema.differs",
			Risk: "An object is not what the migrations make: what it enforces is not what was reviewed.",
		},
		{
			Code: "schema.unknown",
			Risk: "No migration made the object, and the application can reach it, or it acts on what a migration made.",
		},
		{
			Code: "table.unclassified",
			Risk: "Without a tenant the table's rows are everybody's, and the application can reach it.",
		},
		{
			Code: "table.owner",
			Risk: "Its owner can remove the table's protection, and the migrations' role can't restore it.",
		},
		{
			Code: "trigger.unlisted",
			Risk: "A trigger sees each row that is written, and can change it or copy it to where no policy is.",
		},
		{
			Code: "rule.present",
			Risk: "A rule rewrites statements into others, which act with the table owner's rights.",
		},
		{
			Code: "schema.outside", Level: LevelInfo,
			Risk: "No migration made it. It is out of the application's reach, or an operator has listed it.",
		},
	}
}

func codeDifferences() []Lint {
	return []Lint{
		{
			Code: "view.definer",
			Risk: "The view reads as its owner, not as its user: the application's policies don't apply to it.",
		},
		{
			Code: "view.materialized",
			Risk: "A materialized view is a copy of its owner's rows, and can't have policies.",
		},
		{
			Code: "foreign.table",
			Risk: "A foreign table can't have policies: a role that may read it reads all that its server shows.",
		},
		{
			Code: "definer.unlisted",
			Risk: "A SECURITY DEFINER function does what its owner may, for any caller, and no migration made this one.",
		},
		{Code: "definer.differs", Risk: "The function reads across tenants, and is not the one that was reviewed."},
		{
			Code: "definer.owner",
			Risk: "The function acts as another role than it was made for: with more rights it shows more, as the " +
				"table's owner it returns nothing.",
		},
		{
			Code: "definer.search-path",
			Risk: "The function's names are looked up where its caller says, a temporary table first of all.",
		},
		{Code: "definer.grant", Risk: "Unintended roles may call a function that reads across tenants."},
		{
			Code: "function.tenant-setting",
			Risk: "The function runs under a tenant of its own, for any caller: it reads that tenant's rows for everyone.",
		},
		{
			Code: "function.leakproof",
			Risk: "PostgreSQL trusts a LEAKPROOF function with rows before the policies have been applied.",
		},
		{
			Code: "function.untrusted",
			Risk: "Code in an untrusted language does what the server's process can: read files, and any tenant's rows.",
		},
	}
}

func grantDifferences() []Lint {
	return []Lint{
		{
			Code: "grant.table",
			Risk: "The privilege reaches past the policies: TRUNCATE empties all tenants' rows, TRIGGER copies them, " +
				"REFERENCES probes them.",
		},
		{Code: "grant.option", Risk: "With the grant option the application can let other roles in."},
		{
			Code: "grant.column",
			Risk: "A privilege on a column is not seen in the table's list, and no migration gave this one.",
		},
		{Code: "grant.public", Risk: "What PUBLIC holds, every role of the cluster holds, now and later."},
		{
			Code: "grant.unknown",
			Risk: "A role that no migration named holds rights on tenants' rows, and no policy may bind it.",
		},
		{
			Code: "grant.missing",
			Risk: "A right that a migration gives is gone: some requests fail, and somebody has changed grants by hand.",
		},
		{
			Code: "grant.schema",
			Risk: "A role that creates objects beside the tables can shadow what statements and functions mean.",
		},
		{
			Code: "grant.schema-usage", Level: LevelWarning,
			Risk: "Every role of the cluster can look names up in the schema, so that one wrong grant is enough.",
		},
		{
			Code: "grant.database",
			Risk: "A temporary table outlives the transaction, and carries one tenant's rows to the next; a schema " +
				"that the role creates shadows names.",
		},
		{
			Code: "grant.function", Level: LevelWarning,
			Risk: "A role may call a function that no migration granted to it.",
		},
		{
			Code: "foreign.access",
			Risk: "With a foreign server the application can connect onwards, back to this database as another role, too.",
		},
		{Code: "platform.language", Level: LevelWarning, Risk: "With DO an injected statement becomes a program."},
		{
			Code: "platform.parameter",
			Risk: "The application can change a setting of superusers: with session_replication_role it turns foreign keys off.",
		},
	}
}

func findDefaultGrants(e *examination) []fault {
	if !e.isMigrated() {
		return nil
	}
	var out []fault
	for _, d := range e.of("default privileges") {
		if planned, ok := e.want[d.key()]; ok && planned.equal(d) || d.Props["grantee"] == ident(e.cat.OwnerRole) {
			continue
		}
		in, where := "", ""
		if s := d.Props["schema"]; s != "" {
			in, where = " IN SCHEMA "+s, " in "+s
		}
		out = append(out, fault{
			fmt.Sprintf("default of %s%s: %s on %s to %s",
				d.Props["role"], where, d.Props["privileges"], strings.ToLower(d.Props["on"]), d.Props["grantee"]),
			script(fmt.Sprintf("ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE %s ON %s FROM %s",
				d.Props["role"], in, d.Props["privileges"], d.Props["on"], d.Props["grantee"])),
		})
	}
	return out
}

// snapshotLints are about what the database is compared with.
func snapshotLints() []Lint {
	return []Lint{
		{
			Code: notMigrated, Level: LevelError,
			Risk: "There is nothing to serve yet, and nothing whose isolation could be checked.",
			find: func(e *examination) []fault {
				if e.isMigrated() {
					return nil
				}
				return []fault{{"database " + e.server().Database, migrateUp}}
			},
		},
		{
			Code: "snapshot.missing", Level: LevelError,
			Risk: "The database has other migrations than this program, and no record of what they make: it can't be " +
				"compared with anything.",
			find: func(e *examination) []fault {
				if !e.isMigrated() || e.standard() != nil {
					return nil
				}
				return []fault{{"database " + e.server().Database, migrateUp}}
			},
		},
		{
			Code: "snapshot.other-version", Level: LevelInfo,
			Risk: "The database has other migrations than this program, and was compared with what it recorded when " +
				"they were applied.",
			find: func(e *examination) []fault {
				if !e.isMigrated() || e.isCurrent() || e.standard() == nil {
					return nil
				}
				return []fault{{"database " + e.server().Database, "-- nothing, while a release is rolled out"}}
			},
		},
		{
			Code: "grant.default", Level: LevelWarning,
			Risk: "What is created next is granted to others before it was reviewed.",
			find: findDefaultGrants,
		},
	}
}

// migrateUp is a remedy that is no SQL.
const migrateUp = "-- run konstruct migrate up"
