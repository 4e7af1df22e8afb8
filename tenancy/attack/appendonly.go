package attack

import (
	"strings"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// columnsQuery lists a table's columns, and whether each is the first of its primary key.
const columnsQuery = `
select quote_ident(a.attname), a.attnum = i.indkey[0] from pg_attribute a
  join pg_index i on i.indrelid = a.attrelid and i.indisprimary
 where a.attrelid = {on}::regclass and a.attnum > 0 and not a.attisdropped`

// appendOnly tries to change each append-only table as every caller, including the rows' owner. The privileges, which
// PostgreSQL checks before any row, must be SELECT and INSERT.
func appendOnly(a *attempt) {
	if len(a.kit.target.AppendOnly) == 0 {
		a.notApplicable("Target.AppendOnly is empty")
		return
	}
	for _, name := range a.kit.target.AppendOnly {
		schema, table, _ := strings.Cut(name, ".")
		on := strings.NewReplacer("{on}", rls.Literal(name), "{t}", rls.Quote(schema)+"."+rls.Quote(table)).Replace
		columns := a.do(a.raw, on(columnsQuery))
		a.must(columns.err)
		for _, c := range a.callers() {
			a.stepf("%s, %s", name, c.says)
			a.require(something(), a.run(c.ctx, a.raw, on(`select where has_table_privilege({on}, 'SELECT')
				and has_table_privilege({on}, 'INSERT')`)))
			for _, sql := range changesOf(columns.rows) {
				a.stepf("%s, %s: %s", name, c.says, on(sql))
				a.require(refused(denied), a.run(c.ctx, a.raw, on(sql)))
			}
		}
	}
}

func changesOf(columns [][]string) []string {
	all := []string{
		"delete from {t}", "truncate {t}", "select * from {t} for update", "select * from {t} for key share",
		"with gone as (delete from {t} returning 1) select * from gone",
		"merge into {t} t using (select 1) s on true when matched then delete",
		"lock table {t} in access exclusive mode",
	}
	for _, column := range columns {
		set := column[0] + " = t." + column[0]
		all = append(
			all, "update {t} t set "+set,
			"merge into {t} t using (select 1) s on true when matched then update set "+set)
		if column[1] == "t" {
			all = append(all, "insert into {t} as t default values on conflict ("+column[0]+") do update set "+set)
		}
	}
	return all
}
