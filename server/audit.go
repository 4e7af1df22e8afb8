package server

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/problem"
)

// The kinds of objects in the audit log.
const (
	objectTenant     = "tenant"
	objectAgent      = "agent"
	objectConnection = "channel_connection"
)

// setObject sets the object of the request in the audit log.
func (r *request) setObject(kind string, id uuid.UUID) { r.object = kind + "/" + id.String() }

// setObjectFromPath sets the innermost object in the path. Invalid ids are skipped, because they are arbitrary text.
func (r *request) setObjectFromPath(ctx huma.Context) {
	for _, part := range []struct{ param, kind string }{
		{"agent_id", objectAgent}, {"connection_id", objectConnection}, {tenantParam, objectTenant},
	} {
		if id, err := uuid.Parse(ctx.Param(part.param)); err == nil {
			r.setObject(part.kind, id)
			return
		}
	}
}

// auditEntry logs that the principal enters a tenant, before any of its rows are read.
func (s *Server) auditEntry(ctx context.Context, method string) {
	r := requestOf(ctx)
	s.log.LogAttrs(ctx, slog.LevelInfo, "audit: tenant entered", append([]slog.Attr{
		slog.String("method", method), slog.String("route", r.route), slog.String("object", r.object),
	}, r.detail...)...)
}

// auditChange logs a change by the principal, also if its outcome is unknown.
func (s *Server) auditChange(ctx huma.Context, action string) {
	r, outcome := requestOf(ctx.Context()), "done"
	switch {
	case ctx.Method() == http.MethodGet || ctx.Method() == http.MethodHead:
		return
	case r.code == problem.CodeOutcomeUnknown:
		outcome = "unknown"
	case r.code != "" || ctx.Status() >= http.StatusBadRequest:
		return
	}
	s.log.LogAttrs(ctx.Context(), slog.LevelInfo, "audit: change", append([]slog.Attr{
		slog.String("action", action), slog.String("object", r.object), slog.String("outcome", outcome),
	}, r.detail...)...)
}
