package operation

import (
	"context"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Users manages the users of the portal, for platform admins. Erased users are not found. Its contexts have no tenant.
type Users struct {
	Store

	// ClearAttempts deletes the failed logins of an address, in the context's transaction.
	ClearAttempts func(ctx context.Context, email string) error
}

// NewUser describes a user to create. The address and the name are normalized, and the password is hashed.
type NewUser struct {
	Email, Name, HashedPassword string

	IsAdmin bool
}

// UserFields are the fields of a user that an admin can change. A nil field keeps its value.
type UserFields struct {
	Name     *string
	Disabled *bool
	IsAdmin  *bool
}

//nolint:gochecknoglobals // a constant
var userList = listing[*ent.PortalUser]{
	name: "users",
	sorts: []sorting[*ent.PortalUser]{
		byCreation[*ent.PortalUser](),
		byText(portaluser.FieldName, func(row *ent.PortalUser) string { return row.Name }),
		byText(portaluser.FieldEmail, func(row *ent.PortalUser) string { return row.Email }),
	},
	search:  []string{portaluser.FieldName, portaluser.FieldEmail},
	measure: func(row *ent.PortalUser) (uuid.UUID, int) { return row.ID, len(row.Email) + len(row.Name) },
}

// List returns a page of users, or [ErrCursor].
func (u *Users) List(ctx context.Context, page Page) (List[*ent.PortalUser], error) {
	query := u.Client.PortalUser.Query().Where(portaluser.ErasedAtIsNil())
	query.Select(
		portaluser.FieldID, portaluser.FieldEmail, portaluser.FieldName, portaluser.FieldIsAdmin,
		portaluser.FieldDisabledAt, portaluser.FieldUnprovenTenantID, portaluser.FieldCreatedAt,
		portaluser.FieldUpdatedAt,
	)
	return list(ctx, u.Pages, &userList, page, query)
}

// Create creates a user. Returns [ErrTaken] or [ErrInvalid].
func (u *Users) Create(ctx context.Context, n NewUser) (*ent.PortalUser, error) {
	if err := u.stillPermitted(ctx); err != nil { // the password was hashed meanwhile
		return nil, err
	}
	row, err := u.Client.PortalUser.Create().SetEmail(n.Email).SetName(n.Name).SetHashedPassword(n.HashedPassword).
		SetIsAdmin(n.IsAdmin).Save(ctx)
	return row, translate("create a user", err)
}

// Get returns a user, or [ErrNotFound].
func (u *Users) Get(ctx context.Context, id uuid.UUID) (*ent.PortalUser, error) {
	row, err := u.Client.PortalUser.Query().Where(portaluser.ID(id), portaluser.ErasedAtIsNil()).Only(ctx)
	return row, translate("get a user", err)
}

// Update updates a user, unless f is empty, and returns it. Disabling ends the user's sessions and links. By is the
// hash of the admin's session token. Returns [ErrNotFound], [ErrStale], [ErrInvalid], a [LastOwnerError],
// account.ErrLastAdmin, or account.ErrNoSession if the admin's session ended.
func (u *Users) Update(
	ctx context.Context, by string, id uuid.UUID, match Match, f UserFields,
) (updated *ent.PortalUser, err error) {
	disables, demotes := f.Disabled != nil && *f.Disabled, f.IsAdmin != nil && !*f.IsAdmin
	err = pgtenant.InTx(ctx, u.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		var tenants lockedTenants
		switch {
		case disables:
			updated, tenants, err = u.lockAll(ctx, tx, by, id, match)
		case demotes:
			if err := u.lockAdmins(ctx, id); err != nil {
				return err
			}
			fallthrough
		default:
			updated, err = u.lock(ctx, tx, id, match)
		}
		if err != nil || reflect.ValueOf(f).IsZero() {
			return err
		}
		if err := u.stillPermitted(ctx); err != nil {
			return err
		}
		if tenants.last != nil && updated.DisabledAt == nil {
			return tenants.last
		}
		updated, err = u.update(ctx, updated, f)
		return err
	})
	return updated, translate("update a user", err)
}

// lockAll locks a user's tenants, all platform admins and the user, before the user is disabled.
func (u *Users) lockAll(
	ctx context.Context, tx *ent.Tx, by string, id uuid.UUID, match Match,
) (row *ent.PortalUser, tenants lockedTenants, err error) {
	if _, err := u.lockTenants(ctx, by, id); err != nil {
		return nil, tenants, err
	}
	if err := u.lockAdmins(ctx, id); err != nil {
		return nil, tenants, err
	}
	if row, err = u.lock(ctx, tx, id, match); err != nil {
		return nil, tenants, err
	}
	// Again, with those that the user joined meanwhile. From now on the user can join none.
	tenants, err = u.lockTenants(ctx, by, id)
	return row, tenants, err
}

// lock locks the row of a user. It is locked after those of tenants and other admins.
func (u *Users) lock(ctx context.Context, tx *ent.Tx, id uuid.UUID, match Match) (*ent.PortalUser, error) {
	return lock(ctx, id, match, tx.PortalUser.Query().Where(portaluser.ErasedAtIsNil()),
		func(row *ent.PortalUser) time.Time { return row.UpdatedAt })
}

// endLinks keeps the rows, by which an erasure finds the messages.
const endLinks = `UPDATE portal_links SET expires_at = $2 WHERE user_id = $1 AND used_at IS NULL AND expires_at > $2`

func (u *Users) update(ctx context.Context, row *ent.PortalUser, f UserFields) (*ent.PortalUser, error) {
	now := MatchVersions(row.UpdatedAt).next(u.Clock())
	update := row.Update().SetUpdatedAt(now)
	given(f.Name, func(name string) { update.SetName(name) })
	given(f.IsAdmin, func(admin bool) { update.SetIsAdmin(admin) })
	switch {
	case f.Disabled == nil:
	case !*f.Disabled:
		update.ClearDisabledAt()
	case row.DisabledAt == nil:
		update.SetDisabledAt(now)
		if _, err := account.EndSessions(ctx, u.DB, row.ID, "", now); err != nil {
			return nil, err
		}
		if _, err := pgtenant.Exec(ctx, u.DB, endLinks, row.ID, u.Clock()); err != nil {
			return nil, err
		}
	}
	return update.Save(ctx)
}

// EndSessions ends all sessions of a user and returns their number. Returns [ErrNotFound].
func (u *Users) EndSessions(ctx context.Context, id uuid.UUID) (ended int64, err error) {
	err = pgtenant.InTx(ctx, u.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		// The lock waits for concurrent logins, whose sessions end as well.
		if _, err := u.lock(ctx, tx, id, Match{}); err != nil {
			return err
		}
		ended, err = account.EndSessions(ctx, u.DB, id, "", u.Clock())
		return err
	})
	return ended, translate("end a user's sessions", err)
}

// Unlock deletes the failed logins of a user. Returns [ErrNotFound].
func (u *Users) Unlock(ctx context.Context, id uuid.UUID) error {
	row, err := u.Get(ctx, id)
	if err != nil {
		return err
	}
	return u.ClearAttempts(ctx, row.Email)
}
