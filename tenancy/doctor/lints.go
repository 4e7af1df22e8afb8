package doctor

import "slices"

// Lint is one thing that a check looks for.
type Lint struct {
	// Code names it, and is stable.
	Code  string
	Level Level
	// Risk is what can happen because of it, in one sentence.
	Risk string
}

// Lints are all lints, in the order in which reports have them.
func Lints() []Lint {
	return slices.Concat(
		serverLints(), roleLints(), connectionLints(), surroundingLints(), tenantLints(), objectLints(), codeLints(), grantLints())
}

// serverLints are about the server, and what the database is compared with.
func serverLints() []Lint {
	return []Lint{
		{"database.not-migrated", LevelError, "There is nothing to serve yet, and nothing whose isolation could be checked."},
		{
			"snapshot.missing", LevelError,
			"The database has other migrations than this program, and no record of what they make: it can't be compared with anything.",
		},
		{
			"snapshot.other-version", LevelInfo,
			"The database has other migrations than this program, and was compared with what it recorded when they were applied.",
		},
		{
			"server.too-old", LevelError,
			"Before PostgreSQL 15 views can't run with their caller's rights, and foreign keys can't keep tenant_id out of SET NULL.",
		},
		{"server.rls-holes", LevelWarning, "This minor version has published ways past row-level security."},
		{
			"server.encoding", LevelError,
			"Only a UTF-8 database stores text as it was sent: any other refuses characters, or stores others without an error.",
		},
		{"server.untried", LevelInfo, "This major version is untested: what it added may open a way that no lint covers."},
	}
}

// roleLints are about the roles.
func roleLints() []Lint {
	return []Lint{
		{
			"role.unexpected", LevelError,
			"The application is not logged in as the role that the policies, the grants and these checks are about.",
		},
		{"role.superuser", LevelError, "A superuser bypasses every policy, forced or not."},
		{"role.bypassrls", LevelError, "The role bypasses every policy, forced or not."},
		{"role.createrole", LevelError, "The role can make itself, or a role of its own, a member of one that bypasses the policies."},
		{"role.replication", LevelError, "Replication streams the rows of all tenants: no policy applies to it."},
		{"role.createdb", LevelWarning, "Databases that the role creates are outside everything that is checked here."},
		{"role.inherit", LevelWarning, "The next role that is granted to this one takes effect at once, its policies included."},
		{
			"role.member", LevelError,
			"As a member the application can SET ROLE to another role, and gets that role's policies and privileges.",
		},
		{"role.granted", LevelError, "Members of the application's role get its policies, and choose the tenant themselves."},
		{
			"role.owns", LevelError,
			"An owner can remove its object's protection, and a schema's or a database's owner can create objects beside it.",
		},
		{"owner.bypass", LevelWarning, "Views and functions of an owner that bypasses the policies show all rows to their users."},
		{
			"definer.role", LevelError,
			"The role that the function acts as can do more than look: log in, bypass the policies, or create roles.",
		},
		{
			"definer.membership", LevelError,
			"Members of the function's role read across tenants without the function, and the function gets the privileges of " +
				"every role that its own is a member of.",
		},
	}
}

// connectionLints are about what connections begin with.
func connectionLints() []Lint {
	return []Lint{
		{
			"session.tenant", LevelError,
			"Connections begin with a tenant that no request chose: a statement that carries none would read that tenant's rows.",
		},
		{
			"session.preset", LevelError,
			"Connections begin with a setting that turns a protection off: policies, foreign keys, or whose functions are called.",
		},
		{
			"setting.preset", LevelError,
			"A default of the role or the database turns a protection off, or chooses a tenant, in every new connection.",
		},
		{
			"setting.unlisted", LevelWarning,
			"A default that no migration set may have been left by an injected statement: a role can alter its own.",
		},
	}
}

