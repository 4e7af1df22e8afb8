package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const tenantList = "tenants"

// Tenants works on the platform's table of tenants, with a context that has no tenant.
type Tenants struct {
	client *ent.Client
	pages  Pages
	clock  func() time.Time
}

// NewTenants works through client, whose driver is pgtenant's.
func NewTenants(client *ent.Client, pages Pages, clock func() time.Time) *Tenants {
	return &Tenants{client: client, pages: pages, clock: clock}
}

// TenantFields is what can be said about a tenant. What is nil, or "", is left as it is, or to its default.
type TenantFields struct {
	Name     *string
	Slug     *string
	Status   string
	Settings json.RawMessage
}

// Purged is how many rows went with a tenant.
type Purged struct {
	Agents             int
	ChannelConnections int
}

// List returns a part of all tenants, without their settings. The error is [ErrCursor] for a foreign cursor.
func (t *Tenants) List(ctx context.Context, page Page) (List[*ent.Tenant], error) {
	after, err := t.pages.after(tenantList, tenancy.ID{}, page.Cursor)
	if err != nil {
		return List[*ent.Tenant]{}, err
	}
	query := t.client.Tenant.Query().Order(tenant.ByID()).Limit(page.Limit + 1)
	if after != uuid.Nil {
		query.Where(tenant.IDGT(after))
	}
	rows, err := query.Select(
		tenant.FieldID, tenant.FieldName, tenant.FieldSlug, tenant.FieldStatus, tenant.FieldCreatedAt, tenant.FieldUpdatedAt,
	).All(ctx)
	if err != nil {
		return List[*ent.Tenant]{}, translate("list tenants", err)
	}
	return cut(t.pages, tenantList, tenancy.ID{}, page.Limit, rows, func(row *ent.Tenant) (uuid.UUID, int) {
		return row.ID, len(row.Name) + len(row.Slug)
	}), nil
}

// Create makes a tenant; its name and slug are needed. The errors are [ErrTaken] and [ErrRefused].
func (t *Tenants) Create(ctx context.Context, f TenantFields) (*ent.Tenant, error) {
	create := t.client.Tenant.Create().SetName(value(f.Name)).SetSlug(value(f.Slug))
	if f.Status != "" {
		create.SetStatus(tenant.Status(f.Status))
	}
	if f.Settings != nil {
		create.SetSettings(f.Settings)
	}
	row, err := create.Save(ctx)
	return row, translate("create a tenant", err)
}

// Get returns a tenant, or [ErrNotFound].
func (t *Tenants) Get(ctx context.Context, id tenancy.ID) (*ent.Tenant, error) {
	row, err := t.client.Tenant.Get(ctx, id.UUID())
	return row, translate("get a tenant", err)
}

// Update changes a tenant and returns it as it is then; without any field it changes nothing. The errors are
// [ErrNotFound], [ErrStale], [ErrTaken] and [ErrRefused].
func (t *Tenants) Update(ctx context.Context, id tenancy.ID, match Match, f TenantFields) (*ent.Tenant, error) {
	if reflect.ValueOf(f).IsZero() {
		row, err := t.client.Tenant.Get(ctx, id.UUID())
		return unchanged(row, match, err, func() time.Time { return row.UpdatedAt })
	}
	update := t.client.Tenant.UpdateOneID(id.UUID()).SetUpdatedAt(match.next(t.clock())).
		SetNillableName(f.Name).SetNillableSlug(f.Slug)
	if f.Status != "" {
		update.SetStatus(tenant.Status(f.Status))
	}
	if f.Settings != nil {
		update.SetSettings(f.Settings)
	}
	if !match.isAny() {
		update.Where(tenant.UpdatedAtIn(match.versions...))
	}
	row, err := update.Save(ctx)
	if ent.IsNotFound(err) {
		return nil, t.missing(ctx, id)
	}
	return row, translate("update a tenant", err)
}

// Delete removes a tenant that has nothing. The errors are [ErrNotFound], [ErrStale] and [ErrNotEmpty].
func (t *Tenants) Delete(ctx context.Context, id tenancy.ID, match Match) error {
	removed, err := t.remove(ctx, t.client.Tenant, id, match)
	if err == nil && removed == 0 {
		return t.missing(ctx, id)
	}
	return err
}

// purgeAttempts bounds how often a purge that was the victim of a deadlock starts over. Nothing of it was done.
const purgeAttempts = 3

// Purge removes a tenant with all its rows, in one transaction under that tenant, and counts them. It is the only way
// in which rows go with their tenant: no foreign key cascades. The errors are [ErrNotFound] and [ErrStale], and
// [ErrNotEmpty] for a table that Purge doesn't know.
//
// The tenant's row is locked first. Every insert into a tenant table takes a KEY SHARE lock on that row through its
// foreign key, so inserts wait for the purge and then fail as [ErrNotFound]; without the lock, each insert that
// commits between the deletes makes the purge fail. A transaction that changes a row of the tenant before it inserts
// another one takes the locks in the opposite order, and can end in a deadlock.
func (t *Tenants) Purge(ctx context.Context, id tenancy.ID, match Match) (Purged, error) {
	for attempt := 1; ; attempt++ {
		purged, err := t.purge(ctx, id, match)
		if sqlState(err) != deadlockDetected || attempt == purgeAttempts {
			return purged, err
		}
	}
}

func (t *Tenants) purge(ctx context.Context, id tenancy.ID, match Match) (Purged, error) {
	var purged Purged
	err := pgtenant.InTx(tenancy.With(ctx, id), t.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		err := lock(ctx, tx.Tenant, id, match)
		if err != nil {
			return err
		}
		if purged.ChannelConnections, err = tx.ChannelConnection.Delete().Exec(ctx); err != nil {
			return translate("purge channel connections", err)
		}
		if purged.Agents, err = tx.Agent.Delete().Exec(ctx); err != nil {
			return translate("purge agents", err)
		}
		_, err = t.remove(ctx, tx.Tenant, id, Match{})
		return err
	})
	if err != nil {
		return Purged{}, err
	}
	return purged, nil
}

// lock takes the row of the tenant for the rest of the transaction. The errors are [ErrNotFound] and [ErrStale].
func lock(ctx context.Context, client *ent.TenantClient, id tenancy.ID, match Match) error {
	row, err := client.Query().Where(tenant.ID(id.UUID()), forUpdate).Only(ctx)
	if err != nil {
		return translate("lock a tenant", err)
	}
	if !match.has(row.UpdatedAt) {
		return ErrStale
	}
	return nil
}

func forUpdate(s *entsql.Selector) { s.ForUpdate() }

func (t *Tenants) remove(ctx context.Context, client *ent.TenantClient, id tenancy.ID, match Match) (int, error) {
	remove := client.Delete().Where(tenant.ID(id.UUID()))
	if !match.isAny() {
		remove.Where(tenant.UpdatedAtIn(match.versions...))
	}
	removed, err := remove.Exec(ctx)
	if sqlState(err) == foreignKeyViolation {
		return 0, fmt.Errorf("delete a tenant: %w (%w)", ErrNotEmpty, err)
	}
	return removed, translate("delete a tenant", err)
}

func (t *Tenants) missing(ctx context.Context, id tenancy.ID) error {
	there, err := t.client.Tenant.Query().Where(tenant.ID(id.UUID())).Exist(ctx)
	return reason(there, err)
}
