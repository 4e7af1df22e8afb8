package channel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/konstruct/konstruct/channel/resolver"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
)

// ErrDead is wrapped by an error of [Deliver] when the message can never be delivered. The message is then logged,
// counted and acknowledged instead of sent again. The error's text is logged, so it must not contain the message's.
var ErrDead = errors.New("channel: the event can never be handled")

// Deliver takes a message on. ctx works for the message's tenant. After an error that does not wrap [ErrDead] the channel
// sends the message again, so the same message may come twice; its ID identifies it.
type Deliver func(ctx context.Context, m message.ResolvedMessage) error

// LogIDs is a [Deliver] that logs which message came, and nothing of what it says.
func LogIDs(log *slog.Logger) Deliver {
	return func(ctx context.Context, m message.ResolvedMessage) error {
		log.InfoContext(ctx, "message delivered", "message", m)
		return nil
	}
}

// Resolver finds the tenant that a workspace belongs to. It returns [resolver.ErrUnknownWorkspace] if there is none.
type Resolver interface {
	Resolve(ctx context.Context, channelType message.ChannelType, workspaceID string) (resolver.Resolution, error)
}

// inlet is what is the same for every channel, once a request is verified and normalized.
type inlet struct {
	resolver Resolver
	deliver  Deliver
	log      *slog.Logger
	counts   counts
}

// takeAll hands each message to its tenant. The error is what may succeed later; the other messages are not affected
// by it.
func (in *inlet) takeAll(ctx context.Context, messages ...message.KonstructMessage) error {
	var failed []error
	for _, m := range messages {
		if err := in.take(ctx, m); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (in *inlet) take(ctx context.Context, m message.KonstructMessage) error {
	found, err := in.resolver.Resolve(ctx, m.ChannelType, m.ChannelMetadata.WorkspaceID)
	if errors.Is(err, resolver.ErrUnknownWorkspace) {
		in.counts.unknown.Add(1)
		in.log.InfoContext(ctx, "message of an unknown workspace", "channel_type", m.ChannelType,
			"workspace_id", m.ChannelMetadata.WorkspaceID, "event_id", m.ChannelMetadata.EventID)
		return nil
	}
	if err != nil {
		in.counts.failed.Add(1)
		return fmt.Errorf("resolve a message: %w", err)
	}
	resolved, err := markSelf(m, found.BotID).Resolve(found.Tenant)
	if err != nil {
		in.bury(ctx, m.ChannelType, m.ChannelMetadata.EventID, err)
		return nil
	}
	err = in.deliver(tenancy.With(ctx, found.Tenant), resolved)
	switch {
	case errors.Is(err, ErrDead):
		in.bury(ctx, m.ChannelType, m.ChannelMetadata.EventID, err)
		return nil
	case err != nil:
		in.counts.failed.Add(1)
		return fmt.Errorf("deliver a message: %w", err)
	}
	in.counts.delivered.Add(1)
	return nil
}

// bury leaves a trace of an event that can never be handled: its id and the cause, nothing of its content.
func (in *inlet) bury(ctx context.Context, channelType message.ChannelType, eventID string, cause error) {
	in.counts.dead.Add(1)
	in.log.WarnContext(ctx, "dead event", "channel_type", channelType, "event_id", eventID, "cause", cause.Error())
}

// markSelf marks what our own bot wrote and is known by the connection alone: some of Slack's messages name neither our
// user nor our app, only the bot.
func markSelf(m message.KonstructMessage, botID string) message.KonstructMessage {
	if botID == "" {
		return m
	}
	m.Sender.IsSelf = m.Sender.IsSelf || m.Sender.IsBot && m.Sender.ID == botID
	if m.ReplyTo != nil && m.ReplyTo.SenderID == botID {
		to := *m.ReplyTo
		to.IsSelf = true
		m.ReplyTo = &to
	}
	return m
}
