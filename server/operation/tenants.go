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
	"github.com/konstruct/konstruct/ent/predicate"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/tenancy"
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

// Update updates a tenant, unless f is empty, and returns it. Returns [ErrNotFound], [ErrStale], also if a purge began
// concurrently, [ErrTaken] or [ErrInvalid].
func (t *Tenants) Update(ctx context.Context, id tenancy.ID, match Match, f TenantFields) (*ent.Tenant, error) {
	if reflect.ValueOf(f).IsZero() {
		row, err := t.Get(ctx, id)
		if err == nil && !match.has(row.UpdatedAt) {
			return nil, ErrStale
		}
		return row, err
	}
	update := t.Client.Tenant.UpdateOneID(id.UUID()).Where(tenant.StatusNEQ(tenant.StatusPurging)).
		SetUpdatedAt(match.next(t.Clock()))
	f.set(update.Mutation())
	return save(ctx, id.UUID(), match, update, t.Client.Tenant.Query())
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

// tenantPage is the number of tenants that are listed at once.
const tenantPage = 500

// EachTenant calls do with the context of each tenant that has the properties, until do fails. ctx must have no tenant.
func EachTenant(
	ctx context.Context, client *ent.Client, do func(context.Context) error, having ...predicate.Tenant,
) error {
	var after uuid.UUID
	for {
		page, err := client.Tenant.Query().Where(having...).Where(tenant.IDGT(after)).
			Order(tenant.ByID()).Limit(tenantPage).IDs(ctx)
		if err != nil {
			return fmt.Errorf("list tenants: %w", err)
		}
		for _, row := range page {
			id, err := tenancy.FromUUID(row)
			if err != nil {
				return err
			}
			if err := do(tenancy.With(ctx, id)); err != nil {
				return err
			}
		}
		if len(page) < tenantPage {
			return nil
		}
		after = page[len(page)-1]
	}
}
