package operation

import "context"

// The limits of a tenant. A request beyond one returns [ErrLimit].
const (
	MaxMembers           = 1000
	MaxInvitationsPerDay = 200
	MaxMailsPerDay       = 10
	MaxAgents            = 1000
	MaxConnections       = 100
	// MaxExports is the number of exports of the audit log that run at once on a server.
	MaxExports = 1
)

// Limit is how much of a class a tenant can have.
type Limit struct {
	Class string
	Most  int
}

// Limits returns the limits of a tenant, as docs/operations.md lists them.
func Limits() []Limit {
	return []Limit{
		{"agents", MaxAgents},
		{"channel connections", MaxConnections},
		{"members and pending invitations", MaxMembers},
		{"invitations a day", MaxInvitationsPerDay},
		{"mailed invitations a day for an address", MaxMailsPerDay},
		{"running exports of the audit log, on each server", MaxExports},
	}
}

// unlocked is how far below a limit rows are counted without a lock. More inserts at once could exceed the limit.
const unlocked = 50

// checkLimit returns [ErrLimit] if the context's tenant has at least most rows, by count. Near the limit it locks the
// tenant's row, so that concurrent inserts cannot exceed the limit together. Call it in the transaction of the insert.
func (s *Store) checkLimit(ctx context.Context, most int, count func(context.Context) (int, error)) error {
	rows, err := count(ctx)
	if err == nil && rows >= most-unlocked {
		if _, err := s.lockTenant(ctx, forChange); err != nil {
			return err
		}
		rows, err = count(ctx)
	}
	switch {
	case err != nil:
		return translate("count rows", err)
	case rows >= most:
		return ErrLimit
	}
	return nil
}
