package message

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of a message's content. A normalizer cuts at them and sets [MessageContent.Truncated]; Validate refuses
// more.
const (
	MaxText        = 1 << 20 // bytes of Text, of PlainText, and of all parts' texts together
	MaxParts       = 1000    // parts, nested ones included
	MaxPartDepth   = 8       // parts within parts
	MaxMentions    = 4096    // in the message, and in each part
	MaxAttachments = 1000
	MaxRaw         = 1 << 20 // bytes of Raw, escaped
)

// Limits of ids, in bytes.
const (
	maxID         = 320 // ID and OriginalID: composed of the others
	maxPlain      = 64  // workspace, channel, sender
	maxChannelRef = 128 // message, thread and event ids: opaque to us
	maxAddress    = 512 // ReplyAddress and EventContext
)

// Validate returns [ErrInvalid], naming the part, if m breaks a rule that others rely on. Of texts it checks that they are
// UTF-8 without NUL, which PostgreSQL cannot store, and within the limits.
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
		{m.EditReason == "" || m.Kind == KindEdited && visible(string(m.EditReason), maxPlain), "edit_reason"},
		{plain(m.ChannelMetadata.WorkspaceID, ""), "channel_metadata.workspace_id"},
		{plain(m.ChannelMetadata.ChannelID, "."), "channel_metadata.channel_id"},
		{visible(m.ChannelMetadata.MessageID, maxChannelRef), "channel_metadata.message_id"},
		{optional(m.ChannelMetadata.EventID, maxChannelRef), "channel_metadata.event_id"},
		{optional(m.ChannelMetadata.EventContext, maxAddress), "channel_metadata.event_context"},
		{optional(m.ThreadID, maxChannelRef), "thread_id"},
		{optional(m.ReplyAddress, maxAddress), "reply_address"},
		{m.ReplyTo == nil || visible(m.ReplyTo.MessageID, maxChannelRef) && optional(m.ReplyTo.SenderID, maxPlain), "reply_to"},
		{m.senderHolds(), "sender.id"},
		{storable(m.Sender.DisplayName, m.Sender.Username), "sender.display_name"},
		{storable(m.Sender.WorkspaceID), "sender.workspace_id"},
		{m.ChannelMetadata.storable(), "channel_metadata"},
		{!m.Timestamp.IsZero() && writable(m.Timestamp), "timestamp"},
		{writable(m.ChannelMetadata.EventTime), "channel_metadata.event_time"},
		{len(m.Raw) <= MaxRaw && utf8.Valid(m.Raw), "raw"},
	} {
		if !rule.holds {
			return fmt.Errorf("%w: %s", ErrInvalid, rule.part)
		}
	}
	return m.Content.validate()
}

// senderHolds allows no id for a deletion and for a program, which the channel may not name. A person without an id
// could not be told from another.
func (m KonstructMessage) senderHolds() bool {
	if m.Sender.ID == "" {
		return m.Kind == KindDeleted || m.Sender.IsBot
	}
	return visible(m.Sender.ID, maxPlain) && optional(m.Sender.StableID, maxPlain)
}

func (c MessageContent) validate() error {
	parts := partTally{}
	parts.add(c.Parts, 1)
	for _, rule := range [...]struct {
		holds bool
		part  string
	}{
		{text(c.Text), "content.text"},
		{text(c.PlainText), "content.plain_text"},
		{text(c.ActionValue), "content.action_value"},
		{mentionsHold(c.Mentions), "content.mentions"},
		{attachmentsHold(c.Attachments), "content.attachments"},
		{!parts.broken && parts.count <= MaxParts && parts.bytes <= MaxText, "content.parts"},
	} {
		if !rule.holds {
			return fmt.Errorf("%w: %s", ErrInvalid, rule.part)
		}
	}
	return nil
}

// partTally adds up what parts hold, and stops at the first that breaks a rule.
type partTally struct {
	count, bytes int
	broken       bool
}

func (t *partTally) add(parts []Part, depth int) {
	if len(parts) > 0 && depth > MaxPartDepth {
		t.broken = true
	}
	for _, p := range parts {
		if t.broken = t.broken || !p.holds(); t.broken {
			return
		}
		t.count++
		t.bytes += len(p.Text)
		t.add(p.Parts, depth+1)
	}
}

func (p Part) holds() bool {
	return visible(string(p.Kind), maxPlain) && text(p.Text) && storable(p.Link) &&
		optional(p.ChannelID, maxPlain) && optional(p.MessageID, maxChannelRef) && writable(p.Timestamp) &&
		mentionsHold(p.Mentions) && len(p.AttachmentIDs) <= MaxAttachments &&
		(p.Author == nil || optional(p.Author.ID, maxPlain) &&
			storable(p.Author.StableID, p.Author.DisplayName, p.Author.Username, p.Author.WorkspaceID))
}

func mentionsHold(mentions []Mention) bool {
	for _, m := range mentions {
		if !visible(m.ID, maxPlain) || !optional(string(m.Kind), maxPlain) {
			return false
		}
	}
	return len(mentions) <= MaxMentions
}

func attachmentsHold(attachments []Attachment) bool {
	for _, a := range attachments {
		if !visible(a.ID, maxChannelRef) || a.Size < 0 || !optional(string(a.State), maxPlain) ||
			!storable(a.Name, a.MediaType, a.URL, a.SHA256) || !text(a.Text) {
			return false
		}
	}
	return len(attachments) <= MaxAttachments
}

func text(s string) bool { return len(s) <= MaxText && storable(s) }

func (c ChannelMetadata) storable() bool {
	return storable(c.EventType, c.AppID, c.TeamID, c.EnterpriseID)
}

func storable(texts ...string) bool {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}

// writable holds for the years that RFC 3339 can write.
func writable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}

func optional(s string, limit int) bool { return s == "" || visible(s, limit) }

// visible holds for 1 to limit visible ASCII characters: what can be written to a log line or a header as it is.
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

// plain holds for 1 to 64 of A-Z a-z 0-9 _ and -, and of the bytes in also.
func plain(s, also string) bool {
	if s == "" || len(s) > maxPlain {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '_' && c != '-' &&
			(also == "" || c != also[0]) {
			return false
		}
	}
	return true
}
