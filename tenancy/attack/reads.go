package attack

import "slices"

func reads() family {
	return family{
		name: "reads", title: "Reading",
		scenarios: sent(slices.Concat(plainReads(), combinedReads(), disguisedReads())),
	}
}

const fromTarget = " from {table} where {key} = {id}"

func plainReads() []statement {
	return []statement{
		hidden("A46-read-by-id", "reads a row by its id", "select *"+fromTarget),
		hidden("A46-read-by-tenant", "reads by the other tenant's id",
			"select * from {table} where tenant_id = {victim}"),
		ownOnly("A46-read-all", "reads the whole table", "select * from {table}"),
		ownOnly("A46-read-or-true", "adds OR true to a condition",
			"select * from {table} where tenant_id = {own} or true"),
		hidden("A46-read-only", "reads the table without its children (ONLY)",
			"select * from only {table} where tenant_id = {victim}"),
		hidden("A46-read-sample", "samples the table's pages (TABLESAMPLE)",
			"select * from {table} tablesample system (100) where tenant_id = {victim}"),
		hidden("A46-exists", "tests whether a row exists", "select 1 where exists (select"+fromTarget+")"),
		hidden("A46-count", "counts by tenant",
			"select count(*) from {table} group by tenant_id having tenant_id = {victim}"),
	}
}

func combinedReads() []statement {
	return []statement{
		hidden("A46-window", "counts filtered rows with a window function",
			"select 1 from (select *, count(*) filter (where tenant_id = {victim}) over () as n from {table}) w where n > 0"),
		hidden("A46-join", "joins its own rows with the whole table",
			"select t.* from {table} o join {table} t on true where t.{key} = {id}"),
		hidden("A46-lateral", "reads from inside a lateral subquery",
			"select l.* from (select 1) o cross join lateral (select *"+fromTarget+") l"),
		hidden("A46-materialized", "reads through a materialized common table expression",
			"with all_rows as materialized (select * from {table}) select * from all_rows where {key} = {id}"),
		hidden("A46-lock", "locks a row FOR UPDATE, which would reveal that it exists",
			"select *"+fromTarget+" for update"),
		hidden("A46-lock-key", "locks a row FOR KEY SHARE, as a foreign-key check does",
			"select *"+fromTarget+" for key share skip locked"),
		{
			id: "A46-cursor", does: "reads through a cursor", raw: true,
			before: []string{"declare stolen cursor for select *" + fromTarget}, sql: "fetch all from stolen",
		},
	}
}

func disguisedReads() []statement {
	return []statement{
		hidden("A52-ctid", "reads a row by its physical address (ctid)", "select * from {table} where ctid = {ctid}"),
		ownOnly("A52-ctid-range", "scans a range of physical addresses (ctid)",
			"select * from {table} where ctid >= '(0,0)' and ctid < '(100000,0)'"),
		{
			id: "A52-xml", does: "runs the query from a text (query_to_xml)",
			sql: `select x from (select query_to_xml('select * from {table} where tenant_id = ''' || {victim} || '''',
			                                         false, true, '')::text x) q
			       where x like '%canary%' or x like '%tenant_id%'`,
			other: nothingOrRefused(unsupported), unset: nothingOrRefused(unsupported), owner: somethingOr(unsupported),
		},
		hidden("A52-ts-stat", "runs the query from a text (ts_stat)",
			"select * from ts_stat('select to_tsvector(''simple'', {key}::text) from {table}"+
				" where tenant_id = ''' || {victim} || '''')"),
		{
			id: "A51-row-security-off", does: "sets row_security = off",
			before: []string{"set local row_security = off"}, sql: "select *" + fromTarget,
			other: refused(denied), unset: refused(denied), owner: refused(denied),
		},
		{
			id: "A36-parallel", does: "scans the table with parallel workers", before: []string{
				"set local parallel_setup_cost = 0", "set local parallel_tuple_cost = 0",
				"set local min_parallel_table_scan_size = 0", "set local max_parallel_workers_per_gather = 2",
			},
			sql: "select * from {table}", other: own(), owner: own(),
		},
		{
			id: "A35-generic-plan", does: "runs a prepared statement with a generic plan", raw: true,
			before: []string{
				"set local plan_cache_mode = force_generic_plan", "deallocate all",
				"prepare stolen as select * from {table} where tenant_id = {victim}",
			},
			sql: "execute stolen",
		},
	}
}
