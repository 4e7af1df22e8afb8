package attack

import (
	"slices"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// read finds a row if isolation is broken.
type read struct {
	id, does, sql string
	// targets is set if it needs another tenant's row.
	targets bool
	// once is set if it concerns no particular table.
	once bool
	// resolver is set if it calls LiveOptions.Resolver.
	resolver bool
	// answers is set if it is each of LiveOptions.Answers.
	answers bool
	// errs are the codes of a stopped attempt.
	errs []string
	// found are the codes of a breach.
	found []string
}

// liveReads neither lock nor write.
func liveReads() []read {
	return []read{
		{
			id: "L01-others", does: "searches for any row of another tenant",
			sql: "select 1 from {table} where tenant_id is distinct from {own} limit 1",
		},
		{
			id: "L02-by-id", does: "reads another tenant's row by its id", targets: true,
			sql: "select 1 from {table} where {key} = {id}",
		},
		{
			id: "L03-by-address", does: "reads another tenant's row by its physical address (ctid)", targets: true,
			sql: "select 1 from {table} where ctid = {ctid} and tenant_id = {victim}",
		},
		{
			id: "L04-by-tenant", does: "reads by another tenant's id", targets: true,
			sql: "select 1 from {table} where tenant_id = {victim} limit 1",
		},
		{
			id: "L05-row-security-off", does: "reads with row_security = off, which must fail",
			errs: []string{denied}, sql: "select 1 from {table} limit 1",
		},
		{
			id: "L06-statistics", does: "reads the most common values of the table's columns",
			sql: "select 1 from pg_stats where format('%s.%s', schemaname, tablename) = {name} limit 1",
		},
		{
			id: "L07-privileges", does: "has TRUNCATE, REFERENCES or TRIGGER on the table",
			sql: "select 1 from unnest(array['TRUNCATE', 'REFERENCES', 'TRIGGER']) p where has_table_privilege({name}, p)",
		},
		{
			id:   "L08-role",
			does: "has a role attribute, a membership or an owned table that bypasses row-level security", once: true,
			sql: `select 1 from pg_roles r where rolname = current_user
			         and (rolsuper or rolbypassrls or rolcreaterole or rolreplication
			              or exists (select from pg_auth_members m where m.member = r.oid)
			              or exists (select from pg_class c where c.relowner = r.oid))`,
		},
	}
}

func liveUnset() []read {
	return []read{
		{id: "L09-no-tenant", does: "reads without a tenant", sql: "select 1 from {table} limit 1"},
		{
			id: "L10-preset", does: "begins with a preset tenant", once: true,
			sql: "select 1 where coalesce(current_setting('" + rls.Setting + "', true), '') <> ''",
		},
	}
}

func (r read) attack() Attack {
	return Attack{ID: r.id, Family: liveFamily, Does: r.does, Required: nothing().says}
}

func liveAttacks() []Attack {
	var all []Attack
	for _, r := range slices.Concat(
		liveReads(), resolverReads(), liveUnset(), resolverUnset(), answerReads(), objectReads(),
	) {
		all = append(all, r.attack())
	}
	return all
}
