package isolation

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// people overrides the schemas of people, with attacks on the functions that act across tenants.
func people(drv *pgtenant.Driver) []attack.Override {
	f, overrides := functions{drv}, Values()
	for i := range overrides {
		if overrides[i].Name == "Invitation" {
			overrides[i].Paths = f.invitations()
		}
	}
	return append(
		overrides,
		attack.Override{Entity: attack.Entity{
			Name: "Membership", Paths: slices.Concat(f.memberships(), f.forgedMemberships()),
		}},
		attack.Override{Entity: attack.Entity{Name: "AuditEvent", Paths: f.auditEvents()}},
	)
}

func (f functions) forgedMemberships() []attack.Path {
	return []attack.Path{
		nothing("E60-raise-role", "makes members of another tenant owners",
			func(ctx context.Context, p pair) (any, error) {
				return pgtenant.Exec(ctx, f.drv,
					"update memberships set role = 'owner' where id = $1 or tenant_id = $2", p.aim, p.theirs)
			}),
		refused("E60-forge", "makes itself a member of another tenant", func(ctx context.Context, p pair) (any, error) {
			user := uuid.New()
			if err := f.exec(tenancy.Detach(ctx), "insert into portal_users (id, email, hashed_password, name) "+
				"values ($1, $2, 'none', 'forged')", user, user.String()+"@forged.example"); err != nil {
				return nil, err
			}
			return pgtenant.Exec(ctx, f.drv, "insert into memberships (id, tenant_id, user_id, role) "+
				"values (gen_random_uuid(), $1, $2, 'owner')", p.theirs, user)
		}),
		refused("E60-move", "moves its own membership to another tenant",
			func(ctx context.Context, p pair) (any, error) {
				return pgtenant.Exec(ctx, f.drv, "update memberships set tenant_id = $1 where id = $2", p.theirs, p.own)
			}),
		refused("E60-move-by-conflict", "moves its own membership to another tenant when a unique key is violated",
			func(ctx context.Context, p pair) (any, error) {
				return pgtenant.Exec(ctx, f.drv, "insert into memberships (id, user_id, role) "+
					"select gen_random_uuid(), user_id, 'owner' from memberships where id = $2 "+
					"on conflict (tenant_id, user_id) do update set tenant_id = $1", p.theirs, p.own)
			}),
	}
}

func (f functions) invitations() []attack.Path {
	return []attack.Path{
		nothing("E54-no-link", "asks for a link's tenant with texts that are no link's hash, sessions' hashes included",
			func(ctx context.Context, p pair) (any, error) {
				hashes := []any{hash(p.canary)} // as Values sets it
				if !p.isOwner() {
					sessions, err := f.texts(ctx, "select token_hash from portal_sessions limit 10")
					if err != nil {
						return nil, err
					}
					hashes = noHashes(hash(p.canary))
					for _, h := range sessions {
						hashes = append(hashes, h)
					}
				}
				return f.linkTenants(ctx, hashes)
			}),
		nothing("E54-shadowed", "asks for the tenant of an unknown link after it has changed search_path",
			func(ctx context.Context, p pair) (any, error) {
				link := p.canary
				if !p.isOwner() {
					link += " is unknown"
				}
				return f.texts(ctx, behindPath(tenantOfLink), hash(link))
			}),
	}
}

const tenantOfLink = "select t::text from public.invitation_tenant($1) as t where t is not null"

func (f functions) linkTenants(ctx context.Context, hashes []any) (all []string, err error) {
	for _, h := range hashes {
		got, err := f.texts(ctx, tenantOfLink, h)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	return all, nil
}

const expireEvents = "select public.expire_audit_events(1000)"

// addEvent adds an event that is a number of days old.
func (f functions) addEvent(ctx context.Context, table string, days int) error {
	return f.exec(ctx, "insert into "+table+" (id, action, created_at) "+
		"values (gen_random_uuid(), 'attacked', now() - $1 * interval '1 day')", days)
}

const young, old = 364, 366

const purge = "update tenants set status = 'purging' where id = $1"

func (f functions) auditEvents() []attack.Path {
	return []attack.Path{
		nothing("E61-expire", "expires another tenant's old events",
			func(ctx context.Context, p pair) (any, error) { return f.expireTheirs(ctx, p, expireEvents) }),
		nothing("E61-expire-shadowed", "expires another tenant's old events after it has changed search_path",
			func(ctx context.Context, p pair) (any, error) {
				return f.expireTheirs(ctx, p, behindPath(expireEvents))
			}),
		nothing("E61-expire-young", "expires events of less than 365 days, its own included",
			func(ctx context.Context, p pair) (any, error) {
				days := young
				if p.isOwner() { // an old one, which must go alone
					days = old
				}
				if err := f.addEvent(ctx, "audit_events", days); err != nil {
					return nil, err
				}
				n, err := f.expire(ctx, expireEvents)
				if err == nil && p.isOwner() && n != 1 {
					err = fmt.Errorf("%d events expired instead of 1", n)
				}
				return n, err
			}),
		ownRows("E61-expire-purging", "expires all events while its own tenant is purged",
			func(ctx context.Context, p pair) (any, error) {
				if err := f.exec(tenancy.Detach(ctx), purge, p.tenant); err != nil {
					return nil, err
				}
				return f.expire(ctx, expireEvents)
			}),
		nothing("E61-expire-platform", "expires platform events of less than 365 days", f.expirePlatform),
	}
}

func (f functions) expire(ctx context.Context, query string) (n int64, err error) {
	err = pgtenant.QueryRow(ctx, f.drv, query).Scan(&n)
	return n, err
}

// expireTheirs adds an old event to the other tenant, which only that tenant can then expire.
func (f functions) expireTheirs(ctx context.Context, p pair, query string) (any, error) {
	theirs, err := entered(ctx, p.theirs)
	if err != nil {
		return nil, err
	}
	if err := f.addEvent(theirs, "audit_events", old); err != nil {
		return nil, err
	}
	n, err := f.expire(ctx, query)
	if err != nil || p.isOwner() {
		return n, err
	}
	left, err := f.expire(theirs, query)
	if err == nil && left != 1 {
		return fmt.Sprintf("the other tenant then expires %d events instead of 1", left), nil
	}
	return n, err
}

// expirePlatform adds a young event or, as the owner, an old one.
func (f functions) expirePlatform(ctx context.Context, p pair) (any, error) {
	days := young
	if p.isOwner() {
		days = old
	}
	if err := f.addEvent(tenancy.Detach(ctx), "platform_audit_events", days); err != nil {
		return nil, err
	}
	return f.expire(ctx, "select public.expire_platform_audit_events(1000)")
}
