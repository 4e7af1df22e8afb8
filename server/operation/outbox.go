package operation

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Outbox queues mail in the context's transaction. A message is sent after the commit. It is also the [mail.Queue] of
// the workers.
type Outbox struct {
	DB    dialect.ExecQuerier // joins the context's transaction
	Clock func() time.Time
	// Added is called for each queued message, before the commit. It may be nil.
	Added func(context.Context)
}

// Mail is a message to be sent: its kind, and the ids from which its text and link are made.
type Mail struct {
	// Kind is invitation, password_reset, confirm_email, email_changed or password_changed.
	Kind string
	// Tenant is that of an invitation, or zero.
	Tenant uuid.UUID
	// Subject is the invitation, the link or the user that the message is about.
	Subject uuid.UUID
	// Address is the recipient of a notice to an address that the user no longer has, or "".
	Address string
}

// Add queues a message.
func (o *Outbox) Add(ctx context.Context, m Mail) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	now := o.Clock()
	_, err = pgtenant.Exec(ctx, o.DB, `INSERT INTO mail_outbox
		(id, created_at, not_before, kind, about_tenant_id, subject_id, address)
		VALUES ($1, $2, $2, $3, $4, $5, $6)`,
		id, now, m.Kind, uuid.NullUUID{UUID: m.Tenant, Valid: m.Tenant != uuid.Nil}, m.Subject, m.Address)
	if err != nil {
		return fmt.Errorf("queue a message: %w", err)
	}
	if o.Added != nil {
		o.Added(ctx)
	}
	return nil
}
