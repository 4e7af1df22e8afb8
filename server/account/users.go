package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portallink"
	"github.com/konstruct/konstruct/ent/portalsession"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// uniqueViolation is PostgreSQL's unique_violation.
const uniqueViolation = "23505"

// Users creates and updates users. Every update ends the user's sessions and voids the user's links in the same
// transaction.
type Users struct {
	client *ent.Client
	hasher Hasher
	clock  func() time.Time
}

// NewUsers uses client.
func NewUsers(client *ent.Client, hasher Hasher, clock func() time.Time) *Users {
	return &Users{client: client, hasher: hasher, clock: clock}
}

// NewUser describes a user to create.
type NewUser struct {
	Email    string
	Name     string
	Password string
	IsAdmin  bool
}

// Create creates a user. Returns [ErrEmail], [ErrName], [ErrPassword], [ErrTaken] or the hasher's error.
func (u *Users) Create(ctx context.Context, n NewUser) (User, error) {
	email, err := NormalizeEmail(n.Email)
	if err != nil {
		return User{}, err
	}
	name, err := NormalizeName(n.Name)
	if err != nil {
		return User{}, err
	}
	hash, err := hashPassword(ctx, u.hasher, n.Password)
	if err != nil {
		return User{}, err
	}
	row, err := u.client.PortalUser.Create().
		SetEmail(email).SetName(name).SetHashedPassword(hash).SetIsAdmin(n.IsAdmin).Save(ctx)
	if db, ok := errors.AsType[*pgconn.PgError](err); ok && db.Code == uniqueViolation {
		return User{}, ErrTaken
	}
	if err != nil {
		return User{}, fmt.Errorf("create a user: %w", err)
	}
	return userOf(row), nil
}

// Find returns the user with the address. Returns [ErrEmail] or [ErrNoUser].
func (u *Users) Find(ctx context.Context, email string) (User, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return User{}, err
	}
	row, err := u.client.PortalUser.Query().Where(portaluser.Email(email)).Only(ctx)
	if ent.IsNotFound(err) {
		return User{}, ErrNoUser
	}
	if err != nil {
		return User{}, fmt.Errorf("look up a user: %w", err)
	}
	return userOf(row), nil
}

// List returns all users, ordered by address.
func (u *Users) List(ctx context.Context) ([]User, error) {
	rows, err := u.client.PortalUser.Query().Order(portaluser.ByEmail()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	users := make([]User, len(rows))
	for i, row := range rows {
		users[i] = userOf(row)
	}
	return users, nil
}

// SetPassword changes a user's password. Returns [ErrEmail], [ErrPassword], [ErrNoUser] or the hasher's error.
func (u *Users) SetPassword(ctx context.Context, email, password string) error {
	hash, err := hashPassword(ctx, u.hasher, password)
	if err != nil {
		return err
	}
	return u.change(ctx, email, func(up *ent.PortalUserUpdate) { up.SetHashedPassword(hash) })
}

// Disable prevents a user from logging in. Returns [ErrEmail] or [ErrNoUser].
func (u *Users) Disable(ctx context.Context, email string) error {
	return u.change(ctx, email, func(up *ent.PortalUserUpdate) { up.SetDisabledAt(instant(u.clock)) })
}

// Enable allows a disabled user to log in again. Returns [ErrEmail] or [ErrNoUser].
func (u *Users) Enable(ctx context.Context, email string) error {
	return u.change(ctx, email, func(up *ent.PortalUserUpdate) { up.ClearDisabledAt() })
}

// Promote makes a user a platform admin. Returns [ErrEmail] or [ErrNoUser].
func (u *Users) Promote(ctx context.Context, email string) error {
	return u.change(ctx, email, func(up *ent.PortalUserUpdate) { up.SetIsAdmin(true) })
}

// Demote revokes the platform admin role of a user. Returns [ErrEmail] or [ErrNoUser].
func (u *Users) Demote(ctx context.Context, email string) error {
	return u.change(ctx, email, func(up *ent.PortalUserUpdate) { up.SetIsAdmin(false) })
}

// change updates the user before it ends the sessions: the update locks the row, so a concurrent login waits for it or
// has committed its session.
func (u *Users) change(ctx context.Context, email string, set func(*ent.PortalUserUpdate)) error {
	email, err := NormalizeEmail(email)
	if err != nil {
		return err
	}
	return pgtenant.InTx(ctx, u.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		update := tx.PortalUser.Update().Where(portaluser.Email(email), portaluser.ErasedAtIsNil())
		set(update)
		changed, err := update.Save(ctx)
		if err != nil {
			return fmt.Errorf("change a user: %w", err)
		}
		if changed == 0 {
			return ErrNoUser
		}
		err = tx.PortalSession.Update().
			Where(portalsession.RevokedAtIsNil(), portalsession.HasUserWith(portaluser.Email(email))).
			SetRevokedAt(instant(u.clock)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("end a user's sessions: %w", err)
		}
		_, err = tx.PortalLink.Delete().
			Where(portallink.UsedAtIsNil(), portallink.HasUserWith(portaluser.Email(email))).Exec(ctx)
		if err != nil {
			return fmt.Errorf("void a user's links: %w", err)
		}
		return nil
	})
}
