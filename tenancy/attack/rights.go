package attack

import (
	"slices"

	"github.com/konstruct/konstruct/tenancy/rls"
)

func rights() family {
	return family{name: "rights", title: "Rights of the role", scenarios: append(
		sent(slices.Concat(onTables(), onDatabase(), onServer(), ofRole())),
		once("A04-set-role", "changes to any other role of the cluster (SET ROLE, SET SESSION AUTHORIZATION)",
			"refused, 42501", setRole),
		once("A19-any-relation", "reads every table, view and materialized view that the role may read",
			"no value of another tenant", everyRelation),
		once("A20-definer", "calls a SECURITY DEFINER function that is not on the allow-list",
			"no such function exists", definers),
		once("A10-append-only", "changes, deletes or locks rows of the append-only tables, its own included, by UPDATE, "+
			"DELETE, TRUNCATE, ON CONFLICT DO UPDATE, MERGE and FOR UPDATE", "refused, 42501", appendOnly),
		once("A50-copy-program", "copies to a program, and to and from the server's files", "refused, 42501",
			serverFiles),
		each("A01-global-tables", "reads the other tenant's row in a global table",
			"the row is returned: the table lists the tenants", globalTables).accepting("global-tables"),
		// ALTER SYSTEM is refused inside a transaction for another reason.
		once("A69-system", "changes the server's configuration", "refused, 42501", func(a *attempt) {
			a.require(refused(denied), a.do(a.raw, "alter system set row_security = off"))
		}),
		once("A23-own-settings", "changes its own role's password and defaults",
			"it is allowed: PostgreSQL gives every role this right", func(a *attempt) {
				a.must(a.run(a.mine, a.raw, "alter role current_user set statement_timeout = '1h'",
					"set local statement_timeout = 0").err)
			}).accepting("own-role-settings"),
	)}
}

func forbidden(id, does, sql string, codes ...string) statement {
	if len(codes) == 0 {
		codes = []string{denied}
	}
	return statement{
		id: id, does: does, sql: sql, once: true,
		other: refused(codes...), unset: refused(codes...), owner: refused(codes...),
	}
}

func forbiddenOn(id, does, sql string) statement {
	s := forbidden(id, does, sql)
	s.once = false
	return s
}

func onTables() []statement {
	return []statement{
		forbiddenOn("A10-truncate", "truncates the table, which row-level security does not cover", "truncate {table}"),
		forbiddenOn("A10-trigger", "adds a trigger, which would see every tenant's rows",
			"create trigger stolen before insert on {table} for each row execute function suppress_redundant_updates_trigger()"),
		forbiddenOn("A10-rule", "adds a rule, which would rewrite every tenant's statements",
			"create rule stolen as on insert to {table} do also nothing"),
		forbiddenOn("A06-policy", "adds a permissive policy USING (true)",
			"create policy stolen on {table} using (true)"),
		forbiddenOn("A02-disable", "disables row-level security", "alter table {table} disable row level security"),
		forbiddenOn("A02-no-force", "removes FORCE", "alter table {table} no force row level security"),
		forbiddenOn("A02-own", "takes ownership of the table", "alter table {table} owner to current_user"),
		forbiddenOn("A02-drop", "drops the table", "drop table {table}"),
		forbiddenOn("A17-index", "adds a unique index, which would compare every tenant's rows",
			"create unique index on {table} (tenant_id)"),
		{
			id: "A11-grant", does: "grants the table to PUBLIC", raw: true,
			before: []string{"grant select on {table} to public"},
			sql:    "select from pg_class c, aclexplode(c.relacl) a where c.oid = {name}::regclass and a.grantee = 0",
			other:  nothingOrRefused(denied), unset: nothingOrRefused(denied), owner: nothingOrRefused(denied),
		},
	}
}

