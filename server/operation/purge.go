package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/ent/tenantpurge"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Purge is the progress of the deletion of a tenant and its rows.
type Purge struct {
	RequestedAt time.Time
	// FinishedAt is nil while the purge runs.
	FinishedAt *time.Time
	// Deleted is the number of deleted rows by table.
	Deleted map[string]int64
}

// Purge begins to delete the context's tenant: its status becomes purging, and a [Purger] deletes its rows. Begun is
// false if that was requested before. Without force, returns [ErrNotEmpty] if the tenant has agents or channel
// connections. Also returns [ErrNotFound] or [ErrStale].
func (t *Tenants) Purge(ctx context.Context, match Match, by uuid.UUID, force bool) (begun bool, err error) {
	id, err := tenancy.From(ctx)
	if err != nil {
		return false, err
	}
	err = pgtenant.InTx(ctx, t.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		// Inserts into the tenant's tables wait for this lock and then see rows of a tenant that is being deleted.
		row, err := lock(ctx, id.UUID(), match, tx.Tenant.Query(), tenantVersion)
		if err != nil || row.Status == tenant.StatusPurging {
			return err
		}
		if err := t.stillPermitted(ctx); err != nil {
			return err
		}
		if !force {
			if err := empty(ctx, tx); err != nil {
				return err
			}
		}
		begun = true
		return t.beginPurge(ctx, tx, row, by)
	})
	return begun, translate("begin a purge", err)
}

func tenantVersion(row *ent.Tenant) time.Time { return row.UpdatedAt }

// empty returns ErrNotEmpty if the tenant has rows that its users created for their work.
func empty(ctx context.Context, tx *ent.Tx) error {
	for _, exists := range []func(context.Context) (bool, error){
		tx.Agent.Query().Exist, tx.ChannelConnection.Query().Exist,
	} {
		found, err := exists(ctx)
		if err != nil {
			return err
		}
		if found {
			return ErrNotEmpty
		}
	}
	return nil
}

func (t *Tenants) beginPurge(ctx context.Context, tx *ent.Tx, row *ent.Tenant, by uuid.UUID) error {
	now := MatchVersions(row.UpdatedAt).next(t.Clock())
	if err := row.Update().SetStatus(tenant.StatusPurging).SetUpdatedAt(now).Exec(ctx); err != nil {
		return err
	}
	// A tenant with this id may have been purged before, and imported again.
	if _, err := tx.TenantPurge.Delete().Where(tenantpurge.ID(row.ID)).Exec(ctx); err != nil {
		return err
	}
	return tx.TenantPurge.Create().SetID(row.ID).SetRequestedBy(by).SetCreatedAt(now).SetUpdatedAt(now).Exec(ctx)
}

// PurgeOf returns the progress of a tenant's purge, also after the tenant was deleted, or [ErrNotFound].
func (t *Tenants) PurgeOf(ctx context.Context, id uuid.UUID) (Purge, error) {
	row, err := t.Client.TenantPurge.Get(ctx, id)
	if err != nil {
		return Purge{}, translate("get a purge", err)
	}
	deleted, err := deletedOf(row)
	return Purge{RequestedAt: row.CreatedAt, FinishedAt: row.FinishedAt, Deleted: deleted}, err
}

func deletedOf(row *ent.TenantPurge) (deleted map[string]int64, err error) {
	if err := json.Unmarshal(row.Deleted, &deleted); err != nil {
		return nil, fmt.Errorf("read the progress of a purge: %w", err)
	}
	return deleted, nil
}
