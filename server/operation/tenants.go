package operation

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Tenants manages the platform's table of tenants.
type Tenants struct{ Store }

// TenantFields are the writable fields of a tenant. A nil or empty field keeps its value, or gets its default.
type TenantFields struct {
	Name     *string
	Slug     *string
	Status   string
	Settings json.RawMessage
}

// Purged is the number of rows deleted with a tenant.
type Purged struct {
	Agents             int
	ChannelConnections int
}

// TenantFilter selects tenants. An empty field selects all.
type TenantFilter struct {
	// Session is the hash of a session's token. It selects the tenants of its user, without those being deleted.
	Session string
	Status  string
}

//nolint:gochecknoglobals // a constant
var tenantList = listing[*ent.Tenant]{
	name: "tenants",
	sorts: []sorting[*ent.Tenant]{
		byCreation[*ent.Tenant](),
		byText(tenant.FieldName, func(row *ent.Tenant) string { return row.Name }),
		byTime(tenant.FieldUpdatedAt, func(row *ent.Tenant) time.Time { return row.UpdatedAt }),
	},
	search:  []string{tenant.FieldName, tenant.FieldSlug},
	measure: func(row *ent.Tenant) (uuid.UUID, int) { return row.ID, len(row.Name) + len(row.Slug) },
}

// List returns a page of tenants without settings, or [ErrCursor].
func (t *Tenants) List(ctx context.Context, page Page, f TenantFilter) (List[*ent.Tenant], error) {
	query := t.Client.Tenant.Query()
	if f.Session != "" {
		query.Where(tenant.StatusNEQ(tenant.StatusPurging), func(s *entsql.Selector) {
			s.Where(entsql.P(func(b *entsql.Builder) {
				b.Ident("id").WriteString(" IN (SELECT tenant_id FROM session_tenants(")
				b.Arg(f.Session).WriteString("))")
			}))
		})
	}
	query.Select(
		tenant.FieldID, tenant.FieldName, tenant.FieldSlug, tenant.FieldStatus, tenant.FieldCreatedAt,
		tenant.FieldUpdatedAt,
	)
	return list(ctx, t.Pages, &tenantList, page, query, equal(tenant.FieldStatus, f.Status))
}

// Create creates a tenant. The name and the slug are required. Returns [ErrTaken] or [ErrInvalid].
func (t *Tenants) Create(ctx context.Context, f TenantFields) (*ent.Tenant, error) {
	create := t.Client.Tenant.Create()
	f.set(create.Mutation())
	row, err := create.Save(ctx)
	return row, translate("create a tenant", err)
}

// Get returns a tenant, or [ErrNotFound].
func (t *Tenants) Get(ctx context.Context, id tenancy.ID) (*ent.Tenant, error) {
	row, err := t.Client.Tenant.Get(ctx, id.UUID())
	return row, translate("get a tenant", err)
}

// Update updates a tenant, unless f is empty, and returns it. Returns [ErrNotFound], [ErrStale], [ErrTaken] or
// [ErrInvalid].
func (t *Tenants) Update(ctx context.Context, id tenancy.ID, match Match, f TenantFields) (*ent.Tenant, error) {
	if reflect.ValueOf(f).IsZero() {
		row, err := t.Get(ctx, id)
		if err == nil && !match.has(row.UpdatedAt) {
			return nil, ErrStale
		}
		return row, err
	}
	update := t.Client.Tenant.UpdateOneID(id.UUID()).SetUpdatedAt(match.next(t.Clock()))
	f.set(update.Mutation())
	return save(ctx, id.UUID(), match, update, t.Client.Tenant.Query())
}

// Delete deletes a tenant without rows. Returns [ErrNotFound], [ErrStale] or [ErrNotEmpty].
func (t *Tenants) Delete(ctx context.Context, id tenancy.ID, match Match) error {
	return remove(ctx, id.UUID(), match, t.Client.Tenant.Delete(), t.Client.Tenant.Query())
}

func (f TenantFields) set(m *ent.TenantMutation) {
	given(f.Name, m.SetName)
	given(f.Slug, m.SetSlug)
	if f.Status != "" {
		m.SetStatus(tenant.Status(f.Status))
	}
	if f.Settings != nil {
		m.SetSettings(f.Settings)
	}
}

// purgeAttempts bounds how often a purge is retried after a deadlock, which rolled it back.
const purgeAttempts = 3

// Purge deletes a tenant and all its rows in one transaction, and returns the counts. No foreign key cascades. Returns
// [ErrNotFound], [ErrStale], or [ErrNotEmpty] for rows in a table that Purge does not cover.
//
// Purge locks the tenant's row first. Every insert into a tenant table takes a KEY SHARE lock on that row through its
// foreign key, so it waits and then fails with [ErrNotFound]; without the lock it could commit between the deletes and
// fail the purge. A transaction that updates a row before it inserts another locks in the opposite order and can
// deadlock.
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
	err := pgtenant.InTx(tenancy.With(ctx, id), t.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		_, err := lock(ctx, id.UUID(), match, tx.Tenant.Query(),
			func(row *ent.Tenant) time.Time { return row.UpdatedAt })
		if err != nil {
			return err
		}
		if purged.ChannelConnections, err = tx.ChannelConnection.Delete().Exec(ctx); err != nil {
			return translate("purge channel connections", err)
		}
		if purged.Agents, err = tx.Agent.Delete().Exec(ctx); err != nil {
			return translate("purge agents", err)
		}
		return remove(ctx, id.UUID(), Match{}, tx.Tenant.Delete(), tx.Tenant.Query())
	})
	if err != nil {
		return Purged{}, err
	}
	return purged, nil
}
