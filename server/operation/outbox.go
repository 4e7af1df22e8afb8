package operation

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/mail"
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

// Add queues a message, of which only the ids are stored. It gives the job its ID.
func (o *Outbox) Add(ctx context.Context, j mail.Job) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	tenant := uuid.NullUUID{UUID: j.TenantID, Valid: j.TenantID != uuid.Nil}
	_, err = pgtenant.Exec(ctx, o.DB, `INSERT INTO mail_outbox
		(id, created_at, not_before, kind, about_tenant_id, subject_id, address)
		VALUES ($1, $2, $2, $3, $4, $5, $6)`,
		id, o.Clock(), j.Kind, tenant, j.SubjectID, j.Address)
	if err != nil {
		return fmt.Errorf("queue a message: %w", err)
	}
	if o.Added != nil {
		o.Added(ctx)
	}
	return nil
}
