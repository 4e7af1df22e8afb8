package server

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
)

type loginInput struct {
	UserAgent string `header:"User-Agent" hidden:"true"`

	Body loginBody `nameHint:"LoginRequest"`
}

type loginBody struct {
	// The authorize() function of Auth.js sends all fields of its form, such as csrfToken and callbackUrl.
	_           struct{} `additionalProperties:"true"`
	Email       string   `json:"email" minLength:"1" maxLength:"320" doc:"Case-insensitive." example:"ada@example.com"`
	Password    string   `json:"password" minLength:"1" maxLength:"1024" writeOnly:"true"`
	DeviceToken string   `json:"device_token,omitempty" maxLength:"200" doc:"The device_token of an earlier login with this address, if any."`
}

type loginOutput struct{ Body loginView }

type loginView struct {
	User        UserView    `json:"user"`
	Session     sessionView `json:"session"`
	DeviceToken string      `json:"device_token" doc:"Store it for 180 days and send it with the next login from this device. Failed attempts from a known device are counted separately until the password changes. It grants no access."`
}

// UserView is a user. Embedded types are exported because huma ignores unexported fields.
type UserView struct {
	ID      uuid.UUID `json:"id" format:"uuid"`
	Email   string    `json:"email"`
	Name    string    `json:"name"`
	IsAdmin bool      `json:"is_admin" doc:"Whether the user is a platform admin."`
}

type sessionView struct {
	Token     string    `json:"token" doc:"Send it as Authorization: Bearer <token>. It is returned only here."`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Server) login(ctx context.Context, in *loginInput) (*loginOutput, error) {
	r := requestOf(ctx)
	login, err := s.logins.Login(ctx, account.Attempt{
		Email: in.Body.Email, Password: in.Body.Password, Device: in.Body.DeviceToken,
		Client: s.limitedClient(r), UserAgent: in.UserAgent, Address: r.client, RequestID: r.id,
	})
	if err != nil {
		return nil, err
	}
	s.warn(ctx, "login attempt was not refunded", login.Warning)
	return &loginOutput{Body: loginView{
		User:    viewUser(login.User),
		Session: sessionView{Token: login.Token, ExpiresAt: login.ExpiresAt},

		DeviceToken: login.DeviceToken,
	}}, nil
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*struct{}, error) {
	r := requestOf(ctx)
	r.setObject(objectSession, r.principal.SessionID)
	return nil, s.sessions.End(ctx, r.principal)
}

func viewUser(u account.User) UserView {
	return UserView{ID: u.ID, Email: u.Email, Name: u.Name, IsAdmin: u.IsAdmin}
}
