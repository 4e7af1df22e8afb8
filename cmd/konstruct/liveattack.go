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

// isLive is the condition under which the functions may answer for a session s and its user u.
const isLive = `s.revoked_at is null and s.expires_at > now() and s.last_seen_at > now() - interval '12 hours'
	and u.disabled_at is null`

// membersAnswers finds a member whose live session has another role than the membership, or whose ended session has
// a role.
const membersAnswers = `select 1 from (
	select s.token_hash, m.tenant_id, m.role,
	       ` + isLive + ` and (u.unproven_tenant_id is null or u.unproven_tenant_id = m.tenant_id) as live
	  from (select user_id, tenant_id, role from public.memberships order by id desc limit 20) m
	  join public.portal_users u on u.id = m.user_id join public.portal_sessions s on s.user_id = u.id
	) e
	where public.session_role(e.token_hash, e.tenant_id) is distinct from case when e.live then e.role end
	   or exists (select from public.session_tenants(e.token_hash) t
	               where t.tenant_id = e.tenant_id and t.role = e.role) <> e.live limit 1`

// answersOfFunctions returns queries for answers about people that contradict the tables.
func answersOfFunctions() []string {
	return []string{
		membersAnswers,
		// Sessions of users without a membership have no role.
		`select 1 from (select token_hash, user_id from public.portal_sessions order by token_hash limit 20) s
		  where not exists (select from public.memberships m where m.user_id = s.user_id)
		    and public.session_role(s.token_hash, {own}::uuid) is not null limit 1`,
		// Only a platform admin's live session asks about a person.
		`select 1 from (select s.token_hash, u.id
		                  from public.portal_sessions s join public.portal_users u on u.id = s.user_id
		                 where not (u.is_admin and ` + isLive + `) limit 20) s
		  where exists (select from public.user_tenants(s.token_hash, s.id)) limit 1`,
		// A link belongs to the tenant of its invitation.
		`select 1 from (select token_hash, tenant_id from public.invitations
		                 where token_hash is not null order by id desc limit 20) i
		  where public.invitation_tenant(i.token_hash) is distinct from i.tenant_id limit 1`,
		// An unknown hash has no answer.
		`select 1 from (values (gen_random_uuid()::text), ('')) as v (hash)
		  where public.session_role(v.hash, {own}::uuid) is not null or public.invitation_tenant(v.hash) is not null
		     or exists (select from public.session_tenants(v.hash))
		     or exists (select from public.user_tenants(v.hash, {own}::uuid))`,
	}
}

// liveAttack configures the live attack for the tables of Konstruct.
func liveAttack() attack.LiveOptions {
	c := migrate.Spec()
	return attack.LiveOptions{
		TenantsTable: c.TenantsTable,
		Definers:     slices.Sorted(maps.Keys(c.Definers)),
		Resolver:     attack.Resolver{Function: "public.resolve_tenant", Expected: expectedOfResolver},
		Answers:      answersOfFunctions(),
		AppendOnly:   slices.Sorted(maps.Keys(c.AppendOnly)),
	}
}
