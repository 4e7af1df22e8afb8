package attack

import "slices"

// reads are attempts to read, count or lock another tenant's rows.
func reads() family {
	return family{name: "reads", title: "Reading", statements: slices.Concat(plainReads(), combinedReads(), disguisedReads())}
}

const fromTarget = " from {table} where {key} = {id}"

func plainReads() []statement {
	return []statement{
		{
			id: "A46-read-by-id", does: "reads a row by its id",
			sql:   "select *" + fromTarget,
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-read-by-tenant", does: "reads by the other tenant's id",
			sql:   "select * from {table} where tenant_id = {victim}",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-read-all", does: "reads the whole table",
			sql:   "select * from {table}",
			other: own(), unset: nothing(), owner: own(),
		},
		{
			id: "A46-read-or-true", does: "adds OR true to a condition",
			sql:   "select * from {table} where tenant_id = {own} or true",
			other: own(), unset: nothing(), owner: own(),
		},
		{
			id: "A46-read-only", does: "reads the table without its children (ONLY)",
			sql:   "select * from only {table} where tenant_id = {victim}",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-read-sample", does: "samples the table's pages (TABLESAMPLE)",
			sql:   "select * from {table} tablesample system (100) where tenant_id = {victim}",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-exists", does: "tests whether a row exists",
			sql:   "select 1 where exists (select" + fromTarget + ")",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-count", does: "counts by tenant",
			sql:   "select count(*) from {table} group by tenant_id having tenant_id = {victim}",
			other: nothing(), unset: nothing(), owner: something(),
		},
	}
}

func combinedReads() []statement {
	return []statement{
		{
			id: "A46-window", does: "counts filtered rows with a window function",
			sql:   "select 1 from (select *, count(*) filter (where tenant_id = {victim}) over () as n from {table}) w where n > 0",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-join", does: "joins its own rows with the whole table",
			sql:   "select t.* from {table} o join {table} t on true where t.{key} = {id}",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-lateral", does: "reads from inside a lateral subquery",
			sql:   "select l.* from (select 1) o cross join lateral (select *" + fromTarget + ") l",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-materialized", does: "reads through a materialized common table expression",
			sql:   "with all_rows as materialized (select * from {table}) select * from all_rows where {key} = {id}",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-lock", does: "locks a row FOR UPDATE, which would reveal that it exists",
			sql:   "select *" + fromTarget + " for update",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-lock-key", does: "locks a row FOR KEY SHARE, as a foreign-key check does",
			sql:   "select *" + fromTarget + " for key share skip locked",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A46-cursor", does: "reads through a cursor", raw: true,
			before: []string{"declare stolen cursor for select *" + fromTarget},
			sql:    "fetch all from stolen",
			other:  nothing(), unset: nothing(), owner: something(),
		},
	}
}

func disguisedReads() []statement {
	return []statement{
		{
			id: "A52-ctid", does: "reads a row by its physical address (ctid)",
			sql:   "select * from {table} where ctid = {ctid}",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A52-ctid-range", does: "scans a range of physical addresses (ctid)",
			sql:   "select * from {table} where ctid >= '(0,0)' and ctid < '(100000,0)'",
			other: own(), unset: nothing(), owner: own(),
		},
		{
			id: "A52-xml", does: "runs the query from a text (query_to_xml)",
			sql: `select x from (select query_to_xml('select * from {table} where tenant_id = ''' || {victim} || '''',
			                                         false, true, '')::text x) q
			       where x like '%canary%' or x like '%tenant_id%'`,
			other: nothingOrRefused(unsupported), unset: nothingOrRefused(unsupported), owner: somethingOr(unsupported),
		},
		{
			id: "A52-ts-stat", does: "runs the query from a text (ts_stat)",
			sql: "select * from ts_stat('select to_tsvector(''simple'', {key}::text) from {table}" +
				" where tenant_id = ''' || {victim} || '''')",
			other: nothing(), unset: nothing(), owner: something(),
		},
		{
			id: "A51-row-security-off", does: "sets row_security = off",
			before: []string{"set local row_security = off"},
			sql:    "select *" + fromTarget,
			other:  refused(denied), unset: refused(denied), owner: refused(denied),
		},
		{
			id: "A36-parallel", does: "scans the table with parallel workers",
			before: []string{
				"set local parallel_setup_cost = 0", "set local parallel_tuple_cost = 0",
				"set local min_parallel_table_scan_size = 0", "set local max_parallel_workers_per_gather = 2",
			},
			sql:   "select * from {table}",
			other: own(), unset: nothing(), owner: own(),
		},
		{
			id: "A35-generic-plan", does: "runs a prepared statement with a generic plan", raw: true,
			before: []string{
				"set local plan_cache_mode = force_generic_plan", "deallocate all",
				"prepare stolen as select * from {table} where tenant_id = {victim}",
			},
			sql:   "execute stolen",
			other: nothing(), unset: nothing(), owner: something(),
		},
	}
}
