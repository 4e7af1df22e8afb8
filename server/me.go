package server

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/problem"
)

// The paths of the current user.
const (
	mePath       = "/v1/me"
	sessionsPath = mePath + "/sessions"
)

func (s *Server) meRoutes() []route {
	return tagged(tagMe,
		handle(authenticated, http.MethodGet, mePath, "me", "Get the current user", s.me).
			description("Returns the user, the session, and the user's role in each of at most 1,000 tenants. Tenants "+
				"that are being deleted are left out. A platform admin has access to every tenant without a role."),
		handle(authenticated, http.MethodPatch, mePath, "update-me", "Update the current user", s.updateMe),
		handle(authenticated, http.MethodPost, mePath+"/password", "change-password", "Change the password",
			s.changePassword).
			withoutTransaction().errors(http.StatusTooManyRequests).
			description("Ends the user's other sessions and voids mailed links. Returns 422 if the current password "+
				"is incorrect, which counts as a failed login, and 429 after too many."),
		handle(authenticated, http.MethodPost, mePath+"/email", "request-email-change",
			"Ask for another e-mail address", s.requestEmail).
			withoutTransaction().success(http.StatusAccepted).
			errors(http.StatusConflict, http.StatusTooManyRequests).
			description("Mails a link to the new address, which works for 24 hours and voids earlier ones. The "+
				"address changes when the link is confirmed. The current address is accepted too: the link proves it. "+
				"Returns the same 202 if the new address belongs to another user or was mailed 3 links within an "+
				"hour; then nothing is mailed. Returns 409 if no mail is configured."),
		handle(authenticated, http.MethodGet, sessionsPath, "list-sessions", "List sessions", s.listSessions).
			description("Lists the live sessions of the current user."),
		handle(authenticated, http.MethodDelete, sessionsPath, "end-other-sessions", "End the other sessions",
			s.endOtherSessions).description("The current session is kept."),
		handle(authenticated, http.MethodDelete, sessionsPath+"/{session_id}", "end-session", "End a session",
			s.endSession).errors(http.StatusNotFound).
			description("The current session can be ended too. Returns 404 for a session that has ended."),
	)
}

// profileView is a user as the user sees it.
type profileView struct {
	UserView

	EmailProven bool `json:"email_proven" doc:"Whether a mailed link has proved the address, or an operator or a platform admin has created the user. Otherwise the user can join no other tenant."`
}

type meOutput struct{ Body meView }

type meView struct {
	User        profileView        `json:"user"`
	Session     currentSessionView `json:"session"`
	Memberships []membershipView   `json:"memberships" nullable:"false"`
}

type currentSessionView struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	ExpiresAt time.Time `json:"expires_at" doc:"If it is not used before then."`
}

type membershipView struct {
	Tenant memberTenantView `json:"tenant"`
	Role   account.Role     `json:"role" enum:"owner,editor,viewer"`
}

type memberTenantView struct {
	ID     uuid.UUID `json:"id" format:"uuid"`
	Name   string    `json:"name"`
	Slug   string    `json:"slug"`
	Status string    `json:"status" enum:"active,suspended"`
}

type updateMeInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200" pattern:"\\S" example:"Ada"`
	} `nameHint:"UpdateMe"`
}

type profileOutput struct{ Body profileView }

func (s *Server) me(ctx context.Context, _ *struct{}) (*meOutput, error) {
	principal := requestOf(ctx).principal
	memberships, err := s.sessions.Memberships(ctx, principal)
	if err != nil {
		return nil, err
	}
	return &meOutput{Body: meView{
		User:    viewProfile(principal.User),
		Session: currentSessionView{ID: principal.SessionID, ExpiresAt: principal.SessionEnds},
		Memberships: viewAll(memberships, func(m account.Membership) membershipView {
			return membershipView{
				Tenant: memberTenantView{ID: m.TenantID, Name: m.TenantName, Slug: m.TenantSlug, Status: m.Status},
				Role:   m.Role,
			}
		}),
	}}, nil
}

func (s *Server) updateMe(ctx context.Context, in *updateMeInput) (*profileOutput, error) {
	user := requestOf(ctx).principal.User
	requestOf(ctx).setObject(objectUser, user.ID)
	var err error
	user.Name, err = s.profiles.Rename(ctx, user.ID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &profileOutput{Body: viewProfile(user)}, nil
}

func viewProfile(u account.User) profileView {
	return profileView{UserView: viewUser(u), EmailProven: u.UnprovenTenant == uuid.Nil}
}

// checkPassword returns a problem for a new password that the schema accepts, which counts characters and not bytes.
func checkPassword(field, password string) error {
	if err := account.CheckPassword(password); err == nil {
		return nil
	}
	limit := int64(account.MaxPassword)
	return problem.Invalid(problem.Field{
		Field: field, Code: problem.FieldTooLong, Message: "expected at most 1024 bytes", Limit: &limit,
	})
}
