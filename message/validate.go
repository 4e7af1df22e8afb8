package message

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Limits of the parts, in bytes.
const (
	maxID         = 320 // ID and OriginalID: composed of the others
	maxWorkspace  = 64  // workspace, channel, sender
	maxChannelRef = 128 // message, thread and event ids: opaque to us
)

// Validate returns [ErrInvalid], naming the part, when m breaks a rule that others rely on. It doesn't judge
// texts beyond their being UTF-8.
func (m KonstructMessage) Validate() error {
	for _, rule := range [...]struct {
		holds bool
		part  string
	}{
		{m.ChannelType.Valid(), "channel_type"},
		{m.Kind.Valid(), "kind"},
		{visible(m.ID, maxID), "id"},
		{visible(m.OriginalID, maxID), "original_id"},
		{(m.Kind == KindNew) == (m.ID == m.OriginalID), "original_id"},
		{plain(m.ChannelMetadata.WorkspaceID), "channel_metadata.workspace_id"},
		{plain(m.ChannelMetadata.ChannelID), "channel_metadata.channel_id"},
		{visible(m.ChannelMetadata.MessageID, maxChannelRef), "channel_metadata.message_id"},
		{m.ChannelMetadata.EventID == "" || visible(m.ChannelMetadata.EventID, maxChannelRef), "channel_metadata.event_id"},
		{m.ThreadID == "" || visible(m.ThreadID, maxChannelRef), "thread_id"},
		{m.senderHolds(), "sender.id"},
		{!m.Timestamp.IsZero() && writable(m.Timestamp), "timestamp"},
		{writable(m.ChannelMetadata.EventTime), "channel_metadata.event_time"},
		{utf8.ValidString(m.Content.Text) && utf8.ValidString(m.Sender.DisplayName), "content.text"},
	} {
		if !rule.holds {
			return fmt.Errorf("%w: %s", ErrInvalid, rule.part)
		}
	}
	return nil
}

func (m KonstructMessage) senderHolds() bool {
	if m.Sender.ID == "" {
		return m.Kind == KindDeleted
	}
	return visible(m.Sender.ID, maxWorkspace)
}

// writable holds for the years that RFC 3339 can write.
func writable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}

// visible holds for 1 to limit visible ASCII characters: what can stand in a log line or a header as it is.
func visible(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// plain holds for 1 to 64 of A-Z a-z 0-9 _ and -.
func plain(s string) bool {
	if s == "" || len(s) > maxWorkspace {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
