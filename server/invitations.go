package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/operation"
)

const (
	invitationsPath = tenantPath + "/invitations"
	invitationPath  = invitationsPath + "/{invitation_id}"
)

// InvitationView is an invitation.
type InvitationView struct {
	ID         uuid.UUID   `json:"id" format:"uuid"`
	TenantID   uuid.UUID   `json:"tenant_id" format:"uuid"`
	Email      string      `json:"email"`
	Role       string      `json:"role" enum:"owner,editor,viewer"`
	Status     string      `json:"status" enum:"pending,accepted,revoked,expired"`
	InvitedBy  inviterView `json:"invited_by"`
	CreatedAt  time.Time   `json:"created_at"`
	ExpiresAt  time.Time   `json:"expires_at" doc:"When the link ends."`
	AcceptedAt *time.Time  `json:"accepted_at,omitempty"`
}

type inviterView struct {
	ID   uuid.UUID `json:"id" format:"uuid"`
	Name string    `json:"name" doc:"Of a member. Empty for others, such as a platform admin."`
}

// sentInvitationView is an invitation with its link, unless that is mailed.
type sentInvitationView struct {
	InvitationView

	Link  string `json:"link,omitempty" doc:"Where the person accepts the invitation, returned once. It is a path on the portal if the server does not know the portal's URL. Absent if the link is mailed."`
	Token string `json:"token,omitempty" doc:"The token in the link. Absent if the link is mailed."`
}

type invitationOutput struct{ Body InvitationView }

type sentInvitationOutput struct {
	Location string `header:"Location" hidden:"true"`
	Body     sentInvitationView
}

// withoutSecrets implements the interface of repeated requests.
func (o *sentInvitationOutput) withoutSecrets() *sentInvitationOutput {
	copied := *o
	copied.Body.Link, copied.Body.Token = "", ""
	return &copied
}

type listInvitationsInput struct {
	TenantPathInput
	PageInput

	Status string `query:"status" enum:"pending,accepted,revoked,expired" doc:"Only invitations with this status."`
}

type createInvitationInput struct {
	TenantPathInput

	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"320" doc:"Case-insensitive." example:"grace@example.com"`
		Role  string `json:"role" enum:"owner,editor,viewer"`
	} `nameHint:"CreateInvitation"`
}

type invitationInput struct {
	TenantPathInput

	InvitationID string `path:"invitation_id"`
}

func (s *Server) invitationRoutes() []route {
	return tagged(tagInvitations,
		handle(owner, http.MethodGet, invitationsPath, "list-invitations", "List invitations", s.listInvitations).
			description("The newest first."),
		handle(owner, http.MethodPost, invitationsPath, "create-invitation", "Invite a person", s.createInvitation).
			withKey().success(http.StatusCreated).errors(http.StatusConflict).
			description("Mails a link that works once, within 7 days. Where no mail is configured, the answer has the "+
				"link instead, to be passed on. Returns 409 `already_taken` if a member or a pending invitation has "+
				"the address, and 409 `limit_reached` beyond 200 invitations a day, 10 a day for one address, or "+
				"1,000 members and pending invitations."),
		handle(owner, http.MethodGet, invitationPath, "get-invitation", "Get an invitation", s.getInvitation),
		handle(owner, http.MethodDelete, invitationPath, "revoke-invitation", "Revoke an invitation",
			s.revokeInvitation).errors(http.StatusGone).
			description("Ends the link. Returns 410 if the invitation was accepted or revoked before."),
		handle(owner, http.MethodPost, invitationPath+"/resend", "resend-invitation", "Send an invitation again",
			s.resendInvitation).errors(http.StatusConflict, http.StatusGone).
			description("Replaces the link with a new one that works for 7 days, even if the old one has expired. "+
				"Returns 410 if the invitation was accepted or revoked."),
	)
}

func (s *Server) listInvitations(ctx context.Context, in *listInvitationsInput) (*listOutput[InvitationView], error) {
	list, err := s.invitations.List(ctx, in.Status, in.page())
	if err != nil {
		return nil, err
	}
	return viewList(list, viewInvitation), nil
}

func (s *Server) createInvitation(ctx context.Context, in *createInvitationInput) (*sentInvitationOutput, error) {
	made, token, err := s.invitations.Create(ctx, operation.NewInvitation{
		Email: in.Body.Email, Role: in.Body.Role, InvitedBy: requestOf(ctx).principal.ID,
	})
	if err != nil {
		return nil, err
	}
	requestOf(ctx).setObject(objectInvitation, made.ID)
	requestOf(ctx).note(slog.String("role", made.Role))
	out := s.sentInvitation(made, token)
	out.Location = tenantsPath + "/" + made.TenantID.String() + "/invitations/" + made.ID.String()
	return out, nil
}

func (s *Server) getInvitation(ctx context.Context, in *invitationInput) (*invitationOutput, error) {
	found, err := s.invitations.Get(ctx, idOf(in.InvitationID))
	if err != nil {
		return nil, err
	}
	return &invitationOutput{Body: viewInvitation(found)}, nil
}

func (s *Server) revokeInvitation(ctx context.Context, in *invitationInput) (*struct{}, error) {
	return nil, s.invitations.Revoke(ctx, idOf(in.InvitationID))
}

func (s *Server) resendInvitation(ctx context.Context, in *invitationInput) (*sentInvitationOutput, error) {
	sent, token, err := s.invitations.Resend(ctx, idOf(in.InvitationID))
	if err != nil {
		return nil, err
	}
	return s.sentInvitation(sent, token), nil
}

// sentInvitation returns the link if there is a token.
func (s *Server) sentInvitation(i operation.Invitation, token string) *sentInvitationOutput {
	out := &sentInvitationOutput{Body: sentInvitationView{InvitationView: viewInvitation(i), Token: token}}
	if token != "" {
		out.Body.Link = s.links.Invitation(token)
	}
	return out
}

func viewInvitation(i operation.Invitation) InvitationView {
	return InvitationView{
		ID: i.ID, TenantID: i.TenantID, Email: i.Email, Role: i.Role, Status: i.Status,
		InvitedBy: inviterView{ID: i.InvitedBy, Name: i.InvitedByName},
		CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt, AcceptedAt: i.AcceptedAt,
	}
}
