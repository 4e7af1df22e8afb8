package message

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/konstruct/konstruct/tenancy"
)

// KonstructMessage is a new message, an edit or a deletion, without a tenant.
//
// ID is the deduplication key: it is the same for every delivery (a retry, or a second kind of event about the same
// message), and differs for each edit and the deletion. OriginalID is the ID of the new message, also in its edits and
// its deletion. Both are unique within a workspace, and thereby within a tenant.
type KonstructMessage struct {
	ID         string `json:"id"`
	OriginalID string `json:"original_id"`
	Kind       Kind   `json:"kind"`
	// EditReason is empty unless Kind is [KindEdited], or if unknown.
	EditReason EditReason `json:"edit_reason,omitempty"`

	ChannelType     ChannelType     `json:"channel_type"`
	ChannelMetadata ChannelMetadata `json:"channel_metadata"`

	// Sender is the author; for a deletion, the deleted message's author, if known.
	Sender SenderInfo `json:"sender"`
	// Content is the content after an edit; empty for a deletion.
	Content MessageContent `json:"content"`
	// Timestamp is when it happened, by the channel's clock and in its precision (Slack: microseconds), in UTC.
	Timestamp time.Time `json:"timestamp"`
	// ThreadID is the channel's id of the thread (Slack: thread_ts), empty outside a thread. It is unique only within
	// its conversation: use ConversationKey as a key.
	ThreadID string `json:"thread_id"`
	// ReplyTo is the message that this one answers. It may be nil.
	ReplyTo *ReplyTo `json:"reply_to,omitempty"`
	// ReplyAddress is where the channel's client sends an answer (docs/message.md has the forms). It is empty if the
	// channel cannot be answered.
	ReplyAddress string `json:"reply_address,omitempty"`
	// Raw is the channel's event as compact, HTML-escaped JSON. It is nil for a deletion, whose text was withdrawn, and
	// for events larger than [MaxRaw].
	Raw json.RawMessage `json:"raw,omitempty"`
}

// ChannelMetadata is where a message is, and how it was delivered. All ids are the channel's.
type ChannelMetadata struct {
	// WorkspaceID is the installation that received the message. With the channel type it identifies the tenant.
	WorkspaceID string `json:"workspace_id"`
	// ChannelID is the conversation (Slack: the channel, group or direct message).
	ChannelID string `json:"channel_id"`
	// MessageID is the message within the conversation (Slack: ts, verbatim), also for its edits and deletion.
	MessageID string `json:"message_id"`
	// IsDirect reports that the conversation has no members but the sender and our app.
	IsDirect bool `json:"is_direct"`
	// IsShared reports that the conversation is shared with another organization (Slack Connect).
	IsShared bool `json:"is_shared"`
	// EventID and EventType describe the delivery: for tracing, not for deduplication.
	EventID   string `json:"event_id,omitempty"`
	EventType string `json:"event_type,omitempty"`
	// EventTime is when the channel created the event, in seconds precision; zero if unknown.
	EventTime time.Time `json:"event_time,omitzero"`
	// EventContext is the channel's opaque handle for the event (Slack: event_context).
	EventContext string `json:"event_context,omitempty"`
	// AppID is our app in the channel.
	AppID string `json:"app_id,omitempty"`
	// TeamID and EnterpriseID are the envelope's, for support. In a shared conversation they may be another company's:
	// never resolve a tenant by them.
	TeamID              string `json:"team_id,omitempty"`
	EnterpriseID        string `json:"enterprise_id,omitempty"`
	IsEnterpriseInstall bool   `json:"is_enterprise_install"`
}

// SenderInfo is the author of a message.
type SenderInfo struct {
	// ID is the channel's id of the user, or of the bot if there is no user. It is empty if unknown.
	ID string `json:"id"`
	// StableID stays the same when ID may change or be hidden (WhatsApp: the business-scoped user id).
	StableID string `json:"stable_id,omitempty"`
	// DisplayName and Username are chosen by the sender: never base a decision on them. They are empty if not in the
	// event.
	DisplayName string `json:"display_name,omitempty"`
	Username    string `json:"username,omitempty"`
	// WorkspaceID is the sender's workspace or organization. In a shared conversation it may be another company's.
	WorkspaceID string `json:"workspace_id,omitempty"`
	// IsBot reports that a program wrote it, and IsSelf that it is our app in this workspace. Answering either can
	// cause a loop.
	IsBot  bool `json:"is_bot"`
	IsSelf bool `json:"is_self"`
	// IsSystem reports that the channel wrote it (Slack: Slackbot). It implies IsBot.
	IsSystem bool `json:"is_system,omitempty"`
	// IsExternal reports that the sender belongs to another company than the workspace.
	IsExternal bool `json:"is_external,omitempty"`
}

// ReplyTo is the message that another one answers.
type ReplyTo struct {
	MessageID string `json:"message_id"`
	SenderID  string `json:"sender_id,omitempty"`
	// IsSelf reports that our app wrote it.
	IsSelf bool `json:"is_self"`
}

// ConversationKey returns the key of m's conversation, unique within the tenant: the thread; in a direct chat without a
// thread, the chat; elsewhere m itself, so that replies share the key of their root. An edit or a deletion has the key
// of its message. It is the variable part of rediskey's Session and Engaged keys.
func (m KonstructMessage) ConversationKey() string {
	chat := fmt.Sprintf("%s.%s.%s", m.ChannelType, m.ChannelMetadata.WorkspaceID, keyPart(m.ChannelMetadata.ChannelID))
	switch {
	case m.ThreadID != "" && m.ThreadID != m.ChannelMetadata.MessageID: // a reply
		return chat + "." + m.ThreadID
	case m.ChannelMetadata.IsDirect:
		return chat
	default:
		return chat + "." + m.ChannelMetadata.MessageID
	}
}

// keyPart replaces the dots of a channel id, which separate the parts of a key. No channel id contains "~".
func keyPart(channelID string) string { return strings.ReplaceAll(channelID, ".", "~") }

// Resolve binds m to its workspace's tenant. The error is [tenancy.ErrInvalidID] for the zero ID, or Validate's.
func (m KonstructMessage) Resolve(id tenancy.ID) (ResolvedMessage, error) {
	if id.IsZero() {
		return ResolvedMessage{}, fmt.Errorf("message: resolve: %w", tenancy.ErrInvalidID)
	}
	if err := m.Validate(); err != nil {
		return ResolvedMessage{}, err
	}
	return ResolvedMessage{tenant: id, message: m}, nil
}

// ResolvedMessage is a message with its tenant, returned by [KonstructMessage.Resolve] or read from a ResolvedMessage's
// JSON. The zero value has the zero tenant ID, which is invalid everywhere, and cannot be marshaled.
type ResolvedMessage struct {
	tenant  tenancy.ID
	message KonstructMessage
}

// TenantID returns the tenant.
func (r ResolvedMessage) TenantID() tenancy.ID { return r.tenant }

// Message returns the message. It shares memory with r: do not modify it.
func (r ResolvedMessage) Message() KonstructMessage { return r.message }
