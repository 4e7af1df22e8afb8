package message

import (
	"fmt"
	"log/slog"
)

// String returns ids only, no text or name.
func (m KonstructMessage) String() string {
	return fmt.Sprintf("message %s (%s, thread %q, event %q)", m.ID, m.Kind, m.ThreadID, m.ChannelMetadata.EventID)
}

// GoString implements [fmt.GoStringer] as String does.
func (m KonstructMessage) GoString() string { return m.String() }

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

// String returns the tenant's and the message's ids.
func (r ResolvedMessage) String() string {
	return fmt.Sprintf("tenant %s, %s", r.tenant, r.message)
}

// GoString implements [fmt.GoStringer] as String does.
func (r ResolvedMessage) GoString() string { return r.String() }

// LogValue implements [slog.LogValuer] with ids only.
func (r ResolvedMessage) LogValue() slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("tenant_id", r.tenant.String())},
		r.message.attributes()...)...)
}

// String returns the sender's id, not the name.
func (s SenderInfo) String() string {
	return fmt.Sprintf("sender %s (bot %t, self %t)", s.ID, s.IsBot, s.IsSelf)
}

// GoString implements [fmt.GoStringer] as String does.
func (s SenderInfo) GoString() string { return s.String() }

// LogValue implements [slog.LogValuer] as String does.
func (s SenderInfo) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns sizes, not the text.
func (c MessageContent) String() string {
	return fmt.Sprintf("content (%d bytes, %d parts, %d mentions, %d attachments)",
		len(c.Text), len(c.Parts), len(c.Mentions), len(c.Attachments))
}

// GoString implements [fmt.GoStringer] as String does.
func (c MessageContent) GoString() string { return c.String() }

// LogValue implements [slog.LogValuer] as String does.
func (c MessageContent) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String returns the kind and sizes, not the text.
func (p Part) String() string {
	return fmt.Sprintf("part %s (%d bytes, %d parts)", p.Kind, len(p.Text), len(p.Parts))
}

// GoString implements [fmt.GoStringer] as String does.
func (p Part) GoString() string { return p.String() }

// LogValue implements [slog.LogValuer] as String does.
func (p Part) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String returns the file's id and size, not its name or URL.
func (a Attachment) String() string { return fmt.Sprintf("attachment %s (%d bytes)", a.ID, a.Size) }

// GoString implements [fmt.GoStringer] as String does.
func (a Attachment) GoString() string { return a.String() }

// LogValue implements [slog.LogValuer] as String does.
func (a Attachment) LogValue() slog.Value { return slog.StringValue(a.String()) }
