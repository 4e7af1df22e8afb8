package server

import (
	"context"
	"log/slog"
	"net/http"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// The ids of the operations that record their own audit event.
const (
	opChangePassword = "change-password"
	opRequestEmail   = "request-email-change"
	opForgotPassword = "forgot-password"
	opResetPassword  = "reset-password"
	opConfirmEmail   = "confirm-email"
)

func (s *Server) linkRoutes() []route {
	return tagged(tagLogin,
		handle(public, http.MethodPost, "/v1/auth/password/forgot", opForgotPassword, "Ask for a new password",
			s.forgotPassword).
			success(http.StatusAccepted).errors(http.StatusTooManyRequests).
			description("Mails a link that works for an hour. Returns the same 202 for an unknown address, a disabled "+
				"user, an address that was mailed 3 links within an hour, and if no mail is configured; then nothing "+
				"is mailed. Returns 429 after too many requests from one client."),
		handle(public, http.MethodPost, "/v1/auth/password/reset", opResetPassword, "Set a new password by a link",
			s.resetPassword).
			errors(http.StatusGone).
			description("Ends all sessions of the user and voids other links. It does not log in. Returns 410 if the "+
				"link is unknown, expired or was used."),
		handle(public, http.MethodPost, "/v1/auth/email/confirm", opConfirmEmail, "Confirm a new e-mail address",
			s.confirmEmail).
			errors(http.StatusConflict, http.StatusGone).
			description("The link proves the address, which becomes that of the user. Sessions are kept, and other "+
				"links are voided. Returns 409 if another user has the address, and 410 if the link is unknown, "+
				"expired or was used."),
	)
}

type changePasswordInput struct {
	Body struct {
		CurrentPassword string `json:"current_password" minLength:"1" maxLength:"1024" writeOnly:"true"`
		NewPassword     string `json:"new_password" minLength:"8" maxLength:"1024" writeOnly:"true" doc:"At most 1024 bytes."`
	} `nameHint:"ChangePassword"`
}

type requestEmailInput struct {
	Body struct {
		CurrentPassword string `json:"current_password" minLength:"1" maxLength:"1024" writeOnly:"true"`
		Email           string `json:"email" minLength:"1" maxLength:"320" example:"ada@example.com"`
	} `nameHint:"RequestEmailChange"`
}

type forgotPasswordInput struct {
	Body struct {
		Email string `json:"email" minLength:"1" maxLength:"320" doc:"Case-insensitive." example:"ada@example.com"`
	} `nameHint:"ForgotPassword"`
}

type resetPasswordInput struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"200" writeOnly:"true" doc:"From the fragment of the mailed link."`
		Password string `json:"password" minLength:"8" maxLength:"1024" writeOnly:"true" doc:"At most 1024 bytes."`
	} `nameHint:"ResetPassword"`
}

type confirmEmailInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" writeOnly:"true" doc:"From the fragment of the mailed link."`
	} `nameHint:"ConfirmEmail"`
}

func (s *Server) changePassword(ctx context.Context, in *changePasswordInput) (*struct{}, error) {
	if err := checkPassword("body.new_password", in.Body.NewPassword); err != nil {
		return nil, err
	}
	r := requestOf(ctx)
	change, err := s.profiles.PreparePassword(ctx, s.confirmation(r, in.Body.CurrentPassword), in.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	s.warn(ctx, "login attempt was not refunded", change.Warning)
	return nil, s.inTx(ctx, func(ctx context.Context) error {
		ended, err := s.profiles.ChangePassword(ctx, change, r.principal)
		if err != nil {
			return err
		}
		r.setObject(objectUser, r.principal.ID)
		r.note(slog.Int64("sessions", ended))
		if err := s.notify(ctx, mail.KindPasswordChanged, r.principal.ID, ""); err != nil {
			return err
		}
		return s.record(ctx, opChangePassword)
	})
}

func (s *Server) requestEmail(ctx context.Context, in *requestEmailInput) (*struct{}, error) {
	if !s.mailing {
		return nil, account.ErrNoMail
	}
	email, err := account.NormalizeEmail(in.Body.Email)
	if err != nil {
		return nil, err
	}
	r := requestOf(ctx)
	confirmed, err := s.profiles.PrepareChange(ctx, s.confirmation(r, in.Body.CurrentPassword))
	if err != nil {
		return nil, err
	}
	s.warn(ctx, "login attempt was not refunded", confirmed.Warning)
	return nil, s.inTx(ctx, func(ctx context.Context) error {
		tell, err := s.profiles.RequestEmail(ctx, confirmed, email)
		if err != nil {
			return err
		}
		markMail(ctx)
		if tell {
			if err := s.notify(ctx, mail.KindEmailChanged, r.principal.ID, r.principal.Email); err != nil {
				return err
			}
		}
		r.setObject(objectUser, r.principal.ID)
		return s.record(ctx, opRequestEmail)
	})
}

func (s *Server) forgotPassword(ctx context.Context, in *forgotPasswordInput) (*struct{}, error) {
	if !s.mailing {
		return nil, nil //nolint:nilnil // huma's handlers return nil if there is no body
	}
	markMail(ctx) // for any address
	r := requestOf(ctx)
	return nil, s.profiles.RequestReset(ctx, account.ResetRequest{
		Email: in.Body.Email, Client: s.limitedClient(r),
		Action: opForgotPassword, RequestID: r.id, Address: r.client,
	})
}

func (s *Server) resetPassword(ctx context.Context, in *resetPasswordInput) (*struct{}, error) {
	if err := checkPassword("body.password", in.Body.Password); err != nil {
		return nil, err
	}
	reset, err := s.profiles.PrepareReset(ctx, in.Body.Token, in.Body.Password, s.limitedClient(requestOf(ctx)))
	if err != nil {
		return nil, err
	}
	return nil, s.inTx(ctx, func(ctx context.Context) error {
		if err := s.profiles.ResetPassword(ctx, reset); err != nil {
			return err
		}
		if err := s.notify(ctx, mail.KindPasswordChanged, reset.UserID(), ""); err != nil {
			return err
		}
		return s.recordBy(ctx, reset.UserID(), opResetPassword)
	})
}

func (s *Server) confirmEmail(ctx context.Context, in *confirmEmailInput) (*struct{}, error) {
	return nil, s.inTx(ctx, func(ctx context.Context) error {
		user, err := s.profiles.ConfirmEmail(ctx, in.Body.Token)
		if err != nil {
			return err
		}
		return s.recordBy(ctx, user, opConfirmEmail)
	})
}

func (s *Server) inTx(ctx context.Context, do func(context.Context) error) error {
	return pgtenant.InTx(ctx, s.db.Tx, func(ctx context.Context, _ dialect.Tx) error { return do(ctx) })
}

func (s *Server) confirmation(r *request, password string) account.Confirmation {
	return account.Confirmation{User: r.principal.User, Password: password, Client: s.limitedClient(r)}
}

// notify queues a notice to the user, or to an address that the user no longer has. It does nothing if no
// mail is configured.
func (s *Server) notify(ctx context.Context, kind string, user uuid.UUID, address string) error {
	if !s.mailing {
		return nil
	}
	return s.outbox.Add(ctx, mail.Job{Kind: kind, SubjectID: user, Address: address})
}

// recordBy adds the audit event of a public request, whose link says who the user is.
func (s *Server) recordBy(ctx context.Context, user uuid.UUID, action string) error {
	return s.recordFor(ctx, audit.Event{
		ActorID: user, Action: action, ObjectType: objectUser, ObjectID: user, Address: requestOf(ctx).client,
	})
}
