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
	membersPath = tenantPath + "/members"
	memberPath  = membersPath + "/{" + userParam + "}"
)

type memberView struct {
	User      memberUserView `json:"user"`
	Role      string         `json:"role" enum:"owner,editor,viewer"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
	ETag      string         `json:"etag" doc:"Version of the resource, for If-Match."`
}

type memberUserView struct {
	ID       uuid.UUID `json:"id" format:"uuid"`
	Email    string    `json:"email"`
	Name     string    `json:"name"`
	Disabled bool      `json:"disabled" doc:"Whether a platform admin has disabled the user, who cannot log in."`
}

// MemberPathInput is the path of a member.
type MemberPathInput struct {
	TenantPathInput

	UserID string `path:"user_id"`
}

type listMembersInput struct {
	TenantPathInput
	PageInput
}

type updateMemberInput struct {
	MemberPathInput
	IfMatchInput

	Body struct {
		Role string `json:"role" enum:"owner,editor,viewer"`
	} `nameHint:"UpdateMember"`
}

type removeMemberInput struct {
	MemberPathInput
	IfMatchInput
}

func (s *Server) memberRoutes() []route {
	return tagged(tagMembers,
		handle(viewer, http.MethodGet, membersPath, "list-members", "List members", s.listMembers),
		handle(owner, http.MethodPatch, memberPath, "update-member", "Change a member's role", s.updateMember).
			errors(updateErrors...).
			description("Returns 409 `last_owner` if no enabled owner would be left."),
		handle(owner, http.MethodDelete, memberPath, "remove-member", "Remove a member", s.removeMember).orSelf().
			errors(http.StatusPreconditionFailed).
			description("Ends the membership, not the account. Returns 409 `last_owner` if no enabled owner would be "+
				"left."),
	)
}

func (s *Server) listMembers(ctx context.Context, in *listMembersInput) (*listOutput[memberView], error) {
	list, err := s.members.List(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return viewList(list, viewMember), nil
}

func (s *Server) updateMember(ctx context.Context, in *updateMemberInput) (*itemOutput[memberView], error) {
	id := idOf(in.UserID)
	match, err := required(ctx, in.IfMatchInput, id, s.members.Get)
	if err != nil {
		return nil, err
	}
	member, former, err := s.members.SetRole(ctx, id, match, in.Body.Role)
	if err != nil {
		return nil, err
	}
	requestOf(ctx).note(slog.String("former_role", former), slog.String("role", member.Role))
	return item(member.UpdatedAt, viewMember(member)), nil
}

func (s *Server) removeMember(ctx context.Context, in *removeMemberInput) (*struct{}, error) {
	role, err := s.members.Remove(ctx, idOf(in.UserID), in.optional())
	if err != nil {
		return nil, err
	}
	requestOf(ctx).note(slog.String("role", role))
	return nil, nil //nolint:nilnil // huma's handlers return nil if there is no body
}

func viewMember(m operation.Member) memberView {
	return memberView{
		User: memberUserView{ID: m.UserID, Email: m.Email, Name: m.Name, Disabled: m.Disabled},
		Role: m.Role, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, ETag: etag(m.UpdatedAt),
	}
}
