package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/operation"
)

type tenantView struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Name      string     `json:"name"`
	Slug      string     `json:"slug"`
	Status    string     `json:"status" enum:"active,suspended,purging"`
	Settings  FreeObject `json:"settings"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

// tenantSummary is a tenant in a list, without settings.
type tenantSummary struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Name      string    `json:"name"`
	Slug      string    `json:"slug"`
	Status    string    `json:"status" enum:"active,suspended,purging"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	ETag      string    `json:"etag" doc:"Version of the resource, for If-Match."`
}

type listTenantsInput struct {
	PageInput
	SearchInput

	Sort   string `query:"sort" enum:"created_at,-created_at,name,-name,updated_at,-updated_at" default:"created_at" doc:"Order of the items; with - in front, descending."`
	Status string `query:"status" enum:"active,suspended,purging" doc:"Return only tenants with this status."`
}

type createTenantInput struct {
	Body struct {
		Name     string     `json:"name" minLength:"1" maxLength:"200" pattern:"\\S" doc:"Unique." example:"Acme"`
		Slug     string     `json:"slug" minLength:"1" maxLength:"63" pattern:"^[a-z0-9](-?[a-z0-9])*$" doc:"Unique. Valid as a DNS label." example:"acme"`
		Status   string     `json:"status,omitempty" enum:"active,suspended" doc:"Defaults to active."`
		Settings FreeObject `json:"settings,omitempty" doc:"Free-form settings for the portal."`
	} `nameHint:"CreateTenant"`
}

type updateTenantInput struct {
	TenantPathInput
	IfMatchInput

	Body struct {
		Name     *string    `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"\\S"`
		Slug     *string    `json:"slug,omitempty" minLength:"1" maxLength:"63" pattern:"^[a-z0-9](-?[a-z0-9])*$"`
		Status   string     `json:"status,omitempty" enum:"active,suspended"`
		Settings FreeObject `json:"settings,omitempty" doc:"Replaces the whole object."`
	} `nameHint:"UpdateTenant"`
}

type getTenantInput struct {
	TenantPathInput
	IfNoneMatchInput
}

func (s *Server) listTenants(ctx context.Context, in *listTenantsInput) (*listOutput[tenantSummary], error) {
	filter := operation.TenantFilter{Status: in.Status}
	if p := requestOf(ctx).principal; !p.IsAdmin { // a platform admin lists all
		filter.Session = p.TokenHash()
	}
	list, err := s.tenants.List(ctx, in.sorted(in.Sort, in.SearchInput), filter)
	if err != nil {
		return nil, err
	}
	return viewList(list, summarizeTenant), nil
}

func (s *Server) createTenant(ctx context.Context, in *createTenantInput) (*itemOutput[tenantView], error) {
	row, err := s.tenants.Create(ctx, operation.TenantFields{
		Name: &in.Body.Name, Slug: &in.Body.Slug, Status: in.Body.Status, Settings: json.RawMessage(in.Body.Settings),
	})
	if err != nil {
		return nil, err
	}
	requestOf(ctx).setObject(objectTenant, row.ID)
	out := item(row.UpdatedAt, viewTenant(row))
	out.Location = tenantsPath + "/" + row.ID.String()
	return out, nil
}

func (s *Server) getTenant(ctx context.Context, in *getTenantInput) (*itemOutput[tenantView], error) {
	row, err := s.tenants.Get(ctx, in.id())
	if err != nil {
		return nil, err
	}
	return item(row.UpdatedAt, viewTenant(row)), in.notModified(row.UpdatedAt)
}

func (s *Server) updateTenant(ctx context.Context, in *updateTenantInput) (*itemOutput[tenantView], error) {
	id := in.id()
	err := reserve(ctx, property{"slug", in.Body.Slug != nil}, property{"status", in.Body.Status != ""})
	if err != nil {
		return nil, err
	}
	match, err := required(ctx, in.IfMatchInput, id, s.tenants.Get)
	if err != nil {
		return nil, err
	}
	if in.Body.Status != "" {
		requestOf(ctx).note(slog.String("status", in.Body.Status))
	}
	row, err := s.tenants.Update(ctx, id, match, operation.TenantFields{
		Name: in.Body.Name, Slug: in.Body.Slug, Status: in.Body.Status, Settings: json.RawMessage(in.Body.Settings),
	})
	if err != nil {
		return nil, err
	}
	return item(row.UpdatedAt, viewTenant(row)), nil
}

func summarizeTenant(row *ent.Tenant) tenantSummary {
	return tenantSummary{
		ID: row.ID, Name: row.Name, Slug: row.Slug, Status: string(row.Status),
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, ETag: etag(row.UpdatedAt),
	}
}

func viewTenant(row *ent.Tenant) tenantView {
	return tenantView{
		ID: row.ID, Name: row.Name, Slug: row.Slug, Status: string(row.Status), Settings: FreeObject(row.Settings),
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}
