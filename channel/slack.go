package channel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/konstruct/konstruct/channel/resolver"
	"github.com/konstruct/konstruct/channel/slackhook"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/message/slack"
	"github.com/konstruct/konstruct/tenancy"
)

// The errors of Receive that are the sender's. Any other means that the event should come again.
var (
	// ErrSignature means that the request isn't the channel's.
	ErrSignature = errors.New("channel: the request is not signed by its channel")
	// ErrPayload means that the request is the channel's, and can't be read.
	ErrPayload = errors.New("channel: the payload can't be read")
)

// Deliver takes a message on. ctx works for the message's tenant. An error makes the channel send it again, so the
// same message may come twice: its ID tells.
type Deliver func(ctx context.Context, m message.ResolvedMessage) error

// LogIDs is a [Deliver] that logs which message came, and nothing of what it says.
func LogIDs(log *slog.Logger) Deliver {
	return func(ctx context.Context, m message.ResolvedMessage) error {
		log.InfoContext(ctx, "message delivered", "message", m)
		return nil
	}
}

// Resolver finds the tenant that a workspace belongs to. [resolver.ErrUnknownWorkspace] means that there is none.
type Resolver interface {
	Resolve(ctx context.Context, channelType message.ChannelType, workspaceID string) (resolver.Resolution, error)
}

// SlackOptions is what [NewSlack] needs, all of it.
type SlackOptions struct {
	Verifier *slackhook.Verifier
	Resolver Resolver
	Deliver  Deliver
	Logger   *slog.Logger
}

// Slack receives the Events API of one Slack app. It may be used by several goroutines at once.
type Slack struct {
	verifier *slackhook.Verifier
	resolver Resolver
	deliver  Deliver
	log      *slog.Logger
	counts   counts
}

// NewSlack receives for one Slack app.
func NewSlack(o SlackOptions) (*Slack, error) {
	if o.Verifier == nil || o.Resolver == nil || o.Deliver == nil || o.Logger == nil {
		return nil, errors.New("channel: a verifier, a resolver, a way to deliver and a logger are needed")
	}
	return &Slack{verifier: o.Verifier, resolver: o.Resolver, deliver: o.Deliver, log: o.Logger}, nil
}

// Reply is what a request is answered with. Challenge is "" unless Slack asked.
type Reply struct{ Challenge string }

// Receive takes one request to the events URL. ctx must have no tenant. A nil error acknowledges, whether or not there
// was a use for the event. The errors are [ErrSignature], [ErrPayload], and those of looking up and delivering.
func (s *Slack) Receive(ctx context.Context, header http.Header, body []byte) (Reply, error) {
	if err := s.verifier.Verify(header, body); err != nil {
		s.counts.unverified.Add(1)
		return Reply{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	event, err := slack.Normalize(body)
	switch {
	case errors.Is(err, slack.ErrNoWorkspace):
		s.counts.unknown.Add(1)
		return Reply{}, nil
	case err != nil:
		s.counts.malformed.Add(1)
		return Reply{}, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	switch e := event.(type) {
	case slack.Challenge:
		return Reply{Challenge: e.Value}, nil
	case slack.Message:
		return Reply{}, s.pass(ctx, e.KonstructMessage)
	case slack.Lifecycle:
		// Which of our connections is over is the portal's to decide; here it is only made known.
		s.log.WarnContext(ctx, "slack installation changed", "type", e.Type, "workspace_id", e.WorkspaceID, "event_id", e.EventID)
	case slack.RateLimited:
		s.log.WarnContext(ctx, "slack holds events back", "workspace_id", e.WorkspaceID, "minute", e.Minute)
	}
	s.counts.ignored.Add(1)
	return Reply{}, nil
}

// pass finds the message's tenant and delivers it there.
func (s *Slack) pass(ctx context.Context, m message.KonstructMessage) error {
	found, err := s.resolver.Resolve(ctx, m.ChannelType, m.ChannelMetadata.WorkspaceID)
	if errors.Is(err, resolver.ErrUnknownWorkspace) {
		s.counts.unknown.Add(1)
		s.log.InfoContext(ctx, "message of an unknown workspace", "channel_type", m.ChannelType)
		return nil
	}
	if err != nil {
		s.counts.failed.Add(1)
		return fmt.Errorf("resolve a message: %w", err)
	}
	resolved, err := m.Resolve(found.Tenant)
	if err != nil {
		s.counts.failed.Add(1)
		return fmt.Errorf("resolve a message: %w", err)
	}
	if err := s.deliver(tenancy.With(ctx, found.Tenant), resolved); err != nil {
		s.counts.failed.Add(1)
		return fmt.Errorf("deliver a message: %w", err)
	}
	s.counts.delivered.Add(1)
	return nil
}
