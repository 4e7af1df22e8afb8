package message

import (
	"fmt"
	"log/slog"
)

// Format implements [fmt.Formatter] with ids only, no text or name.
func (m KonstructMessage) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %s (%s, thread %q, event %q)", m.ID, m.Kind, m.ThreadID, m.ChannelMetadata.EventID)
}

// LogValue implements [slog.LogValuer] with ids only.
func (m KonstructMessage) LogValue() slog.Value { return slog.GroupValue(m.attributes()...) }

func (m KonstructMessage) attributes() []slog.Attr {
	return []slog.Attr{
		slog.String("id", m.ID),
		slog.String("kind", string(m.Kind)),
		slog.String("channel_type", string(m.ChannelType)),
		slog.String("workspace_id", m.ChannelMetadata.WorkspaceID),
		slog.String("channel_id", m.ChannelMetadata.ChannelID),
		slog.String("thread_id", m.ThreadID),
		slog.String("event_id", m.ChannelMetadata.EventID),
	}
}

// Format implements [fmt.Formatter] with the tenant's and the message's ids.
func (r ResolvedMessage) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "tenant %s, %s", r.tenant, r.message)
}

// LogValue implements [slog.LogValuer] with ids only.
func (r ResolvedMessage) LogValue() slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("tenant_id", r.tenant.String())},
		r.message.attributes()...)...)
}

// Format implements [fmt.Formatter] with the sender's id, not the name.
func (s SenderInfo) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "sender %s (bot %t, self %t)", s.ID, s.IsBot, s.IsSelf)
}

// LogValue implements [slog.LogValuer] as Format does.
func (s SenderInfo) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// Format implements [fmt.Formatter] with sizes, not the text.
func (c MessageContent) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "content (%d bytes, %d parts, %d mentions, %d attachments)",
		len(c.Text), len(c.Parts), len(c.Mentions), len(c.Attachments))
}

// LogValue implements [slog.LogValuer] as Format does.
func (c MessageContent) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// Format implements [fmt.Formatter] with the kind and sizes, not the text.
func (p Part) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "part %s (%d bytes, %d parts)", p.Kind, len(p.Text), len(p.Parts))
}

// LogValue implements [slog.LogValuer] as Format does.
func (p Part) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }

// Format implements [fmt.Formatter] with the file's id and size, not its name or URL.
func (a Attachment) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "attachment %s (%d bytes)", a.ID, a.Size)
}

// LogValue implements [slog.LogValuer] as Format does.
func (a Attachment) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(a)) }