// surroundingLints are about ways in and out, and PostgreSQL's own objects.
func surroundingLints() []Lint {
	return []Lint{
		{"foreign.mapping", LevelError, "The mapping holds the password of another role, for the application to connect onwards with."},
		{
			"extension.reach", LevelWarning,
			"The extension's functions reach other databases, the server's files or its memory, past any policy.",
		},
		{
			"extension.present", LevelInfo,
			"The extension's objects are not compared with anything: what it may do was its installer's decision.",
		},
		{"publication.tenants", LevelWarning, "No policy applies to what is published: a subscriber gets all tenants' rows."},
		{"subscription.present", LevelWarning, "A subscription writes rows past every policy, for any tenant."},
		{"event-trigger.present", LevelWarning, "Its function runs within every migration, with the rights of the role that migrates."},
		{"platform.large-objects", LevelWarning, "Large objects have no policies: one tenant can read and write another's. Store none."},
		{
			"platform.advisory-locks", LevelWarning,
			"Advisory locks have one space of keys for all tenants: one can wait for, or block, another.",
		},
		{"platform.signals", LevelWarning, "Sessions of one role may end each other: an injected statement can cut off all tenants."},
		{
			"platform.grant", LevelError,
			"PostgreSQL restricts this to superusers: files, statistics of hidden rows, other sessions' statements.",
		},
	}
}

// tenantLints are about tenant-scoped tables, whatever the snapshot says.
func tenantLints() []Lint {
	return []Lint{
		{
			"tenant-column.nullable", LevelError,
			"A row without a tenant belongs to no tenant, and to every tenant once a condition treats NULL as equal.",
		},
		{
			"tenant-column.type", LevelError,
			"Only a uuid has one spelling: two spellings of a tenant are two tenants to one part of the system and one to another.",
		},
		{
			"rls.disabled", LevelError,
			"Without row-level security the table's policies are not applied: every tenant reads and writes all rows.",
		},
		{"rls.not-forced", LevelError, "Unforced policies don't bind the owner: its views, functions and jobs read all tenants' rows."},
		{
			"child.open", LevelError,
			"Read directly, a partition or child is subject to its own policies, not its parent's, and this one is not protected.",
		},
		{
			"child.of-other", LevelError,
			"Reading the parent reads this table's rows under the parent's policies, and the parent has no tenants.",
		},
		{
			"policy.missing", LevelError,
			"One of the table's policies is missing: without the floor the next careless policy opens the table, without the other " +
				"nothing is visible.",
		},
		{
			"policy.differs", LevelError,
			"The policy is not the one that was tried: its condition, command or kind lets through something else.",
		},
		{
			"policy.roles", LevelError,
			"The policy names other roles than it is meant for: it does not bind those it leaves out, and lets in those it adds.",
		},
		{"policy.extra", LevelError, "Permissive policies are ORed: one more shows rows that the others hide."},
		{
			"policy.function", LevelError,
			"What a policy calls decides who sees what: an IMMUTABLE one is answered from a cached plan, for another tenant, and " +
				"any can be replaced.",
		},
		{
			"key.without-tenant", LevelError,
			"Foreign-key checks bypass row-level security: one tenant can attach its row to another's, and learn that it exists.",
		},
		{
			"key.no-tenant-table", LevelError,
			"The table refers to tenants' rows and has no tenant: who reads it sees which rows of which tenants belong together.",
		},
		{
			"key.cascade", LevelError,
			"The action runs past row-level security on whatever rows refer to the parent, and its failure prints them.",
		},
		{
			"key.cascade-within", LevelWarning,
			"The cascade stays in its tenant but runs past row-level security, and its failure prints whole rows.",
		},
		{"key.spans-tenants", LevelError, "A value that another tenant has taken is refused, so that one tenant learns what others have."},
		{"key.sequence", LevelWarning, "Numbers that all tenants share tell each how much the others do, and can be guessed."},
	}
}

