package operation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// mailLease is how long a claimed message is left to its worker.
const mailLease = 5 * time.Minute

// The rows are locked in a step of their own: a subquery with a limit could be evaluated again for each row.
const claimMail = `
WITH due AS MATERIALIZED (
  SELECT id FROM mail_outbox WHERE sent_at IS NULL AND gave_up_at IS NULL AND not_before <= $1
  ORDER BY not_before LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE mail_outbox o SET attempts = o.attempts + 1, not_before = $3 FROM due WHERE o.id = due.id
RETURNING o.id, o.kind, o.about_tenant_id, o.subject_id, o.address, o.attempts`

// Claim implements [mail.Queue].
func (o *Outbox) Claim(ctx context.Context, now time.Time, limit int) ([]mail.Job, error) {
	jobs, err := pgtenant.Collect(pgtenant.Query(ctx, o.DB, claimMail, now, limit, now.Add(mailLease)),
		func(row pgtenant.Row) (j mail.Job, err error) {
			var tenant uuid.NullUUID
			err = row.Scan(&j.ID, &j.Kind, &tenant, &j.SubjectID, &j.Address, &j.Attempts)
			j.TenantID = tenant.UUID
			return j, err
		})
	if err != nil {
		return nil, fmt.Errorf("claim messages: %w", err)
	}
	return jobs, nil
}

// Done implements [mail.Queue].
func (o *Outbox) Done(ctx context.Context, id uuid.UUID) error {
	return o.end(ctx, `UPDATE mail_outbox SET sent_at = $2, reason = '', address = '' WHERE id = $1`, id, o.Clock())
}

// Failed implements [mail.Queue].
func (o *Outbox) Failed(ctx context.Context, id uuid.UUID, reason string, retryAt time.Time) error {
	if retryAt.IsZero() {
		return o.end(ctx, `UPDATE mail_outbox SET gave_up_at = $2, reason = $3, address = '' WHERE id = $1`,
			id, o.Clock(), reason)
	}
	return o.end(ctx, `UPDATE mail_outbox SET not_before = $2, reason = $3 WHERE id = $1`, id, retryAt, reason)
}

// end stores the outcome of an attempt. A message that was sent or given up stays so.
func (o *Outbox) end(ctx context.Context, update string, args ...any) error {
	_, err := pgtenant.Exec(ctx, o.DB, update+` AND sent_at IS NULL AND gave_up_at IS NULL`, args...)
	if err != nil {
		return fmt.Errorf("store the outcome of a message: %w", err)
	}
	return nil
}
