package mail

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// ErrObsolete is returned by Compose for a job whose subject is gone, such as an invitation that was revoked.
var ErrObsolete = errors.New("mail: obsolete")

// The reasons of failures, as the outbox stores them.
const (
	// ReasonUnreachable is a transient failure, of the SMTP server or while the message was composed.
	ReasonUnreachable = "unreachable"
	// ReasonRejected is an [ErrPermanent].
	ReasonRejected = "rejected"
	// ReasonGaveUp is the last transient failure.
	ReasonGaveUp = "gave_up"
	// ReasonObsolete is an [ErrObsolete].
	ReasonObsolete = "obsolete"
)

// Job is a row of the outbox.
type Job struct {
	ID   uuid.UUID
	Kind string // such as KindInvitation
	// TenantID is the tenant of the subject, or the zero UUID.
	TenantID uuid.UUID
	// SubjectID is what the message is about: an invitation, a link or a user.
	SubjectID uuid.UUID
	// Address is the recipient, if the subject does not have it: the old address of a user.
	Address string
	// Attempts counts the claims of the row, with this one: 1 at first.
	Attempts int
}

// Queue is the outbox. It is safe for concurrent use.
type Queue interface {
	// Claim returns at most limit rows that are due at now, and leases each for 5 minutes: no claim returns it before
	// then. Claims that run at once return different rows.
	Claim(ctx context.Context, now time.Time, limit int) ([]Job, error)
	// Done marks a row as sent.
	Done(ctx context.Context, id uuid.UUID) error
	// Failed stores the reason. The row is due again at retryAt, or never if that is zero.
	Failed(ctx context.Context, id uuid.UUID, reason string, retryAt time.Time) error
}
