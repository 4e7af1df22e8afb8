package server

import (
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
	objectUser       = "user"
	objectInvitation = "invitation"
	objectSession    = "session"
)

// setObjectFromPath sets the innermost object in the path. Invalid ids are skipped, because they are arbitrary text.
func (r *request) setObjectFromPath(ctx huma.Context) {
	for _, part := range []struct{ param, kind string }{
		{"agent_id", objectAgent},
		{"connection_id", objectConnection},
		{"invitation_id", objectInvitation},
		{"session_id", objectSession},
		{userParam, objectUser},
		{tenantParam, objectTenant},
	} {
		if id, err := uuid.Parse(ctx.Param(part.param)); err == nil {
			r.setObject(part.kind, id)
			return
		}
	}
}

// logChange logs a change by the principal, also if its outcome is unknown, which no audit event can tell.
func (s *Server) logChange(ctx huma.Context, action string) {
	r, outcome := requestOf(ctx.Context()), "done"
	switch {
	case ctx.Method() == http.MethodGet || ctx.Method() == http.MethodHead:
		return
	case r.code == problem.CodeOutcomeUnknown:
		outcome = "unknown"
	case r.code != "" || ctx.Status() >= http.StatusBadRequest:
		return
	case r.keyed != nil && r.keyed.answered:
		outcome = "replayed"
	}
	object := r.event.kind + "/" + r.event.id.String()
	s.log.LogAttrs(ctx.Context(), slog.LevelInfo, "audit: change", append([]slog.Attr{
		slog.String("action", action), slog.String("object", object), slog.String("outcome", outcome),
	}, r.event.details...)...)
}
