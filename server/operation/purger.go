package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/ent/tenantpurge"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// Batch is the number of rows that one transaction deletes.
const Batch = 5000

// maxPurges bounds the purges of one run, which takes the oldest.
const maxPurges = 100

// Purger deletes the rows of tenants whose purge was requested, in batches, and then the tenants. Any number of
// processes can run one: a batch holds the lock of its purge, and counts what it deleted in the same transaction, so
// that a purge continues where another process was stopped.
type Purger struct {
	DB     dialect.Driver // joins the context's transaction
	Client *ent.Client    // on DB
	Audit  *audit.Log     // on DB
	Clock  func() time.Time
	// Tables are those of [TenantTables].
	Tables []string
	// Batch is the number of rows that one transaction deletes.
	Batch int
}

// Run continues all requested purges until they are finished, except for those that another process works on. A purge
// that fails does not stop the others.
func (p *Purger) Run(ctx context.Context) error {
	ids, err := p.Client.TenantPurge.Query().Where(tenantpurge.FinishedAtIsNil()).
		Order(tenantpurge.ByCreatedAt()).Limit(maxPurges).IDs(ctx)
	if err != nil {
		return fmt.Errorf("list purges: %w", err)
	}
	var failures error
	for _, id := range ids {
		if err := p.purge(ctx, id); err != nil {
			failures = errors.Join(failures, fmt.Errorf("purge tenant %s: %w", id, err))
		}
	}
	return failures
}

func (p *Purger) purge(ctx context.Context, id uuid.UUID) error {
	for {
		if more, err := p.Step(ctx, id); err != nil || !more {
			return err
		}
	}
}

// Step deletes one batch of a tenant's rows, or the tenant if no rows are left. More is false if the purge is finished
// or another process works on it.
func (p *Purger) Step(ctx context.Context, tenant uuid.UUID) (more bool, err error) {
	id, err := tenancy.FromUUID(tenant)
	if err != nil {
		return false, err
	}
	err = pgtenant.InTx(tenancy.With(ctx, id), p.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		row, err := tx.TenantPurge.Query().
			Where(tenantpurge.ID(tenant), tenantpurge.FinishedAtIsNil(), skipLocked).Only(ctx)
		if ent.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		deleted, err := deletedOf(row)
		if err != nil {
			return err
		}
		if more, err = p.deleteSome(ctx, id, deleted); err != nil {
			return err
		}
		if !more {
			return p.finish(ctx, tx, row, deleted)
		}
		return p.save(ctx, row.Update(), deleted)
	})
	return more, err
}

func skipLocked(s *entsql.Selector) { s.ForUpdate(entsql.WithLockAction(entsql.SkipLocked)) }

// deleteSome deletes one batch of the first table that has rows.
func (p *Purger) deleteSome(ctx context.Context, id tenancy.ID, deleted map[string]int64) (some bool, err error) {
	for _, table := range p.Tables {
		rows, err := p.deleteBatch(ctx, id, table)
		if err != nil {
			return false, fmt.Errorf("delete from %s: %w", table, err)
		}
		if rows > 0 {
			deleted[table] += rows
			return true, nil
		}
	}
	return false, nil
}

func (p *Purger) deleteBatch(ctx context.Context, id tenancy.ID, table string) (rows int64, err error) {
	if table == "audit_events" { // the application may not delete from it
		err = pgtenant.QueryRow(ctx, p.DB, `SELECT expire_audit_events($1)`, p.Batch).Scan(&rows)
		return rows, err
	}
	name, column := rls.Quote(table), rls.Quote(mixin.TenantColumn)
	return pgtenant.Exec(ctx, p.DB, `DELETE FROM `+name+` WHERE id IN
		(SELECT id FROM `+name+` WHERE `+column+` = $1 ORDER BY id DESC LIMIT $2)`, id.UUID(), p.Batch)
}

// finish deletes the tenant, with rows that requests inserted which were authorized before the purge was requested. The
// lock keeps further ones out: their foreign keys wait for it and then fail.
func (p *Purger) finish(ctx context.Context, tx *ent.Tx, row *ent.TenantPurge, deleted map[string]int64) error {
	id, err := tenancy.From(ctx)
	if err != nil {
		return err
	}
	_, err = lock(ctx, id.UUID(), Match{}, tx.Tenant.Query(), tenantVersion)
	if err != nil && !errors.Is(err, ErrNotFound) { // an operator may have deleted it
		return err
	}
	for some := true; some; {
		if some, err = p.deleteSome(ctx, id, deleted); err != nil {
			return err
		}
	}
	if err := tx.Tenant.DeleteOneID(id.UUID()).Exec(ctx); err != nil && !ent.IsNotFound(err) {
		return err
	}
	if err := p.save(ctx, row.Update().SetFinishedAt(p.Clock()), deleted); err != nil {
		return err
	}
	return p.Audit.RecordPlatform(ctx, audit.Event{
		ActorID: row.RequestedBy, Action: "tenant-purged", ObjectType: "tenant", ObjectID: row.ID,
		Details: map[string]any{"deleted": deleted},
	})
}

func (p *Purger) save(ctx context.Context, update *ent.TenantPurgeUpdateOne, deleted map[string]int64) error {
	counts, err := json.Marshal(deleted)
	if err != nil {
		return err
	}
	return update.SetDeleted(counts).SetUpdatedAt(p.Clock()).Exec(ctx)
}
