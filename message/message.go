package message

import (
	"fmt"
	"time"

	"github.com/konstruct/konstruct/tenancy"
)

// KonstructMessage is one message, edit or deletion, as a channel reported it, without a tenant.
//
// It has two identities. ID names this very happening: every delivery of it (a retry, or a second kind of event
// about the same posting) has the same ID, and an edit or a deletion has another, so ID is the key to
// deduplicate by. OriginalID names the posting that it is about: equal to ID for a new message, and the ID of the
// new message for its edits and its deletion. Both are unique within a workspace, and thereby within a tenant.
type KonstructMessage struct {
	ID         string
	OriginalID string
	Kind       Kind

	ChannelType     ChannelType
	ChannelMetadata ChannelMetadata

	// Sender is who wrote the message. For a deletion it is the author of what was deleted, where the channel tells
	// (Slack doesn't tell who deleted), and may be empty.
	Sender SenderInfo
	// Content is the text as it stands after the happening; empty for a deletion.
	Content MessageContent
	// Timestamp is when it happened, by the channel's clock, in UTC and with the channel's precision (Slack:
	// microseconds).
	Timestamp time.Time
	// ThreadID is the channel's own id of the thread (Slack: thread_ts), empty outside a thread. It is unique within
	// its conversation only; see ThreadKey for a key.
	ThreadID string
}

// ChannelMetadata says where in the channel a message stands, and how it reached us. All ids are the channel's own.
type ChannelMetadata struct {
	// WorkspaceID names the installation that received the message. With the channel type it is what a tenant is
	// looked up by.
	WorkspaceID string `json:"workspace_id"`
	// ChannelID names the conversation (Slack: the channel, group or direct message).
	ChannelID string `json:"channel_id"`
	// MessageID names the posting within the conversation (Slack: ts, kept to the letter). Edits and deletions
	// carry that of the posting they change.
	MessageID string `json:"message_id"`
	// IsDirect says that nobody but the sender and our app is in the conversation.
	IsDirect bool `json:"is_direct"`
	// IsShared says that the conversation is shared with another organisation (Slack Connect).
	IsShared bool `json:"is_shared"`

	// EventID names the delivery and EventType its kind: for tracing and support, not for deduplication.
	EventID   string `json:"event_id,omitempty"`
	EventType string `json:"event_type,omitempty"`
	// EventTime is when the channel made the event, to the second; zero when it doesn't tell.
	EventTime time.Time `json:"event_time,omitzero"`
	// AppID names our app in the channel.
	AppID string `json:"app_id,omitempty"`
	// TeamID and EnterpriseID are the envelope's, for support. In a shared conversation they may be another
	// organisation's: never look a tenant up by them.
	TeamID              string `json:"team_id,omitempty"`
	EnterpriseID        string `json:"enterprise_id,omitempty"`
	IsEnterpriseInstall bool   `json:"is_enterprise_install"`
}

// SenderInfo says who wrote a message.
type SenderInfo struct {
	// ID is the channel's id of the user, or of the bot where there is no user.
	ID string `json:"id"`
	// DisplayName is what the channel shows, where the event carries it. It is chosen by the sender: never a basis for
	// a decision.
	DisplayName string `json:"display_name,omitempty"`
	// WorkspaceID is the sender's own workspace or organisation, which in a shared conversation is not always ours.
	WorkspaceID string `json:"workspace_id,omitempty"`
	// IsBot says that a program wrote it; IsSelf, that this program was ours. Answering either is how loops begin.
	IsBot  bool `json:"is_bot"`
	IsSelf bool `json:"is_self"`
}

// MessageContent is what was said.
type MessageContent struct {
	// Text is in the channel's own markup (Slack: mrkdwn with its escapes), valid UTF-8, possibly empty.
	Text string `json:"text"`
	// Mentions lists each user mentioned in Text once, in the order of appearance.
	Mentions []Mention `json:"mentions"`
	// MentionsSelf says that our app is addressed.
	MentionsSelf bool `json:"mentions_self"`
	// Attachments lists the files.
	Attachments []Attachment `json:"attachments"`
}

// Mention is one user addressed in a text.
type Mention struct {
	ID     string `json:"id"`
	IsSelf bool   `json:"is_self"`
}

// Attachment is one file, by reference. Reading URL takes the channel's token.
type Attachment struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	MediaType string `json:"media_type,omitempty"`
	Size      int64  `json:"size,omitempty"` // bytes; 0 when the channel doesn't tell
	URL       string `json:"url,omitempty"`
}

// ThreadKey returns the key of the thread that m belongs to, unique within the tenant: the thread's root for a
// reply, m itself for a message that no thread hangs on yet, so that a reply finds what its root began. It is the
// variable part for rediskey's Session and Engaged.
func (m KonstructMessage) ThreadKey() string {
	root := m.ThreadID
	if root == "" {
		root = m.ChannelMetadata.MessageID
	}
	// Workspace and channel ids contain no dot (Validate), so two threads can't share a key.
	return fmt.Sprintf("%s.%s.%s.%s", m.ChannelType, m.ChannelMetadata.WorkspaceID, m.ChannelMetadata.ChannelID, root)
}

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

// ResolvedMessage is a message with the tenant that it belongs to. It is made by [KonstructMessage.Resolve], or read
// from JSON that a ResolvedMessage wrote. The zero value belongs to nobody: its TenantID is the zero ID, which
// everything refuses, and it has no JSON.
type ResolvedMessage struct {
	tenant  tenancy.ID
	message KonstructMessage
}

// TenantID returns the tenant.
func (r ResolvedMessage) TenantID() tenancy.ID { return r.tenant }

// Message returns the message. What it refers to is shared, not copied: don't change it.
func (r ResolvedMessage) Message() KonstructMessage { return r.message }
