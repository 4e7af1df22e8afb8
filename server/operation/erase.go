package operation

import (
	"context"
	"errors"
	"slices"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/auditevent"
	"github.com/konstruct/konstruct/ent/idempotencykey"
	"github.com/konstruct/konstruct/ent/invitation"
	"github.com/konstruct/konstruct/ent/mailoutbox"
	"github.com/konstruct/konstruct/ent/membership"
	"github.com/konstruct/konstruct/ent/platformidempotencykey"
	"github.com/konstruct/konstruct/ent/portallink"
	"github.com/konstruct/konstruct/ent/portalsession"
	"github.com/konstruct/konstruct/ent/predicate"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Erasure is the request to erase a user.
type Erasure struct {
	User  uuid.UUID
	Match Match
	// By is the hash of the admin's session token. Self says that the admin is the user.
	By   string
	Self bool
	// Record records an event in the transaction of the context: of the platform at the beginning and the end, and of
	// each of the user's tenants.
	Record func(ctx context.Context, action string) error
}

// The actions of an erasure's audit events: the request, and its end.
const (
	actionErase  = "erase-user"
	actionErased = "user-erased"
)

// Erase disables a user and deletes what is stored of the person: memberships, invitations, sessions, links, messages,
// failed logins, and the answers kept for requests with an Idempotency-Key that name the person. The row remains
// without the person's data, because rows and events name its id. It takes several transactions; if one fails, call it
// again. Returns [ErrNotFound], [ErrStale], also if the user was enabled meanwhile, a [LastOwnerError],
// account.ErrLastAdmin or account.ErrNoSession.
func (u *Users) Erase(ctx context.Context, e Erasure) error {
	row, tenants, err := u.beginErasure(ctx, e)
	for err == nil && len(tenants) > 0 {
		for _, tenant := range tenants {
			if err = u.leave(ctx, e, row, tenant); err != nil {
				return translate("erase a user's membership", err)
			}
		}
		// The user may have joined a tenant before the sessions ended. Admins who erase themselves have no session
		// left to ask with.
		if tenants = nil; !e.Self {
			tenants, err = u.remaining(ctx, e)
		}
	}
	if err == nil {
		err = EachTenant(ctx, u.Client, func(ctx context.Context) error {
			return u.uninvite(ctx, e, row)
		})
	}
	if err == nil {
		err = u.finishErasure(ctx, e, row.Email)
	}
	return translate("erase a user", err)
}

// beginErasure disables the user and returns the ids of the user's tenants.
func (u *Users) beginErasure(ctx context.Context, e Erasure) (row *ent.PortalUser, tenants []uuid.UUID, err error) {
	err = pgtenant.InTx(ctx, u.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		var locked lockedTenants
		if row, locked, err = u.lockAll(ctx, tx, e.By, e.User, e.Match); err != nil {
			return err
		}
		if locked.last != nil {
			return locked.last
		}
		disabled := true
		tenants = locked.ids
		if row, err = u.update(ctx, row, UserFields{Disabled: &disabled}); err != nil {
			return err
		}
		return e.Record(ctx, actionErase)
	})
	return row, tenants, err
}

// leave deletes the user's rows in a tenant.
func (u *Users) leave(ctx context.Context, e Erasure, row *ent.PortalUser, tenant uuid.UUID) error {
	id, err := tenancy.FromUUID(tenant)
	if err != nil {
		return err
	}
	return u.inTenant(tenancy.With(ctx, id), func(ctx context.Context, tx *ent.Tx) error {
		if _, err := tx.Membership.Delete().Where(membership.UserID(row.ID)).Exec(ctx); err != nil {
			return err
		}
		invitations, err := tx.Invitation.Query().Where(invitationsOf(row)).IDs(ctx)
		if err != nil {
			return err
		}
		if err := deleteInvitations(ctx, tx, invitations); err != nil {
			return err
		}
		return e.Record(ctx, actionErase)
	})
}

