package account

import (
	"context"
	"net/netip"
)

// HashPassword hashes a new password in the queue of logins, which bounds the cores and the memory for hashing. Client
// is as in [Attempt]. ctx must have no transaction. Returns [ErrPassword] before it waits, [ErrBusy] or the hasher's
// error.
func (l *Logins) HashPassword(ctx context.Context, password string, client netip.Addr) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	hash := ""
	err := l.hashing(ctx, clientOf(client).String(), func() (err error) {
		hash, err = hashPassword(ctx, l.hasher, password)
		return err
	})
	return hash, err
}

// ClearAttempts deletes the failed logins of an address, after its password was replaced. Returns [ErrEmail].
func (l *Logins) ClearAttempts(ctx context.Context, email string) error {
	return l.attempts.Clear(ctx, email)
}
