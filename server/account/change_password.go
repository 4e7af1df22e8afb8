package account

import (
	"context"
	"fmt"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// PasswordChange is a new password that was confirmed by the current one.
type PasswordChange struct {
	Confirmed

	newHash string
}

// PreparePassword checks the current password as [Profiles.PrepareChange] does, and hashes the new one. It also returns
// [ErrPassword].
func (p *Profiles) PreparePassword(
	ctx context.Context, c Confirmation, password string,
) (change PasswordChange, err error) {
	if err := CheckPassword(password); err != nil {
		return change, err
	}
	err = p.logins.hashing(ctx, c.User.ID.String(), func() error {
		if change.Confirmed, err = p.logins.confirm(ctx, c); err != nil {
			return err
		}
		change.newHash, err = hashPassword(ctx, p.logins.hasher, password)
		return err
	})
	return change, err
}

const storePassword = `UPDATE portal_users SET hashed_password = $4,` + nextVersion + `
WHERE id = $1 AND hashed_password = $3 AND disabled_at IS NULL AND erased_at IS NULL`

// ChangePassword stores a new password, ends all sessions of the user except current, voids the user's links and clears
// the failed attempts. Returns the number of ended sessions, or [ErrIncorrect] if the password was changed since.
func (p *Profiles) ChangePassword(ctx context.Context, change PasswordChange, current Principal) (int64, error) {
	user := change.user
	stored, err := pgtenant.Exec(ctx, p.db, storePassword, user.ID, p.now(), change.hash, change.newHash)
	if err != nil {
		return 0, fmt.Errorf("change a password: %w", err)
	}
	if stored == 0 {
		return 0, ErrIncorrect
	}
	ended, err := EndSessions(ctx, p.db, user.ID, current.tokenHash, p.now())
	if err != nil {
		return 0, err
	}
	if err := voidLinks(ctx, p.db, user.ID); err != nil {
		return 0, err
	}
	return ended, p.logins.attempts.Clear(ctx, user.Email)
}
