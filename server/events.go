package server

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/operation"
)

type auditEventView struct {
	ID        uuid.UUID       `json:"id" format:"uuid"`
	CreatedAt time.Time       `json:"created_at"`
	Actor     *auditActorView `json:"actor,omitempty" doc:"The user who did it. Absent for the operator's command line and for a person who is not known yet."`
	Action    string          `json:"action" doc:"The id of the operation in this document, or another word of the server." example:"create-agent"`
	Object    auditObjectView `json:"object" doc:"What it was done to."`
	RequestID string          `json:"request_id" doc:"The X-Request-ID of the request."`
	Address   string          `json:"address" doc:"The network address of the actor, or empty if unknown. Empty for a platform admin, unless it is read by one."`
	Details   FreeObject      `json:"details" doc:"Names, numbers and words of the API that depend on the action. No secrets."`
}

type auditActorView struct {
	_ struct{} `nullable:"true"`

	ID    uuid.UUID `json:"id" format:"uuid"`
	Name  string    `json:"name" doc:"The name that the user has now. Platform admin for a platform admin who is not a member of the tenant, unless it is read by one."`
	Email string    `json:"email" doc:"The e-mail address that the user has now. For owners of a tenant it is empty unless the user is a member."`
}

type auditObjectView struct {
	Type string     `json:"type" doc:"The kind of the object, or empty." example:"agent"`
	ID   *uuid.UUID `json:"id" format:"uuid"`
}

// AuditFilterInput selects events of an audit log.
type AuditFilterInput struct {
	ActorID    string    `query:"actor_id" format:"uuid" doc:"Return only events of this user."`
	Action     string    `query:"action" maxLength:"100" pattern:"^[a-z0-9_-]+$" doc:"Return only events with this action." example:"create-agent"`
	ObjectType string    `query:"object_type" maxLength:"100" pattern:"^[a-z0-9_-]+$" doc:"Return only events with objects of this kind." example:"agent"`
	ObjectID   string    `query:"object_id" format:"uuid" doc:"Return only events with this object."`
	From       time.Time `query:"from" doc:"Return only events at this time or later."`
	To         time.Time `query:"to" doc:"Return only events before this time."`
}

func (in AuditFilterInput) filter() operation.EventFilter {
	return operation.EventFilter{
		ActorID: idOf(in.ActorID), Action: in.Action, ObjectType: in.ObjectType, ObjectID: idOf(in.ObjectID),
		From: in.From, To: in.To,
	}
}

type listEventsInput struct {
	PageInput
	AuditFilterInput
}

type listTenantEventsInput struct {
	TenantPathInput
	PageInput
	AuditFilterInput
}

func (s *Server) eventRoutes() []route {
	return tagged(tagAudit,
		handle(owner, http.MethodGet, tenantEvents, "list-audit-events", "List a tenant's audit events",
			s.listTenantEvents).description("Returns the newest events first."),
		exporting(handle(owner, http.MethodGet, tenantEvents+exportSuffix, exportAction,
			"Export a tenant's audit events", s.exportTenantEvents)),
		handle(platformAdmin, http.MethodGet, eventsPath, "list-platform-audit-events",
			"List the platform's audit events", s.listEvents).
			description("Returns what was done outside of a tenant, the newest events first."),
		exporting(handle(platformAdmin, http.MethodGet, eventsPath+exportSuffix, "export-platform-audit-events",
			"Export the platform's audit events", s.exportEvents)),
	)
}

func (s *Server) listTenantEvents(
	ctx context.Context, in *listTenantEventsInput,
) (*listOutput[auditEventView], error) {
	return s.listEvents(ctx, &listEventsInput{in.PageInput, in.AuditFilterInput})
}

// listEvents returns events of the context's tenant, or of the platform.
func (s *Server) listEvents(ctx context.Context, in *listEventsInput) (*listOutput[auditEventView], error) {
	list, err := s.events.List(ctx, in.page(), in.filter())
	if err != nil {
		return nil, err
	}
	return viewList(list, eventViewer(ctx)), nil
}

// eventViewer returns the view of events for the request's principal. Owners of a tenant do not learn who works for the
// platform, and from where.
func eventViewer(ctx context.Context) func(operation.Event) auditEventView {
	all := requestOf(ctx).principal.IsAdmin
	return func(e operation.Event) auditEventView {
		view := auditEventView{
			ID: e.ID, CreatedAt: e.CreatedAt, Action: e.Action,
			Object:    auditObjectView{Type: e.ObjectType, ID: e.ObjectID},
			RequestID: e.RequestID, Address: e.Address, Details: FreeObject(e.Details),
		}
		if e.Actor == nil {
			return view
		}
		view.Actor = &auditActorView{ID: e.Actor.ID, Name: e.Actor.Name, Email: e.Actor.Email}
		if all {
			return view
		}
		if e.Actor.IsAdmin {
			view.Address = ""
		}
		if !e.Actor.IsMember {
			view.Actor.Email = "" // it may be newer than the person's time in the tenant
			if e.Actor.IsAdmin {
				view.Actor.Name = "Platform admin"
			}
		}
		return view
	}
}
