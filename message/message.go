package message

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/konstruct/konstruct/tenancy"
)

// KonstructMessage is one message, edit or deletion as a channel reported it, without a tenant.
//
// It has two identities. ID names this occurrence: every delivery of it (a retry, or a second kind of event about the
// same posting) has the same ID, and an edit or a deletion has another, so ID is the deduplication key. OriginalID names
// the posting: equal to ID for a new message, and the ID of the new message for its edits and its deletion. Both are
// unique within a workspace, and thereby within a tenant.
type KonstructMessage struct {
	ID         string
	OriginalID string
	Kind       Kind
	// EditReason says why an edit happened. It is empty unless Kind is [KindEdited], or when the channel does not say.
	EditReason EditReason

	ChannelType     ChannelType
	ChannelMetadata ChannelMetadata

	// Sender is who wrote the message. For a deletion it is the author of the deleted message, if known: Slack does not
	// report who deleted it.
	Sender SenderInfo
	// Content is the message after the change; empty for a deletion.
	Content MessageContent
	// Timestamp is when it happened, by the channel's clock, in UTC and with the channel's precision (Slack:
	// microseconds).
	Timestamp time.Time
	// ThreadID is the channel's own id of the thread (Slack: thread_ts), empty outside a thread. It is unique only within
	// its channel; use ConversationKey as a key.
	ThreadID string
	// ReplyTo is the message that this one answers, or nil.
	ReplyTo *ReplyTo
	// ReplyAddress is where an answer goes, for the channel's own sender to read (docs/message.md has the forms). It is
	// empty if the channel offers no way to answer.
	ReplyAddress string
	// Raw is the channel's own event as compact, HTML-escaped JSON, for what has no field here. It is nil for a deletion,
	// whose text its author withdrew, and for events larger than [MaxRaw].
	Raw json.RawMessage
}

// ChannelMetadata says where in the channel a message is, and how it reached us. All ids are the channel's own.
type ChannelMetadata struct {
	// WorkspaceID names the installation that received the message. With the channel type it identifies the tenant.
	WorkspaceID string `json:"workspace_id"`
	// ChannelID names the conversation (Slack: the channel, group or direct message).
	ChannelID string `json:"channel_id"`
	// MessageID names the posting within the conversation (Slack: ts, verbatim). Edits and deletions carry the id of
	// the posting they change.
	MessageID string `json:"message_id"`
	// IsDirect reports that the conversation has no members but the sender and our app.
	IsDirect bool `json:"is_direct"`
	// IsShared reports that the conversation is shared with another organization (Slack Connect).
	IsShared bool `json:"is_shared"`
	// EventID names the delivery and EventType its kind: for tracing and support, not for deduplication.
	EventID   string `json:"event_id,omitempty"`
	EventType string `json:"event_type,omitempty"`
	// EventTime is when the channel created the event, in seconds precision; zero if unknown.
	EventTime time.Time `json:"event_time,omitzero"`
	// EventContext is the channel's opaque handle for questions about the event (Slack: event_context).
	EventContext string `json:"event_context,omitempty"`
	// AppID names our app in the channel.
	AppID string `json:"app_id,omitempty"`
	// TeamID and EnterpriseID are the envelope's, for support. In a shared conversation they may be another
	// organization's: never resolve a tenant by them.
	TeamID              string `json:"team_id,omitempty"`
	EnterpriseID        string `json:"enterprise_id,omitempty"`
	IsEnterpriseInstall bool   `json:"is_enterprise_install"`
}

// SenderInfo says who wrote a message.
type SenderInfo struct {
	// ID is the channel's id of the user, or of the bot if there is no user. It is empty if the channel names neither.
	ID string `json:"id"`
	// StableID is a second id that stays the same when ID may change or be hidden (WhatsApp: the business-scoped user id).
	StableID string `json:"stable_id,omitempty"`
	// DisplayName and Username are what the channel shows, if the event carries them. The sender chooses them: never base
	// a decision on them.
	DisplayName string `json:"display_name,omitempty"`
	Username    string `json:"username,omitempty"`
	// WorkspaceID is the sender's own workspace or organization, which in a shared conversation may be another company's.
	WorkspaceID string `json:"workspace_id,omitempty"`
	// IsBot reports that a program wrote it, and IsSelf that the program is our app as installed in this workspace.
	// Answering either is how loops begin.
	IsBot  bool `json:"is_bot"`
	IsSelf bool `json:"is_self"`
	// IsSystem reports that the channel itself wrote it (Slack: Slackbot). It implies IsBot.
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

// ConversationKey returns the key of the conversation that m belongs to, unique within the tenant. In a thread it is the
// thread; in a direct chat without a thread, the chat; elsewhere m itself, so that a reply finds the conversation its
// root began. An edit or a deletion has the key of its posting, which in a direct chat may have got replies since. It is
// the variable part of rediskey's Session and Engaged keys.
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

// keyPart replaces the dots of a channel id, since dots separate the parts of a key. No channel id contains a "~".
func keyPart(channelID string) string { return strings.ReplaceAll(channelID, ".", "~") }

// Resolve binds m to the tenant that its workspace belongs to. The error is [tenancy.ErrInvalidID] for the zero ID
// and [ErrInvalid] for a message that Validate refuses.
func (m KonstructMessage) Resolve(id tenancy.ID) (ResolvedMessage, error) {
	if id.IsZero() {
		return ResolvedMessage{}, fmt.Errorf("resolve a message: %w", tenancy.ErrInvalidID)
	}
	if err := m.Validate(); err != nil {
		return ResolvedMessage{}, err
	}
	return ResolvedMessage{tenant: id, message: m}, nil
}

// ResolvedMessage is a message with its tenant. It is made by [KonstructMessage.Resolve], or read from JSON that a
// ResolvedMessage wrote. The zero value has no tenant: its TenantID is the zero ID, which everything refuses, and it
// has no JSON.
type ResolvedMessage struct {
	tenant  tenancy.ID
	message KonstructMessage
}

// TenantID returns the tenant.
func (r ResolvedMessage) TenantID() tenancy.ID { return r.tenant }

// Message returns the message. It shares memory with r: do not modify it.
func (r ResolvedMessage) Message() KonstructMessage { return r.message }