func onDatabase() []statement {
	return []statement{
		forbidden("A09-temp-table", "creates a temporary table, which shadows a table of the same name",
			"create temp table stolen (id int)"),
		forbidden("A11-table", "creates a table", "create table stolen (id int)", denied, "3F000"),
		forbidden("A11-select-into", "creates a table by SELECT INTO", "select 1 as x into stolen", denied, "3F000"),
		forbidden("A09-select-into", "creates a temporary table by SELECT INTO", "select 1 as x into temp stolen"),
		forbidden("A18-sequence", "creates a sequence", "create sequence stolen", denied, "3F000"),
		forbidden("A11-schema", "creates a schema", "create schema stolen"),
		forbidden("A20-function", "creates a function", "create function stolen() returns int language sql return 1",
			denied, "3F000"),
		forbidden("A63-procedure", "creates a procedure, which could end transactions",
			"create procedure stolen() language sql begin atomic end",
			denied, "3F000"),
		forbidden("A19-view", "creates a view", "create view stolen as select 1", denied, "3F000"),
		forbidden("A64-extension", "installs an extension that can connect elsewhere",
			"create extension dblink", denied, unsupported, noFile),
		forbidden("A64-dblink", "connects back to the server", "select dblink_connect('dbname=postgres')",
			notFunction, denied),
		forbidden("A66-publication", "publishes all tables", "create publication stolen for all tables"),
		forbidden("A22-event-trigger", "creates an event trigger",
			"create event trigger stolen on ddl_command_end execute function suppress_redundant_updates_trigger()",
			denied, "42P17"),
		forbidden("A63-do", "runs an anonymous code block (DO)", "do $$ begin perform 1; end $$"),
	}
}

func onServer() []statement {
	return []statement{
		forbidden("A59-large-object", "creates a large object, which has no row-level security",
			"select lo_from_bytea(0, 'x')"),
		forbidden("A59-large-object-read", "reads a large object", "select lo_get(1)"),
		forbidden("A59-large-object-file", "reads a file as a large object", "select lo_import('/etc/passwd')"),
		forbidden("A61-session-lock", "takes a session-level advisory lock", "select pg_advisory_lock(1)"),
		forbidden("A61-try-lock", "takes an advisory lock, whose key space is shared by all tenants",
			"select pg_try_advisory_xact_lock(1)"),
		forbidden("A56-terminate", "terminates other connections",
			"select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"),
		forbidden("A56-cancel", "cancels other statements", "select pg_cancel_backend(pg_backend_pid())"),
		forbidden("A64-file", "reads a file on the server", "select pg_read_file('PG_VERSION')"),
		forbidden("A64-directory", "lists a directory on the server", "select pg_ls_dir('.')"),
		forbidden("A64-slot", "decodes the write-ahead log",
			"select pg_create_logical_replication_slot('stolen', 'pgoutput')", denied, notPrepared),
		forbidden("A55-statistics", "reads pg_statistic", "select * from pg_statistic"),
		forbidden("A55-statistics-data", "reads pg_statistic_ext_data", "select * from pg_statistic_ext_data"),
		forbidden("A03-passwords", "reads the roles' password hashes", "select * from pg_authid"),
	}
}

