package server

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/operation"
)

type userExportOutput struct{ Body userExportView }

type userExportView struct {
	Complete       bool                     `json:"complete" doc:"False if there are more rows of a kind than the export has."`
	User           AccountView              `json:"user"`
	Memberships    []exportedMembership     `json:"memberships" nullable:"false"`
	Sessions       []exportedSession        `json:"sessions" nullable:"false"`
	Links          []exportedLink           `json:"links" nullable:"false" doc:"Mailed links, without their tokens."`
	Invitations    []exportedInvitation     `json:"invitations" nullable:"false" doc:"Invitations to the address, and those that the user accepted with a former one."`
	PlatformEvents []ExportedEvent          `json:"platform_audit_events" nullable:"false"`
	TenantEvents   []exportedEventOfATenant `json:"audit_events" nullable:"false"`
}

type exportedMembership struct {
	TenantID uuid.UUID `json:"tenant_id" format:"uuid"`
	Role     string    `json:"role" enum:"owner,editor,viewer"`
}

type exportedSession struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	CreatedAt  time.Time  `json:"created_at"`
	LastSeenAt time.Time  `json:"last_seen_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	UserAgent  string     `json:"user_agent"`
	Address    string     `json:"address"`
}

type exportedLink struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Kind      string     `json:"kind" enum:"password_reset,confirm_email"`
	Email     string     `json:"email"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at,omitempty"`
}

type exportedInvitation struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	TenantID   uuid.UUID  `json:"tenant_id" format:"uuid"`
	Email      string     `json:"email"`
	Role       string     `json:"role" enum:"owner,editor,viewer"`
	InvitedBy  uuid.UUID  `json:"invited_by" format:"uuid"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	AcceptedAt *time.Time `json:"accepted_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

// ExportedEvent is an audit event in the export of a user.
type ExportedEvent struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	CreatedAt  time.Time  `json:"created_at"`
	ActorID    *uuid.UUID `json:"actor_id,omitempty" format:"uuid"`
	Action     string     `json:"action"`
	ObjectType string     `json:"object_type"`
	ObjectID   *uuid.UUID `json:"object_id,omitempty" format:"uuid"`
	RequestID  string     `json:"request_id"`
	Address    string     `json:"address"`
	Details    FreeObject `json:"details"`
}

type exportedEventOfATenant struct {
	ExportedEvent

	TenantID uuid.UUID `json:"tenant_id" format:"uuid"`
}

// exportUser records the export before it reads.
func (s *Server) exportUser(ctx context.Context, in *UserPathInput) (*userExportOutput, error) {
	id := idOf(in.UserID)
	if _, err := s.users.Get(ctx, id); err != nil {
		return nil, err
	}
	if err := s.record(ctx, "export-user"); err != nil {
		return nil, err
	}
	export, err := s.users.Export(ctx, requestOf(ctx).principal.TokenHash(), id, s.recordEntry)
	if err != nil {
		return nil, err
	}
	return &userExportOutput{Body: viewExport(export)}, nil
}

func viewExport(e operation.Export) userExportView {
	return userExportView{
		Complete: e.Complete, User: viewAccount(e.User),
		Memberships: viewAll(e.Tenants, func(one operation.UserTenant) exportedMembership {
			return exportedMembership{TenantID: one.TenantID, Role: one.Role}
		}),
		Sessions: viewAll(e.Sessions, func(row *ent.PortalSession) exportedSession {
			return exportedSession{
				row.SessionID, row.CreatedAt, row.LastSeenAt, row.ExpiresAt, row.RevokedAt, row.UserAgent, row.Address,
			}
		}),
		Links: viewAll(e.Links, func(row *ent.PortalLink) exportedLink {
			return exportedLink{row.ID, string(row.Kind), row.Email, row.CreatedAt, row.ExpiresAt, row.UsedAt}
		}),
		Invitations: viewAll(e.Invitations, func(row *ent.Invitation) exportedInvitation {
			return exportedInvitation{
				row.ID, row.TenantID, row.Email, string(row.Role), row.InvitedBy, row.CreatedAt, row.ExpiresAt,
				row.AcceptedAt, row.RevokedAt,
			}
		}),
		PlatformEvents: viewAll(e.PlatformEvents, func(row *ent.PlatformAuditEvent) ExportedEvent {
			return ExportedEvent{
				row.ID, row.CreatedAt, row.ActorID, row.Action, row.ObjectType, row.ObjectID, row.RequestID,
				row.Address, FreeObject(row.Details),
			}
		}),
		TenantEvents: viewAll(e.TenantEvents, func(row *ent.AuditEvent) exportedEventOfATenant {
			return exportedEventOfATenant{ExportedEvent{
				row.ID, row.CreatedAt, row.ActorID, row.Action, row.ObjectType, row.ObjectID, row.RequestID,
				row.Address, FreeObject(row.Details),
			}, row.TenantID}
		}),
	}
}
