package server

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
)

const (
	lookUpPath = "/v1/invitations/lookup"
	acceptPath = "/v1/invitations/accept"
)

// LinkTokenFields are the token of a link.
type LinkTokenFields struct {
	Token string `json:"token" minLength:"1" maxLength:"200" writeOnly:"true" doc:"The token in the link, after #token=."`
}

type lookUpInvitationInput struct {
	Body struct{ LinkTokenFields } `nameHint:"LookUpInvitation"`
}

type invitationLinkOutput struct{ Body invitationLinkView }

type invitationLinkView struct {
	Tenant       namedView `json:"tenant"`
	Email        string    `json:"email" doc:"The address that is invited."`
	Role         string    `json:"role" enum:"owner,editor,viewer"`
	InvitedBy    namedView `json:"invited_by"`
	ExpiresAt    time.Time `json:"expires_at"`
	NeedsAccount bool      `json:"needs_account" doc:"Whether to accept with a name and a password. Otherwise the address has an account; log in first."`
}

type namedView struct {
	Name string `json:"name"`
}

type acceptInvitationInput struct {
	Authorization string `header:"Authorization" hidden:"true"`

	Body struct {
		LinkTokenFields

		Name     string `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"\\S" doc:"Of the new account. Required without a session."`
		Password string `json:"password,omitempty" minLength:"8" maxLength:"1024" writeOnly:"true" doc:"Of the new account, at most 1024 bytes. Required without a session."`
	} `nameHint:"AcceptInvitation"`
}

type acceptedOutput struct {
	Location string `header:"Location" hidden:"true"`
	Body     acceptedView
}

type acceptedView struct {
	Tenant joinedTenantView `json:"tenant"`
	Role   string           `json:"role" enum:"owner,editor,viewer"`
}

type joinedTenantView struct {
	ID   uuid.UUID `json:"id" format:"uuid"`
	Name string    `json:"name"`
	Slug string    `json:"slug"`
}

func (s *Server) acceptRoutes() []route {
	return tagged(tagInvitations,
		handle(public, http.MethodPost, lookUpPath, "look-up-invitation", "Look up an invitation", s.lookUpInvitation).
			withTenantTraffic().errors(http.StatusForbidden, http.StatusGone, http.StatusUnprocessableEntity).
			description("Says what a link is for. Returns 410 if the link is unknown, expired, used or revoked, and "+
				"403 if the tenant is suspended."),
		handle(public, http.MethodPost, acceptPath, "accept-invitation", "Accept an invitation", s.acceptInvitation).
			withTenantTraffic().success(http.StatusCreated).
			errors(http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict, http.StatusGone,
				http.StatusUnprocessableEntity).
			description("With the session of the invited person, adds the tenant to their account; name and password "+
				"are ignored. Without one, creates the account, but does not log in. Returns 409 `login_required` if "+
				"the address has an account, 403 `wrong_account` for another person's session, and 403 "+
				"`unproven_address` if the account was created by a link that was not mailed, and this link was "+
				"mailed or is for a second tenant. A mailed link proves the address: without a session, it replaces "+
				"the name, the password and the memberships of such an account."),
	)
}

func (s *Server) lookUpInvitation(ctx context.Context, in *lookUpInvitationInput) (*invitationLinkOutput, error) {
	link, err := s.invitations.LookUp(ctx, in.Body.Token)
	if err != nil {
		return nil, err
	}
	return &invitationLinkOutput{Body: invitationLinkView{
		Tenant: namedView{link.TenantName}, Email: link.Email, Role: link.Role, InvitedBy: namedView{link.InvitedBy},
		ExpiresAt: link.ExpiresAt, NeedsAccount: link.NeedsAccount,
	}}, nil
}

func (s *Server) acceptInvitation(ctx context.Context, in *acceptInvitationInput) (*acceptedOutput, error) {
	acceptance := operation.Acceptance{
		Token: in.Body.Token, Address: requestOf(ctx).client, Record: s.recordFor,
	}
	if err := s.identify(ctx, in, &acceptance); err != nil {
		return nil, err
	}
	accepted, err := s.invitations.Accept(ctx, acceptance)
	if err != nil {
		return nil, err
	}
	r := requestOf(ctx)
	r.principal.User, r.tenant = accepted.User, accepted.Tenant
	if accepted.NewPassword {
		s.warn(ctx, "login attempts were not cleared", s.logins.ClearAttempts(ctx, accepted.User.Email))
	}
	return &acceptedOutput{
		Location: tenantsPath + "/" + accepted.Tenant.String(),
		Body: acceptedView{
			Tenant: joinedTenantView{ID: accepted.Tenant.UUID(), Name: accepted.TenantName, Slug: accepted.Slug},
			Role:   accepted.Role,
		},
	}, nil
}

// identify adds the user of the session, if one was sent, or the new account, whose password is hashed only for a link
// that works.
func (s *Server) identify(ctx context.Context, in *acceptInvitationInput, a *operation.Acceptance) error {
	r := requestOf(ctx)
	if in.Authorization != "" {
		principal, err := s.sessions.Authenticate(ctx, bearer(in.Authorization), tenancy.ID{})
		if err != nil {
			return err
		}
		s.warn(ctx, "last_seen_at of a session was not updated", principal.Warning)
		r.principal, a.User = principal, &principal.User
		return nil
	}
	a.Hash = func(ctx context.Context) (string, error) {
		return s.logins.HashPassword(ctx, in.Body.Password, s.limitedClient(r))
	}
	var err error
	a.Name, err = in.newAccount()
	return err
}

// recordFor records an event of a public request, which has no principal.
func (s *Server) recordFor(ctx context.Context, e audit.Event) error {
	e.RequestID = requestOf(ctx).id
	return s.audit.Record(ctx, e)
}

// newAccount returns the normalized name of the account to make, whose password must be valid.
func (in *acceptInvitationInput) newAccount() (name string, err error) {
	var missing []problem.Field
	for _, property := range []struct{ field, value string }{
		{"body.name", in.Body.Name}, {"body.password", in.Body.Password},
	} {
		if property.value == "" {
			missing = append(missing, problem.Field{
				Field: property.field, Code: problem.FieldRequired, Message: "required",
			})
		}
	}
	if missing != nil {
		return "", problem.Invalid(missing...)
	}
	if name, err = account.NormalizeName(in.Body.Name); err != nil {
		return "", err
	}
	return name, checkPassword("body.password", in.Body.Password)
}