// objectLints are about objects that differ from the snapshot.
func objectLints() []Lint {
	return []Lint{
		{"schema.missing", LevelError, "An object that a migration made is gone, and what it enforced is not enforced."},
		{"schema.differs", LevelError, "An object is not what the migrations make: what it enforces is not what was reviewed."},
		{
			"schema.unknown", LevelError,
			"No migration made the object, and the application can reach it, or it acts on what a migration made.",
		},
		{"table.unclassified", LevelError, "Without a tenant the table's rows are everybody's, and the application can reach it."},
		{"table.owner", LevelError, "Its owner can remove the table's protection, and the migrations' role can't restore it."},
		{"trigger.unlisted", LevelError, "A trigger sees each row that is written, and can change it or copy it to where no policy is."},
		{"rule.present", LevelError, "A rule rewrites statements into others, which act with the table owner's rights."},
		{"schema.outside", LevelInfo, "No migration made it. It is out of the application's reach, or an operator has listed it."},
	}
}

// codeLints are about views and functions that differ from it.
func codeLints() []Lint {
	return []Lint{
		{"view.definer", LevelError, "The view reads as its owner, not as its user: the application's policies don't apply to it."},
		{"view.materialized", LevelError, "A materialized view is a copy of its owner's rows, and can't have policies."},
		{"foreign.table", LevelError, "A foreign table can't have policies: a role that may read it reads all that its server shows."},
		{
			"definer.unlisted", LevelError,
			"A SECURITY DEFINER function does what its owner may, for any caller, and no migration made this one.",
		},
		{"definer.differs", LevelError, "The function reads across tenants, and is not the one that was reviewed."},
		{
			"definer.owner", LevelError,
			"The function acts as another role than it was made for: with more rights it shows more, as the table's owner it " +
				"returns nothing.",
		},
		{"definer.search-path", LevelError, "The function's names are looked up where its caller says, a temporary table first of all."},
		{"definer.grant", LevelError, "Unintended roles may call a function that reads across tenants."},
		{
			"function.tenant-setting", LevelError,
			"The function runs under a tenant of its own, for any caller: it reads that tenant's rows for everyone.",
		},
		{"function.leakproof", LevelError, "PostgreSQL trusts a LEAKPROOF function with rows before the policies have been applied."},
		{
			"function.untrusted", LevelError,
			"Code in an untrusted language does what the server's process can: read files, and any tenant's rows.",
		},
	}
}

// grantLints are about grants that differ from it.
func grantLints() []Lint {
	return []Lint{
		{"grant.default", LevelWarning, "What is created next is granted to others before it was reviewed."},
		{
			"grant.table", LevelError,
			"The privilege reaches past the policies: TRUNCATE empties all tenants' rows, TRIGGER copies them, REFERENCES probes them.",
		},
		{"grant.option", LevelError, "With the grant option the application can let other roles in."},
		{"grant.column", LevelError, "A privilege on a column is not seen in the table's list, and no migration gave this one."},
		{"grant.public", LevelError, "What PUBLIC holds, every role of the cluster holds, now and later."},
		{"grant.unknown", LevelError, "A role that no migration named holds rights on tenants' rows, and no policy may bind it."},
		{
			"grant.missing", LevelError,
			"A right that a migration gives is gone: some requests fail, and somebody has changed grants by hand.",
		},
		{"grant.schema", LevelError, "A role that creates objects beside the tables can shadow what statements and functions mean."},
		{
			"grant.schema-usage", LevelWarning,
			"Every role of the cluster can look names up in the schema, so that one wrong grant is enough.",
		},
		{
			"grant.database", LevelError,
			"A temporary table outlives the transaction, and carries one tenant's rows to the next; a schema that the role creates " +
				"shadows names.",
		},
		{"grant.function", LevelWarning, "A role may call a function that no migration granted to it."},
		{
			"foreign.access", LevelError,
			"With a foreign server the application can connect onwards, back to this database as another role, too.",
		},
		{"platform.language", LevelWarning, "With DO an injected statement becomes a program."},
		{
			"platform.parameter", LevelError,
			"The application can change a setting of superusers: with session_replication_role it turns foreign keys off.",
		},
	}
}
