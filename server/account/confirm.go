package account

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portaluser"
)

// Confirmation is the current password of a user who is logged in, which some changes require.
type Confirmation struct {
	User     User
	Password string
	// Client is the client's network address, as in [Attempt].
	Client netip.Addr
}

// Confirmed is a [Confirmation] with the correct password. A change that uses it fails if the password has changed
// since.
type Confirmed struct {
	user User
	hash string
	// Warning is the error of a failed refund of the attempt. It is safe to log.
	Warning error
}

// PrepareChange checks the current password. A wrong one counts as a failed login, so a stolen session cannot be used
// to guess it. Returns [ErrIncorrect], [ErrTooManyAttempts] before any hash, [ErrBusy], or [ErrNoSession] if the user
// was disabled.
func (p *Profiles) PrepareChange(ctx context.Context, c Confirmation) (confirmed Confirmed, err error) {
	err = p.logins.hashing(ctx, c.User.ID.String(), func() error {
		confirmed, err = p.logins.confirm(ctx, c)
		return err
	})
	return confirmed, err
}

// hashing calls do while it holds a slot of the semaphore.
func (l *Logins) hashing(ctx context.Context, client string, do func() error) error {
	release, err := l.unknownDevices.Acquire(ctx, client)
	if err != nil {
		return fmt.Errorf("wait to hash a password: %w", err)
	}
	defer release()
	return do()
}

// confirm checks a password as [Logins.Login] does. It needs a slot of the semaphore.
func (l *Logins) confirm(ctx context.Context, c Confirmation) (Confirmed, error) {
	row, err := l.client.PortalUser.Query().
		Where(portaluser.ID(c.User.ID), portaluser.DisabledAtIsNil(), portaluser.ErasedAtIsNil()).Only(ctx)
	if ent.IsNotFound(err) {
		return Confirmed{}, ErrNoSession
	}
	if err != nil {
		return Confirmed{}, fmt.Errorf("look up a user: %w", err)
	}
	counters, now := l.counters(Attempt{Client: c.Client}, row.Email), instant(l.clock)
	if err := l.attempts.count(ctx, now, counters); err != nil {
		return Confirmed{}, err
	}
	same, _, err := l.compare(ctx, c.Password, row.HashedPassword)
	if err == nil && !same {
		return Confirmed{}, ErrIncorrect
	}
	uncounted := l.attempts.refund(ctx, now, counters)
	if err != nil {
		return Confirmed{}, errors.Join(fmt.Errorf("compare a password: %w", err), uncounted)
	}
	return Confirmed{user: userOf(row), hash: row.HashedPassword, Warning: uncounted}, nil
}
