package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
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

type deleteTenantInput struct {
	TenantPathInput
	IfMatchInput

	Purge bool `query:"purge" doc:"Also delete the tenant's agents and channel connections."`
}

// deleteTenantOutput is a 204 without a body, or a 200 with the counts of a purge.
type deleteTenantOutput struct {
	Status int
	Body   func(huma.Context)
}

type purgedView struct {
	Deleted deletedView `json:"deleted" doc:"Number of rows deleted with the tenant."`
}

type deletedView struct {
	Agents             int `json:"agents" format:"int32"`
	ChannelConnections int `json:"channel_connections" format:"int32"`
}

func (s *Server) listTenants(ctx context.Context, in *PageInput) (*listOutput[tenantSummary], error) {
	session := "" // a platform admin lists all
	if p := requestOf(ctx).principal; !p.IsAdmin {
		session = p.TokenHash()
	}
	list, err := s.tenants.List(ctx, session, in.page())
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
	row, err := s.tenants.Update(ctx, id, match, operation.TenantFields{
		Name: in.Body.Name, Slug: in.Body.Slug, Status: in.Body.Status, Settings: json.RawMessage(in.Body.Settings),
	})
	if err != nil {
		return nil, err
	}
	return item(row.UpdatedAt, viewTenant(row)), nil
}

func (s *Server) deleteTenant(ctx context.Context, in *deleteTenantInput) (*deleteTenantOutput, error) {
	id := in.id()
	if !in.Purge {
		noContent := func(c huma.Context) { c.SetStatus(http.StatusNoContent) }
		return &deleteTenantOutput{Status: http.StatusNoContent, Body: noContent},
			s.tenants.Delete(ctx, id, in.optional())
	}
	if err := s.isolation.Healthy(); err != nil {
		return nil, problem.New(problem.CodeUnavailable).Because(err)
	}
	r := requestOf(ctx)
	r.tenant = id
	r.note(slog.Bool("purge", true))
	purged, err := s.tenants.Purge(ctx, id, in.optional())
	if err != nil {
		return nil, err
	}
	r.note(slog.Int("agents", purged.Agents), slog.Int("channel_connections", purged.ChannelConnections))
	return &deleteTenantOutput{Status: http.StatusOK, Body: writePurged(purged)}, nil
}

func writePurged(purged operation.Purged) func(huma.Context) {
	view := purgedView{Deleted: deletedView{Agents: purged.Agents, ChannelConnections: purged.ChannelConnections}}
	return func(c huma.Context) {
		c.SetHeader("Content-Type", "application/json")
		c.SetStatus(http.StatusOK)
		_ = huma.DefaultJSONFormat.Marshal(c.BodyWriter(), view) // the client disconnected
	}
}

// purging documents both success statuses of deleting a tenant. Huma supports only one.
func purging(r route) route {
	register := r.register
	r.register = func(s *Server, api huma.API, op huma.Operation, r route) {
		schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[purgedView](), true, "Purged")
		op.Responses = map[string]*huma.Response{
			"200": {Description: "Purged", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}},
			"204": {Description: "Deleted"},
		}
		register(s, api, op, r)
	}
	return r.success(http.StatusNoContent).errors(http.StatusNotFound, http.StatusConflict,
		http.StatusPreconditionFailed).
		description("Returns 409 if the tenant still has agents or channel connections. With purge=true, deletes " +
			"them in the same transaction and returns the counts. Concurrent writes to the tenant wait for the purge " +
			"and then return 404. A purge that times out waiting for other writes returns 503 `unavailable` and " +
			"deletes nothing.")
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
