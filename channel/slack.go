package channel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/konstruct/konstruct/channel/slackhook"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/message/slack"
)

// ErrSignature is returned by Receive if the request is not the channel's. After any other error the event should be
// sent again.
var ErrSignature = errors.New("channel: the request is not signed by its channel")

// SlackOptions is what [NewSlack] needs, all of it.
type SlackOptions struct {
	Verifier *slackhook.Verifier
	Resolver Resolver
	Deliver  Deliver
	Logger   *slog.Logger
}

// Slack receives the Events API of one Slack app. It is safe for concurrent use.
type Slack struct {
	verifier *slackhook.Verifier
	inlet    inlet
}

// NewSlack receives for one Slack app.
func NewSlack(o SlackOptions) (*Slack, error) {
	if o.Verifier == nil || o.Resolver == nil || o.Deliver == nil || o.Logger == nil {
		return nil, errors.New("channel: Slack needs a verifier, a resolver, a deliver function and a logger")
	}
	return &Slack{verifier: o.Verifier, inlet: inlet{resolver: o.Resolver, deliver: o.Deliver, log: o.Logger}}, nil
}

// Stats returns the current counts.
func (s *Slack) Stats() Stats { return s.inlet.counts.stats() }

// Reply is the answer to a request. Challenge is "" unless Slack asked.
type Reply struct{ Challenge string }

// Receive takes one request to the events URL. ctx must have no tenant. A nil error acknowledges, whether or not there
// was a use for the event. The errors are [ErrSignature], and those of resolving and delivering that may go away.
func (s *Slack) Receive(ctx context.Context, header http.Header, body []byte) (Reply, error) {
	if err := s.verifier.Verify(header, body); err != nil {
		s.inlet.counts.unverified.Add(1)
		return Reply{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	event, err := slack.Normalize(body)
	if err != nil {
		s.inlet.bury(ctx, message.Slack, eventID(err), err)
		return Reply{}, nil
	}
	switch e := event.(type) {
	case slack.Challenge:
		return Reply{Challenge: e.Value}, nil
	case slack.Message:
		return Reply{}, s.inlet.takeAll(ctx, e.KonstructMessage)
	case slack.Lifecycle:
		// Revoking the connection is the portal's decision; this only makes the change known.
		s.inlet.log.WarnContext(ctx, "slack installation changed", "type", e.Type, "workspace_id", e.WorkspaceID,
			"event_id", e.EventID, "team_ids", e.TeamIDs)
	case slack.RateLimited:
		s.inlet.log.WarnContext(ctx, "slack holds events back", "workspace_id", e.WorkspaceID, "minute", e.Minute)
	}
	s.inlet.counts.ignored.Add(1)
	return Reply{}, nil
}

func eventID(err error) string {
	if payload, ok := errors.AsType[*slack.PayloadError](err); ok {
		return payload.EventID
	}
	return ""
}