// uninvite deletes the invitations to the address in the context's tenant, which the user never joined or has left, and
// the answers that name the user, who invited others.
func (u *Users) uninvite(ctx context.Context, e Erasure, row *ent.PortalUser) error {
	_, err := u.Client.IdempotencyKey.Delete().Where(idempotencykey.AnswerContains(e.User.String())).Exec(ctx)
	if err != nil {
		return err
	}
	invitations, err := u.Client.Invitation.Query().Where(invitationsOf(row)).IDs(ctx)
	if err != nil || len(invitations) == 0 {
		return err
	}
	return u.inTenant(ctx, func(ctx context.Context, tx *ent.Tx) error {
		if err := deleteInvitations(ctx, tx, invitations); err != nil {
			return err
		}
		return e.Record(ctx, actionErase)
	})
}

// invitationsOf selects the invitations to the user's address, and those that the user accepted with a former one.
func invitationsOf(user *ent.PortalUser) predicate.Invitation {
	return func(s *entsql.Selector) {
		event := entsql.Dialect(dialect.Postgres).Table(auditevent.Table)
		accepted := entsql.Dialect(dialect.Postgres).Select(event.C(auditevent.FieldObjectID)).From(event).
			Where(entsql.And(
				entsql.EQ(event.C(auditevent.FieldActorID), user.ID),
				entsql.EQ(event.C(auditevent.FieldAction), actionAccept),
			))
		s.Where(entsql.Or(
			entsql.EQ(s.C(invitation.FieldEmail), user.Email), entsql.In(s.C(invitation.FieldID), accepted),
		))
	}
}

// inTenant runs do in a transaction that locks the tenant first, as a purge does. A tenant that was deleted
// concurrently has nothing to erase.
func (u *Users) inTenant(ctx context.Context, do func(context.Context, *ent.Tx) error) error {
	err := pgtenant.InTx(ctx, u.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		if _, err := u.lockTenant(ctx, forShare); err != nil {
			return err
		}
		return do(ctx, tx)
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// deleteInvitations deletes invitations, their messages, and the answers to their creation, which have the address.
func deleteInvitations(ctx context.Context, tx *ent.Tx, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		_, err := tx.IdempotencyKey.Delete().Where(idempotencykey.AnswerContains(id.String())).Exec(ctx)
		if err != nil {
			return err
		}
	}
	if _, err := tx.Invitation.Delete().Where(invitation.IDIn(ids...)).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.MailOutbox.Delete().Where(mailoutbox.SubjectIDIn(ids...)).Exec(ctx)
	return err
}

// remaining returns the tenants of the user.
func (u *Users) remaining(ctx context.Context, e Erasure) (ids []uuid.UUID, err error) {
	tenants, err := userTenants(ctx, u.DB, e.By, e.User)
	for _, one := range tenants {
		ids = append(ids, one.TenantID)
	}
	return ids, err
}

func (u *Users) finishErasure(ctx context.Context, e Erasure, email string) error {
	return pgtenant.InTx(ctx, u.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		row, err := u.lock(ctx, tx, e.User, Match{})
		if err != nil {
			return err
		}
		if row.DisabledAt == nil { // enabled since the beginning, and perhaps a member again
			return ErrStale
		}
		links, err := tx.PortalLink.Query().Where(portallink.UserID(row.ID)).IDs(ctx)
		if err != nil {
			return err
		}
		subjects := slices.Concat(links, []uuid.UUID{row.ID})
		if _, err := tx.MailOutbox.Delete().Where(mailoutbox.SubjectIDIn(subjects...)).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.PortalLink.Delete().Where(portallink.UserID(row.ID)).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.PortalSession.Delete().Where(portalsession.UserID(row.ID)).Exec(ctx); err != nil {
			return err
		}
		if err := u.ClearAttempts(ctx, email); err != nil {
			return err
		}
		_, err = tx.PlatformIdempotencyKey.Delete().
			Where(platformidempotencykey.AnswerContains(row.ID.String())).Exec(ctx)
		if err != nil {
			return err
		}
		now := MatchVersions(row.UpdatedAt).next(u.Clock())
		// The hash is of no password, and no disabled user's is compared.
		err = row.Update().SetEmail(account.ErasedEmail(row.ID)).SetName("Erased user").
			SetHashedPassword("none").SetIsAdmin(false).ClearUnprovenTenantID().SetErasedAt(now).SetUpdatedAt(now).
			Exec(ctx)
		if err != nil {
			return err
		}
		return e.Record(ctx, actionErased)
	})
}
