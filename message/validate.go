package message

import (
	"fmt"
	"slices"
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
	place, parts := m.ChannelMetadata, partCounter{}
	parts.add(m.Content.Parts, 1)
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
		{plain(place.WorkspaceID, ""), "channel_metadata.workspace_id"},
		{plain(place.ChannelID, "."), "channel_metadata.channel_id"},
		{visible(place.MessageID, maxChannelRef), "channel_metadata.message_id"},
		{optional(place.EventID, maxChannelRef), "channel_metadata.event_id"},
		{optional(place.EventContext, maxAddress), "channel_metadata.event_context"},
		{optional(m.ThreadID, maxChannelRef), "thread_id"},
		{optional(m.ReplyAddress, maxAddress), "reply_address"},
		{
			m.ReplyTo == nil || visible(m.ReplyTo.MessageID, maxChannelRef) && optional(m.ReplyTo.SenderID, maxPlain),
			"reply_to",
		},
		{m.validSender(), "sender.id"},
		{storable(m.Sender.DisplayName, m.Sender.Username), "sender.display_name"},
		{storable(m.Sender.WorkspaceID), "sender.workspace_id"},
		{storable(place.EventType, place.AppID, place.TeamID, place.EnterpriseID), "channel_metadata"},
		{!m.Timestamp.IsZero() && writable(m.Timestamp), "timestamp"},
		{writable(place.EventTime), "channel_metadata.event_time"},
		{len(m.Raw) <= MaxRaw && utf8.Valid(m.Raw), "raw"},
		{text(m.Content.Text), "content.text"},
		{text(m.Content.PlainText), "content.plain_text"},
		{text(m.Content.ActionValue), "content.action_value"},
		{validMentions(m.Content.Mentions), "content.mentions"},
		{validAttachments(m.Content.Attachments), "content.attachments"},
		{!parts.invalid && parts.count <= MaxParts && parts.bytes <= MaxText, "content.parts"},
	} {
		if !rule.valid {
			return fmt.Errorf("%w: %s", ErrInvalid, rule.field)
		}
	}
	return nil
}

// validSender requires a person's id. The channel may omit a program's, and the author of a deleted message.
func (m KonstructMessage) validSender() bool {
	if m.Sender.ID == "" {
		return m.Kind == KindDeleted || m.Sender.IsBot
	}
	return visible(m.Sender.ID, maxPlain) && optional(m.Sender.StableID, maxPlain)
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
	return len(mentions) <= MaxMentions && !slices.ContainsFunc(mentions, func(m Mention) bool {
		return !visible(m.ID, maxPlain) || !optional(string(m.Kind), maxPlain)
	})
}

func validAttachments(attachments []Attachment) bool {
	return len(attachments) <= MaxAttachments && !slices.ContainsFunc(attachments, func(a Attachment) bool {
		return !visible(a.ID, maxChannelRef) || a.Size < 0 || !optional(string(a.State), maxPlain) ||
			!storable(a.Name, a.MediaType, a.URL, a.SHA256) || !text(a.Text)
	})
}

func text(s string) bool { return len(s) <= MaxText && storable(s) }

func storable(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool {
		return !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0
	})
}

// writable reports whether RFC 3339 can write t.
func writable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}

func optional(s string, limit int) bool { return s == "" || visible(s, limit) }

// visible reports whether s is 1 to limit visible ASCII characters, which are safe in log lines and headers.
func visible(s string, limit int) bool {
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, invisible)
}

// plain reports whether s is 1 to 64 of A-Z a-z 0-9 _ - and also.
func plain(s, also string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return s != "" && len(s) <= maxPlain && strings.Trim(s, letters+"0123456789_-"+also) == ""
}
