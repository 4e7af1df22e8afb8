package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/operation"
)

type ownSessionView struct {
	ID         uuid.UUID `json:"id" format:"uuid"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at" doc:"To the minute."`
	ExpiresAt  time.Time `json:"expires_at" doc:"If it is not used before then."`
	UserAgent  string    `json:"user_agent" doc:"The User-Agent of the login, at most 300 characters."`
	Address    string    `json:"address" doc:"The network address of the login, or empty if unknown."`
	Current    bool      `json:"current" doc:"Whether it is the session of this request."`
}

type sessionPathInput struct {
	SessionID string `path:"session_id"`
}

func (s *Server) listSessions(ctx context.Context, in *PageInput) (*listOutput[ownSessionView], error) {
	principal := requestOf(ctx).principal
	list, err := operation.ListByID(ctx, s.pages, "sessions of "+principal.ID.String(), in.page(),
		func(after uuid.UUID, limit int) ([]account.OwnSession, error) {
			return s.sessions.List(ctx, principal, after, limit)
		},
		func(one account.OwnSession) (uuid.UUID, int) { return one.ID, len(one.UserAgent) + len(one.Address) })
	if err != nil {
		return nil, err
	}
	return viewList(list, viewOwnSession), nil
}

func (s *Server) endSession(ctx context.Context, in *sessionPathInput) (*struct{}, error) {
	ended, err := s.sessions.EndOne(ctx, requestOf(ctx).principal, idOf(in.SessionID))
	if err != nil {
		return nil, err
	}
	if !ended {
		return nil, operation.ErrNotFound
	}
	return nil, nil //nolint:nilnil // huma's handlers return nil if there is no body
}

func (s *Server) endOtherSessions(ctx context.Context, _ *struct{}) (*struct{}, error) {
	r := requestOf(ctx)
	r.setObject(objectUser, r.principal.ID)
	ended, err := s.sessions.EndOthers(ctx, r.principal)
	r.note(slog.Int64("sessions", ended))
	return nil, err
}

func viewOwnSession(o account.OwnSession) ownSessionView {
	return ownSessionView{
		ID: o.ID, CreatedAt: o.CreatedAt, LastSeenAt: o.LastSeenAt, ExpiresAt: o.ExpiresAt,
		UserAgent: o.UserAgent, Address: o.Address, Current: o.Current,
	}
}
