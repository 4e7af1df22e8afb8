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

var (
	// ErrUnverified is returned when a request's signature is missing, wrong or too old.
	ErrUnverified = errors.New("channel: request not verified")
	// ErrDead is wrapped by a [Deliver] error when a message can never be delivered. The message is then acknowledged
	// instead of sent again. The error's text is logged, so it must not contain the message's.
	ErrDead = errors.New("channel: message can never be delivered")
)

// Deliver accepts a message. ctx carries the message's tenant. After an error that does not wrap [ErrDead] the channel
// sends the message again, so a message may be delivered twice: deduplicate by its ID.
type Deliver func(ctx context.Context, m message.ResolvedMessage) error

// LogIDs returns a [Deliver] that logs the message's ids and nothing of its content.
func LogIDs(log *slog.Logger) Deliver {
	return func(ctx context.Context, m message.ResolvedMessage) error {
		log.InfoContext(ctx, "message delivered", "message", m)
		return nil
	}
}

// Resolver finds the tenant of a workspace. It returns [resolver.ErrUnknownWorkspace] for an unknown one.
type Resolver interface {
	Resolve(ctx context.Context, channelType message.ChannelType, workspaceID string) (resolver.Resolution, error)
}

// Ingress is the part of receiving that every channel shares. It is safe for concurrent use.
type Ingress struct {
	resolver Resolver
	deliver  Deliver
	log      *slog.Logger
	counts   counts
}

// NewIngress returns an ingress for one channel. All arguments are required.
func NewIngress(r Resolver, d Deliver, log *slog.Logger) *Ingress {
	return &Ingress{resolver: r, deliver: d, log: log}
}

// Stats returns the current counts.
func (in *Ingress) Stats() Stats { return in.counts.stats() }

// Reject counts a request that failed verification. The error wraps [ErrUnverified] and cause.
func (in *Ingress) Reject(cause error) error {
	in.counts[Unverified].Add(1)
	return fmt.Errorf("%w: %w", ErrUnverified, cause)
}

// Ignore counts an event that carries no message.
func (in *Ingress) Ignore() { in.counts[Ignored].Add(1) }

// Drop counts and logs an event that can never be handled. cause must not contain anything of its content.
func (in *Ingress) Drop(ctx context.Context, channelType message.ChannelType, eventID string, cause error) {
	in.counts[Dead].Add(1)
	in.log.WarnContext(ctx, "dead event", "channel_type", channelType, "event_id", eventID, "cause", cause.Error())
}

// Deliver delivers each message to its tenant; one request may carry messages of several. ctx must carry no tenant.
// The error joins those that may succeed on a retry. A failed message does not stop the others.
func (in *Ingress) Deliver(ctx context.Context, messages ...message.KonstructMessage) error {
	var failed []error
	for _, m := range messages {
		if err := in.deliverOne(ctx, m); err != nil {
			in.counts[Failed].Add(1)
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (in *Ingress) deliverOne(ctx context.Context, m message.KonstructMessage) error {
	found, err := in.resolver.Resolve(ctx, m.ChannelType, m.ChannelMetadata.WorkspaceID)
	if errors.Is(err, resolver.ErrUnknownWorkspace) {
		in.counts[Unknown].Add(1)
		in.log.InfoContext(ctx, "message of an unknown workspace", "channel_type", m.ChannelType,
			"workspace_id", m.ChannelMetadata.WorkspaceID, "event_id", m.ChannelMetadata.EventID)
		return nil
	}
	if err != nil {
		return fmt.Errorf("channel: resolve workspace: %w", err)
	}
	resolved, err := markSelf(m, found.BotID).Resolve(found.Tenant)
	if err != nil {
		in.Drop(ctx, m.ChannelType, m.ChannelMetadata.EventID, err)
		return nil
	}
	err = in.deliver(tenancy.With(ctx, found.Tenant), resolved)
	switch {
	case errors.Is(err, ErrDead):
		in.Drop(ctx, m.ChannelType, m.ChannelMetadata.EventID, err)
		return nil
	case err != nil:
		return fmt.Errorf("channel: deliver message: %w", err)
	}
	in.counts[Delivered].Add(1)
	return nil
}

// markSelf marks what our bot wrote in messages that name only a bot: Slack leaves out user and app in some.
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
