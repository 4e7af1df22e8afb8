package attack

import (
	"strings"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rls"
)

const readOnly = "25006"

func resolverReads() []read {
	return []read{
		{
			id: "L11-resolver-own", once: true, resolver: true, found: []string{readOnly},
			does: "resolves the tenant's names: an active one must resolve to the tenant, an inactive one to null",
			sql: "select 1 from ({expected}) as e (kind, name, resolves) where {resolver}(e.kind, e.name) is distinct from" +
				" case when e.resolves then {own}::uuid end limit 1",
		},
		{
			id: "L12-resolver-kind", once: true, resolver: true, found: []string{readOnly},
			does: "resolves the tenant's names under another kind",
			sql:  "select 1 from ({expected}) as e (kind, name, resolves) where {resolver}('no ' || e.kind, e.name) is not null limit 1",
		},
	}
}

func resolverUnset() []read {
	return []read{{
		id: "L13-resolver-unknown", once: true, resolver: true, found: []string{readOnly},
		does: "resolves names that do not exist",
		sql: "select 1 from (values (gen_random_uuid()::text, gen_random_uuid()::text), ('', ''), ('slack', '')) v (kind, name)" +
			" where {resolver}(v.kind, v.name) is not null",
	}}
}

func answerReads() []read {
	return []read{{
		id: "L17-answers", answers: true, found: []string{readOnly},
		does: "asks the definer functions about the tenant's and other rows, and compares the answers with the tables",
	}}
}

// objectReads search the catalog for objects that act with other rights than the role's, or on every tenant's rows.
func objectReads() []read {
	return []read{
		{
			id: "L14-definers", once: true,
			does: "may call a SECURITY DEFINER function that is not listed, depends on search_path, or has a privileged owner",
			sql: `select 1 from pg_catalog.pg_proc p
			        join pg_catalog.pg_namespace n on n.oid = p.pronamespace
			        join pg_catalog.pg_roles r on r.oid = p.proowner
			       where p.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
			         and has_function_privilege(p.oid, 'EXECUTE')
			         and (format('%s.%s(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) <> all ({definers})
			              or p.prosqlbody is null or r.rolsuper or r.rolbypassrls
			              or exists (select from pg_catalog.pg_class c where c.relowner = p.proowner))`,
		},
		{
			id: "L15-triggers", once: true,
			does: "may write to a table with a trigger or a rule that is not listed, the global tables included",
			sql: `select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			       where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
			         and has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')
			         and (exists (select from pg_catalog.pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal
			                         and format('%s.%s.%s', n.nspname, c.relname, t.tgname) <> all ({triggers}))
			              or exists (select from pg_catalog.pg_rewrite w where w.ev_class = c.oid))`,
		},
		{
			id: "L16-checks-off", once: true,
			does: "may write to a table whose foreign keys or triggers are disabled",
			sql: `select 1 from pg_catalog.pg_class c join pg_catalog.pg_trigger t on t.tgrelid = c.oid
			       where t.tgenabled in ('D', 'R') and has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')`,
		},
		{
			id: "L18-append-only", once: true, does: "may change or delete rows of an append-only table",
			sql: `select 1 from unnest({append-only}) as t (name)
			       where has_any_column_privilege(t.name, 'UPDATE') or has_table_privilege(t.name, 'DELETE, TRUNCATE')`,
		},
	}
}

func (o LiveOptions) spell(sql string, own tenancy.ID) string {
	schema, name, _ := strings.Cut(o.Resolver.Function, ".")
	return strings.NewReplacer(
		"{own}", rls.Literal(own.UUID().String()), "{expected}", o.Resolver.Expected,
		"{resolver}", rls.Quote(schema)+"."+rls.Quote(name),
		"{definers}", array(o.Definers), "{triggers}", array(o.Triggers),
		"{append-only}", array(o.AppendOnly),
	).Replace(sql)
}

func array(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = rls.Literal(text)
	}
	return "array[" + strings.Join(quoted, ", ") + "]::text[]"
}
