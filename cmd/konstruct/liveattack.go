package main

import (
	"maps"
	"slices"

	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/attack"
)

// expectedOfResolver lists the connections of the current tenant and whether a webhook for each must resolve to it.
const expectedOfResolver = `select c.channel_type, c.workspace_id, c.status = 'active' and t.status = 'active'
	from public.channel_connections c join public.tenants t on t.id = c.tenant_id order by c.id desc limit 100`

// liveAttack configures the live attack for the tables of Konstruct.
func liveAttack() attack.LiveOptions {
	c := migrate.Spec()
	return attack.LiveOptions{
		TenantsTable: c.TenantsTable,
		Definers:     slices.Sorted(maps.Keys(c.Definers)),
		Resolver:     attack.Resolver{Function: "public.resolve_tenant", Expected: expectedOfResolver},
	}
}