func ofRole() []statement {
	return []statement{
		forbidden("A03-superuser", "makes itself a superuser", "alter role current_user superuser"),
		forbidden("A03-bypass", "gives itself BYPASSRLS", "alter role current_user bypassrls"),
		forbidden("A23-other-role", "gives another role a default", "alter role postgres set row_security = off",
			denied, "42704"),
		forbidden("A23-database", "gives every role of the database a default",
			"alter database template1 set row_security = off"),
		forbidden("A69-replication-role", "turns triggers and foreign keys off for its session",
			"select set_config('session_replication_role', 'replica', false)"),
		forbidden("A23-preset", "presets a tenant for its own future logins",
			"alter role current_user set "+rls.Setting+" = 'x'"),
		{
			id:   "A03-attributes",
			does: "has a role attribute that bypasses row-level security or allows to gain such an attribute",
			once: true, sql: `select from pg_roles where rolname = current_user
			         and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or rolinherit)`,
			owner: nothing(),
		},
		{
			id: "A04-member", does: "is a member of another role", once: true,
			sql:   "select from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = current_user",
			owner: nothing(),
		},
		{
			id: "A02-owner", does: "owns a table, a function, a schema or the database", once: true,
			sql: `select from pg_roles r where rolname = current_user and (exists (select from pg_class where relowner = r.oid)
			          or exists (select from pg_proc where proowner = r.oid) or exists (select from pg_namespace where nspowner = r.oid)
			          or exists (select from pg_database where datdba = r.oid))`,
			owner: nothing(),
		},
		{
			id: "A10-privileges", does: "has a table privilege besides SELECT, INSERT, UPDATE and DELETE",
			sql:   `select p from unnest(array['TRUNCATE', 'REFERENCES', 'TRIGGER']) p where has_table_privilege({name}, p)`,
			owner: nothing(),
		},
		{
			id: "A32-function-setting", does: "calls a function that has a SET clause for the tenant", once: true,
			sql: `select from pg_proc where exists (select from unnest(proconfig) c where c ilike '` +
				rls.Setting + `=%')`,
			owner: nothing(),
		},
	}
}

func setRole(a *attempt) {
	roles := a.do(a.raw, "select quote_ident(rolname) from pg_roles where rolname <> current_user")
	a.must(roles.err)
	for _, row := range roles.rows {
		a.eachDenied("set role "+row[0], "set session authorization "+row[0])
	}
}

func (a *attempt) eachDenied(statements ...string) {
	for _, sql := range statements {
		a.stepf("%s", sql)
		a.require(refused(denied), a.run(a.mine, a.raw, sql))
	}
}

func everyRelation(a *attempt) {
	relations := a.do(a.raw, `select format('%I.%I', n.nspname, c.relname),
		       exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = '`+tenantColumn+`')
		  from pg_class c join pg_namespace n on n.oid = c.relnamespace
		 where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
		   and has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT')`)
	a.must(relations.err)
	for _, row := range relations.rows {
		a.stepf("%s", row[0])
		got := a.run(a.mine, a.raw, "select * from "+row[0])
		a.must(got.err)
		if row[1] == "f" {
			got.given = a.victim.parents // a global table lists its own keys, such as the tenants'
		}
		a.must(a.leaks(got))
	}
}

func definers(a *attempt) {
	functions := a.do(a.raw, `select format('%s.%s(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes))
		  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
		 where p.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and has_function_privilege(p.oid, 'EXECUTE')`)
	a.must(functions.err)
	for _, row := range functions.rows {
		if !slices.Contains(a.kit.target.Definers, row[0]) {
			a.failf("SECURITY DEFINER function %s is not in Target.Definers", row[0])
		}
	}
}

// tenantRow selects the victim's row of the global table that tenant_id references, if any.
func (a *attempt) tenantRow() (from string, ok bool) {
	for _, f := range a.tb.Foreign {
		if a.kit.table(f.Target) == nil && len(f.Columns) == 1 && f.Columns[0] == tenantColumn {
			return " from " + f.SQL + " where " + rls.Quote(f.Refs[0]) + " = {victim}", true
		}
	}
	a.notApplicable("its tenant refers to no table")
	return "", false
}

// globalTables pins that the table of tenants is visible: it has no row-level security.
func globalTables(a *attempt) {
	if from, ok := a.tenantRow(); ok {
		got := a.run(a.mine, a.raw, "select *"+from)
		a.pinned(got.err, found(got))
	}
}

func serverFiles(a *attempt) {
	a.eachDenied(
		"copy (select 1) to program 'true'", "copy (select 1) to '/tmp/stolen'", "copy (select 1) to '/dev/null'",
		"copy {table} from program 'true'", "copy {table} from '/etc/passwd'",
	)
}
