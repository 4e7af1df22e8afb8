package isolation

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// askedByHash finds a person's tenant without a tenant in the context, by a session that it reads from the table.
func askedByHash(ctx context.Context, drv *pgtenant.Driver) (told bool, err error) {
	f := functions{drv}
	tenant, err := newTenant(ctx, ent.NewClient(ent.Driver(drv)))
	if err != nil {
		return false, err
	}
	theirs, user := tenancy.With(ctx, tenant), uuid.New()
	err = errors.Join(
		f.exec(ctx, "insert into portal_users (id, email, hashed_password, name) values ($1, $2, 'none', 'Member')",
			user, user.String()+"@example.com"),
		f.exec(ctx, openSession, hash(user.String()), user),
		f.exec(theirs, "insert into memberships (id, user_id, role) values (gen_random_uuid(), $1, 'viewer')", user),
	)
	var found []string
	if err == nil {
		found, err = f.texts(ctx, "select t.tenant_id::text from portal_sessions s, "+
			"lateral public.session_tenants(s.token_hash) t where s.user_id = $1", user)
	}
	return len(found) == 1 && found[0] == tenant.String(), errors.Join(
		err,
		f.exec(theirs, "delete from memberships where user_id = $1", user),
		f.exec(ctx, "delete from portal_sessions where user_id = $1", user),
		f.exec(ctx, "delete from portal_users where id = $1", user),
		f.exec(ctx, "delete from tenants where id = $1", tenant.UUID()),
	)
}

// purgedEvents expires a young event, which an active tenant keeps.
func purgedEvents(ctx context.Context, drv *pgtenant.Driver) (gone bool, err error) {
	f := functions{drv}
	tenant, err := newTenant(ctx, ent.NewClient(ent.Driver(drv)))
	if err != nil {
		return false, err
	}
	theirs := tenancy.With(ctx, tenant)
	if err := f.exec(theirs, "insert into audit_events (id, action) values (gen_random_uuid(), 'young')"); err != nil {
		return false, err
	}
	kept, err := f.expire(theirs, expireEvents)
	err = errors.Join(err, f.exec(ctx, purge, tenant.UUID()))
	n, expired := f.expire(theirs, expireEvents)
	return kept == 0 && n == 1, errors.Join(
		err, expired, f.exec(ctx, "delete from tenants where id = $1", tenant.UUID()))
}
