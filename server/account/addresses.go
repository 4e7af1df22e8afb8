package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Addresses creates accounts for the links of invitations, and records what the links prove. Its methods run in the
// context's transaction. Passwords are hashed before it begins.
type Addresses struct {
	DB    dialect.ExecQuerier // joins the context's transaction
	Clock func() time.Time
}

// Lock locks the account with the normalized address until the transaction ends. Returns [ErrNoUser].
func (a Addresses) Lock(ctx context.Context, email string) (User, error) {
	u, unproven := User{Email: email}, uuid.NullUUID{}
	err := pgtenant.QueryRow(ctx, a.DB, `SELECT id, name, is_admin, disabled_at, unproven_tenant_id FROM portal_users
		WHERE email = $1 FOR NO KEY UPDATE`, email).Scan(&u.ID, &u.Name, &u.IsAdmin, &u.DisabledAt, &unproven)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, ErrNoUser
	}
	if err != nil {
		return User{}, fmt.Errorf("lock an account: %w", err)
	}
	u.UnprovenTenant = unproven.UUID
	return u, nil
}

// Create creates an account with a password's hash. Its address is proven if UnprovenTenant is zero. Returns
// [ErrTaken].
func (a Addresses) Create(ctx context.Context, u User, hash string) (User, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return User{}, err
	}
	u.ID = id
	made, err := pgtenant.Exec(ctx, a.DB, `INSERT INTO portal_users
		(id, email, name, hashed_password, unproven_tenant_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (email) DO NOTHING`,
		u.ID, u.Email, u.Name, hash, orNull(u.UnprovenTenant), instant(a.Clock))
	if err != nil {
		return User{}, fmt.Errorf("create an account: %w", err)
	}
	if made == 0 {
		return User{}, ErrTaken
	}
	return u, nil
}

// MayTakeOver reports whether a mailed link gives the account to the owner of its address: somebody else may have made
// it, because no mailed link has proved the address. Platform admins and disabled accounts are never taken over.
func (u User) MayTakeOver() bool {
	return u.UnprovenTenant != uuid.Nil && !u.IsAdmin && u.DisabledAt == nil
}

// TakeOver gives an account to the owner of its address: a new name and password's hash, and all sessions and links
// end. The address is proven if UnprovenTenant is zero. The account must be locked.
func (a Addresses) TakeOver(ctx context.Context, u User, hash string) error {
	now := instant(a.Clock)
	_, err := pgtenant.Exec(ctx, a.DB, `UPDATE portal_users
		SET name = $3, hashed_password = $4, unproven_tenant_id = $5,`+nextVersion+`WHERE id = $1`,
		u.ID, now, u.Name, hash, orNull(u.UnprovenTenant))
	if err != nil {
		return fmt.Errorf("take over an account: %w", err)
	}
	if _, err := EndSessions(ctx, a.DB, u.ID, "", now); err != nil {
		return err
	}
	return voidLinks(ctx, a.DB, u.ID)
}

// orNull returns null for the nil UUID.
func orNull(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
