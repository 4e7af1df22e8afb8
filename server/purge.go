package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"entgo.io/ent/dialect"
	"go.opentelemetry.io/otel/metric"

	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const purgePath = tenantPath + "/purge"

// purgeEvery is how often unfinished purges are looked for, such as those of a process that was stopped.
const purgeEvery = 5 * time.Second

func (s *Server) purgeRoutes() []route {
	return tagged(tagTenants,
		handle(platformAdmin, http.MethodDelete, tenantPath, "delete-tenant", "Delete a tenant", s.deleteTenant).
			withoutTransaction().withTenantTraffic().success(http.StatusAccepted).
			errors(http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed).
			description("Deletes the tenant and all its rows in the background; get the purge for the progress. "+
				"Returns 409 if the tenant has agents or channel connections, unless purge is true. From then on the "+
				"tenant's members receive 404, its webhooks find no tenant, and changes by platform admins return 409 "+
				"`tenant_purging`. It cannot be undone. A repeated request has no further effect."),
		handle(platformAdmin, http.MethodGet, purgePath, "get-purge", "Get the progress of deleting a tenant",
			s.getPurge).errors(http.StatusNotFound).
			description("Available for 90 days after the tenant is deleted."),
	)
}

type deleteTenantInput struct {
	TenantPathInput
	IfMatchInput

	Purge bool `query:"purge" doc:"Also delete a tenant that has agents or channel connections."`
}

type deleteTenantOutput struct {
	Location string `header:"Location" hidden:"true"`
	Body     purgeView
}

type purgeView struct {
	Status      string           `json:"status" enum:"running,finished"`
	Deleted     map[string]int64 `json:"deleted" doc:"Number of deleted rows by table."`
	RequestedAt time.Time        `json:"requested_at"`
	FinishedAt  *time.Time       `json:"finished_at,omitempty"`
}

type purgeOutput struct{ Body purgeView }

// buildPurges starts a worker on every instance.
func (s *Server) buildPurges(o Options) error {
	tables, err := operation.TenantTables()
	if err != nil {
		return err
	}
	s.purgeRequested = make(chan struct{}, 1)
	purger := &operation.Purger{
		DB: s.db, Client: s.client, Audit: s.audit, Clock: o.Clock, Tables: tables,
		Batch: operation.Batch,
	}
	s.background = append(s.background, func(ctx context.Context) { s.purge(ctx, purger) })
	return nil
}

func (s *Server) purge(ctx context.Context, purger *operation.Purger) {
	ticker := time.NewTicker(purgeEvery)
	defer ticker.Stop()
	for {
		if s.isolation.Healthy() == nil {
			if err := purger.Run(ctx); err != nil && ctx.Err() == nil {
				s.purgeFailures.Add(1)
				s.warn(ctx, "deleting a tenant failed", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.purgeRequested:
		case <-ticker.C:
		}
	}
}

func (s *Server) observePurges(meter metric.Meter) error {
	return observeCount(meter, "konstruct.purge.failures", "{attempt}", "Failed attempts to delete tenants.",
		s.purgeFailures.Load)
}

func (s *Server) deleteTenant(ctx context.Context, in *deleteTenantInput) (*deleteTenantOutput, error) {
	id, r := in.id(), requestOf(ctx)
	r.note(slog.Bool("purge", in.Purge))
	// The transaction is the tenant's, because its rows are counted. Its event is the platform's, and remains.
	err := pgtenant.InTx(tenancy.With(ctx, id), s.db.Tx, func(ctx context.Context, _ dialect.Tx) error {
		begun, err := s.tenants.Purge(ctx, in.optional(), r.principal.ID, in.Purge)
		if err != nil || !begun {
			return err
		}
		return s.audit.RecordPlatform(ctx, r.auditEvent("delete-tenant"))
	})
	if err != nil {
		return nil, err
	}
	select {
	case s.purgeRequested <- struct{}{}:
	default: // the worker is about to run
	}
	progress, err := s.tenants.PurgeOf(ctx, id.UUID())
	if err != nil {
		return nil, err
	}
	return &deleteTenantOutput{
		Location: tenantsPath + "/" + id.String() + "/purge", Body: viewPurge(progress),
	}, nil
}

func (s *Server) getPurge(ctx context.Context, in *TenantPathInput) (*purgeOutput, error) {
	progress, err := s.tenants.PurgeOf(ctx, in.id().UUID())
	if err != nil {
		return nil, err
	}
	return &purgeOutput{Body: viewPurge(progress)}, nil
}

func viewPurge(p operation.Purge) purgeView {
	view := purgeView{Status: "running", Deleted: p.Deleted, RequestedAt: p.RequestedAt, FinishedAt: p.FinishedAt}
	if p.FinishedAt != nil {
		view.Status = "finished"
	}
	return view
}
