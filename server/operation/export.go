package operation

import (
	"bytes"
	"context"
	"slices"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/auditevent"
	"github.com/konstruct/konstruct/ent/invitation"
	"github.com/konstruct/konstruct/ent/platformauditevent"
	"github.com/konstruct/konstruct/ent/portallink"
	"github.com/konstruct/konstruct/ent/portalsession"
	"github.com/konstruct/konstruct/tenancy"
)

// maxExported bounds the rows of each kind in an export.
const maxExported = 10_000

// Export is what is stored about a user: the newest 10,000 rows of each kind.
type Export struct {
	User        *ent.PortalUser
	Tenants     []UserTenant
	Sessions    []*ent.PortalSession
	Links       []*ent.PortalLink
	Invitations []*ent.Invitation // see invitationsOf
	// The events that the user caused, or that are about the user: the platform's, and those of tenants. Like
	// invitations they are of all tenants: the user may have left some.
	PlatformEvents []*ent.PlatformAuditEvent
	TenantEvents   []*ent.AuditEvent
	// Complete is false if there are more rows of a kind.
	Complete bool
}

// Export returns what is stored about a user. By is the hash of the admin's session token. Enter is called with the
// context of each tenant that has something about the user, and records that the admin has seen it. Returns
// [ErrNotFound], or account.ErrNoSession if the admin's session ended.
func (u *Users) Export(
	ctx context.Context, by string, id uuid.UUID, enter func(context.Context) error,
) (e Export, err error) {
	if e.User, err = u.Get(ctx, id); err != nil {
		return e, err
	}
	if e.Tenants, err = userTenants(ctx, u.DB, by, id); err != nil {
		return e, err
	}
	if err := u.exportPlatform(ctx, &e); err != nil {
		return e, translate("export a user", err)
	}
	if err := u.exportTenants(ctx, &e, enter); err != nil {
		return e, translate("export a user", err)
	}
	e.Complete = maxExported > max(
		len(e.Sessions), len(e.Links), len(e.Invitations), len(e.PlatformEvents), len(e.TenantEvents),
	)
	return e, nil
}

func (u *Users) exportPlatform(ctx context.Context, e *Export) (err error) {
	id := e.User.ID
	e.Sessions, err = u.Client.PortalSession.Query().Where(portalsession.UserID(id)).
		Order(portalsession.ByCreatedAt(entsql.OrderDesc())).Limit(maxExported).All(ctx)
	if err != nil {
		return err
	}
	e.Links, err = u.Client.PortalLink.Query().Where(portallink.UserID(id)).
		Order(portallink.ByID(entsql.OrderDesc())).Limit(maxExported).All(ctx)
	if err != nil {
		return err
	}
	e.PlatformEvents, err = u.Client.PlatformAuditEvent.Query().
		Where(platformauditevent.Or(platformauditevent.ActorID(id), platformauditevent.ObjectID(id))).
		Order(platformauditevent.ByID(entsql.OrderDesc())).Limit(maxExported).All(ctx)
	return err
}

// exportTenants reads the rows of each tenant under its own context.
func (u *Users) exportTenants(ctx context.Context, e *Export, enter func(context.Context) error) error {
	return EachTenant(ctx, u.Client, func(ctx context.Context) error {
		id := e.User.ID
		query := u.Client.AuditEvent.Query().Where(auditevent.Or(auditevent.ActorID(id), auditevent.ObjectID(id)))
		if len(e.TenantEvents) == maxExported {
			query.Where(auditevent.IDGT(e.TenantEvents[maxExported-1].ID))
		}
		events, err := query.Order(auditevent.ByID(entsql.OrderDesc())).Limit(maxExported).All(ctx)
		if err != nil {
			return err
		}
		invitations, err := u.Client.Invitation.Query().Where(invitationsOf(e.User)).
			Order(invitation.ByID(entsql.OrderDesc())).Limit(maxExported).All(ctx)
		if err != nil || len(events)+len(invitations) == 0 && !e.isMember(ctx) {
			return err
		}
		e.TenantEvents = newest(e.TenantEvents, events, func(row *ent.AuditEvent) uuid.UUID { return row.ID })
		e.Invitations = newest(e.Invitations, invitations, func(row *ent.Invitation) uuid.UUID { return row.ID })
		return enter(ctx)
	})
}

// newest returns the newest rows of both lists, the newest first. Ids are made in the order of creation.
func newest[T any](rows, more []T, id func(T) uuid.UUID) []T {
	if len(more) == 0 {
		return rows
	}
	rows = append(rows, more...)
	slices.SortFunc(rows, func(a, b T) int {
		x, y := id(a), id(b)
		return bytes.Compare(y[:], x[:])
	})
	return rows[:min(len(rows), maxExported)]
}

// isMember reports whether the user has a role in the context's tenant.
func (e *Export) isMember(ctx context.Context) bool {
	id, err := tenancy.From(ctx)
	return err == nil && slices.ContainsFunc(e.Tenants, func(one UserTenant) bool { return one.TenantID == id.UUID() })
}
