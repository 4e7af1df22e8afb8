package slack

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/message"
)

// Receiver receives the Events API requests of one Slack app. It is safe for concurrent use.
type Receiver struct {
	verifier *Verifier
	ingress  *channel.Ingress
	log      *slog.Logger
}

// NewReceiver returns a receiver. All arguments are required.
func NewReceiver(verifier *Verifier, ingress *channel.Ingress, log *slog.Logger) *Receiver {
	return &Receiver{verifier: verifier, ingress: ingress, log: log}
}

// Stats returns the current counts.
func (r *Receiver) Stats() channel.Stats { return r.ingress.Stats() }

// Receive handles one request to the events URL. ctx must carry no tenant. The challenge is the response to a
// url_verification request, and empty otherwise. A nil error acknowledges the request. The error is
// [channel.ErrUnverified], or one of resolving and delivering after which Slack should send the event again.
func (r *Receiver) Receive(ctx context.Context, header http.Header, body []byte) (challenge string, err error) {
	if err := r.verifier.Verify(header, body); err != nil {
		return "", r.ingress.Reject(err)
	}
	event, err := Normalize(body)
	if err != nil {
		var eventID string
		if payload, ok := errors.AsType[*PayloadError](err); ok {
			eventID = payload.EventID
		}
		r.ingress.Drop(ctx, message.Slack, eventID, err)
		return "", nil
	}
	switch e := event.(type) {
	case Challenge:
		return e.Value, nil
	case Message:
		return "", r.ingress.Deliver(ctx, e.KonstructMessage)
	case Lifecycle:
		// Only logged: the portal decides whether to revoke the connection.
		r.log.WarnContext(ctx, "slack installation changed", "type", e.Type, "workspace_id", e.WorkspaceID,
			"event_id", e.EventID, "team_ids", e.TeamIDs)
	case RateLimited:
		r.log.WarnContext(ctx, "slack rate-limited events", "workspace_id", e.WorkspaceID, "minute", e.Minute)
	}
	r.ingress.Ignore()
	return "", nil
}
