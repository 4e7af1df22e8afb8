package attack

import "slices"

func writes() family {
	return family{
		name: "writes", title: "Writing",
		scenarios: append(sent(slices.Concat(changes(), additions(), merges())), copies()...),
	}
}

func changes() []statement {
	const byID = " where {key} = {id}"
	return []statement{
		hidden("A46-update-by-id", "updates a row by its id", "update {table} set tenant_id = tenant_id"+byID),
		hidden("A46-update-returning", "updates a row by its id with RETURNING",
			"update {table} set tenant_id = tenant_id"+byID+" returning *"),
		ownOnly("A46-update-all", "updates the whole table", "update {table} set tenant_id = tenant_id"),
		hidden("A46-update-from", "updates through a join with the whole table",
			"update {table} t set tenant_id = t.tenant_id from {table} o where t.{key} = {id}"),
		hidden("A47-take", "takes a row by setting its own tenant_id", "update {table} set tenant_id = {own}"+byID),
		{
			id: "A47-give", does: "gives its own rows to the other tenant",
			sql: "update {table} set tenant_id = {victim} where {key} = {ownid}", other: refused(denied),
		},
		{
			id: "A47-disown", does: "sets tenant_id of its own rows to NULL",
			sql:   "update {table} set tenant_id = null where {key} = {ownid}",
			other: refused(denied, notNull), owner: refused(denied, notNull),
		},
		{
			id: "A46-delete-by-id", does: "deletes a row by its id", sql: "delete from {table}" + byID,
			owner: somethingOr(foreignKey),
		},
		{
			id: "A46-delete-returning", does: "deletes a row by its id with RETURNING",
			sql: "delete from {table}" + byID + " returning *", owner: somethingOr(foreignKey),
		},
		{
			id: "A52-delete-using", does: "deletes with a join and OR true",
			sql:   "delete from {table} t using (values (1)) v where t.{key} = {id} or true",
			other: ownOr(foreignKey), owner: somethingOr(foreignKey),
		},
	}
}

func additions() []statement {
	return []statement{
		refusedToOthers("A47-insert-for-other", "adds a row for the other tenant", insert("{spare}")),
		{
			id: "A47-insert-own", does: "adds its own row, which must work, and must fail without a tenant",
			sql: insert("{mine}"), other: own(), unset: refused(denied),
		},
		{
			id: "A47-insert-without-tenant", does: "adds a row without a tenant",
			sql:   insert(`{mine} || '{"tenant_id": null}'`),
			other: refused(denied, notNull), unset: refused(denied, notNull), owner: refused(denied, notNull),
		},
		{
			id: "A47-insert-some", does: "adds another tenant's row among rows of its own",
			sql:   insert("{mine}") + " union all select {columns} from jsonb_populate_record(null::{table}, {spare})",
			other: refused(denied), unset: refused(denied), owner: somethingOr(duplicate),
		},
		refusedToOthers("A48-upsert", "overwrites a row through ON CONFLICT DO UPDATE",
			insert("{kept} || jsonb_build_object('tenant_id', {own})")+
				" on conflict ({key}) do update set tenant_id = excluded.tenant_id"),
		refusedToOthers("A48-upsert-returning", "reads a row through ON CONFLICT DO UPDATE … RETURNING",
			insert("{kept} || jsonb_build_object('tenant_id', {own})")+
				" on conflict ({key}) do update set tenant_id = {table}.tenant_id returning *"),
		refusedToOthers("A48-upsert-foreign", "overwrites a row, naming the other tenant",
			insert("{kept}")+" on conflict ({key}) do update set tenant_id = excluded.tenant_id"),
	}
}

func merges() []statement {
	const merge = "merge into {table} t using (select {columns} from jsonb_populate_record(null::{table}, "
	return []statement{
		hidden("A49-merge-update", "updates a row through MERGE",
			merge+"{kept})) s on t.{key} = s.{key} when matched then update set tenant_id = {own}"),
		{
			id: "A49-merge-delete", does: "deletes a row through MERGE",
			sql: merge + "{kept})) s on t.{key} = s.{key} when matched then delete", owner: somethingOr(foreignKey),
		},
		refusedToOthers("A49-merge-insert", "adds a row for the other tenant through MERGE", merge+
			"{spare})) s on t.{key} = s.{key} when not matched then insert ({columns}) values ({s.columns})"),
	}
}
