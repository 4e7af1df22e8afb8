package message

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a message's content. Normalizers cut at them and set [MessageContent.Truncated]; Validate rejects more.
const (
	MaxText        = 1 << 20 // bytes of Text, of PlainText, and of all parts together
	MaxParts       = 1000    // parts, nested ones included
	MaxPartDepth   = 8       // parts within parts
	MaxMentions    = 4096    // in the message and in each part
	MaxAttachments = 1000
	MaxRaw         = 1 << 20 // bytes of Raw, escaped
)

// Limits of ids, in bytes.
const (
	maxID         = 320 // ID and OriginalID, composed of the others
	maxPlain      = 64  // workspace, channel, sender
	maxChannelRef = 128 // message, thread and event ids
	maxAddress    = 512 // ReplyAddress and EventContext
)

// Validate returns [ErrInvalid] with the first invalid field. Texts must be within the limits, and UTF-8 without NUL,
// which PostgreSQL cannot store.
func (m KonstructMessage) Validate() error {
	for _, rule := range [...]struct {
		valid bool
		field string
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
		{
			m.ReplyTo == nil || visible(m.ReplyTo.MessageID, maxChannelRef) && optional(m.ReplyTo.SenderID, maxPlain),
			"reply_to",
		},
		{m.validSender(), "sender.id"},
		{storable(m.Sender.DisplayName, m.Sender.Username), "sender.display_name"},
		{storable(m.Sender.WorkspaceID), "sender.workspace_id"},
		{m.ChannelMetadata.storable(), "channel_metadata"},
		{!m.Timestamp.IsZero() && writable(m.Timestamp), "timestamp"},
		{writable(m.ChannelMetadata.EventTime), "channel_metadata.event_time"},
		{len(m.Raw) <= MaxRaw && utf8.Valid(m.Raw), "raw"},
	} {
		if !rule.valid {
			return fmt.Errorf("%w: %s", ErrInvalid, rule.field)
		}
	}
	return m.Content.validate()
}

// validSender requires a person's id. The channel may omit a program's, and the author of a deleted message.
func (m KonstructMessage) validSender() bool {
	if m.Sender.ID == "" {
		return m.Kind == KindDeleted || m.Sender.IsBot
	}
	return visible(m.Sender.ID, maxPlain) && optional(m.Sender.StableID, maxPlain)
}

func (c MessageContent) validate() error {
	parts := partCounter{}
	parts.add(c.Parts, 1)
	for _, rule := range [...]struct {
		valid bool
		field string
	}{
		{text(c.Text), "content.text"},
		{text(c.PlainText), "content.plain_text"},
		{text(c.ActionValue), "content.action_value"},
		{validMentions(c.Mentions), "content.mentions"},
		{validAttachments(c.Attachments), "content.attachments"},
		{!parts.invalid && parts.count <= MaxParts && parts.bytes <= MaxText, "content.parts"},
	} {
		if !rule.valid {
			return fmt.Errorf("%w: %s", ErrInvalid, rule.field)
		}
	}
	return nil
}

// partCounter adds up parts until the first invalid one.
type partCounter struct {
	count, bytes int
	invalid      bool
}

func (c *partCounter) add(parts []Part, depth int) {
	if len(parts) > 0 && depth > MaxPartDepth {
		c.invalid = true
	}
	for _, p := range parts {
		if c.invalid = c.invalid || !p.valid(); c.invalid {
			return
		}
		c.count++
		c.bytes += len(p.Text)
		c.add(p.Parts, depth+1)
	}
}

func (p Part) valid() bool {
	return visible(string(p.Kind), maxPlain) && text(p.Text) && storable(p.Link) &&
		optional(p.ChannelID, maxPlain) && optional(p.MessageID, maxChannelRef) && writable(p.Timestamp) &&
		validMentions(p.Mentions) && len(p.AttachmentIDs) <= MaxAttachments &&
		(p.Author == nil || optional(p.Author.ID, maxPlain) &&
			storable(p.Author.StableID, p.Author.DisplayName, p.Author.Username, p.Author.WorkspaceID))
}

func validMentions(mentions []Mention) bool {
	for _, m := range mentions {
		if !visible(m.ID, maxPlain) || !optional(string(m.Kind), maxPlain) {
			return false
		}
	}
	return len(mentions) <= MaxMentions
}

func validAttachments(attachments []Attachment) bool {
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

// writable reports whether RFC 3339 can write t.
func writable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}

func optional(s string, limit int) bool { return s == "" || visible(s, limit) }

// visible reports whether s is 1 to limit visible ASCII characters, which are safe in log lines and headers.
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

// plain reports whether s is 1 to 64 of A-Z a-z 0-9 _ - and also.
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
