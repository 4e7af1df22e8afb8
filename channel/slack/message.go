package slack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"github.com/konstruct/konstruct/message"
)

// tombstone is the subtype that a deleted message with replies is changed to.
const tombstone = "tombstone"

// messageEvent is an inner event of type message or app_mention.
type messageEvent struct {
	posting // the event's own

	kind        string // the event's type
	channel     string
	channelType string
	eventTS     timestamp
	after       posting
	before      posting
	deletedTS   timestamp
}

// occurrence is what all of Slack's forms of a messageEvent are reduced to.
type occurrence struct {
	kind     message.Kind
	reason   message.EditReason
	posting  posting // before a deletion, after anything else
	ts       timestamp
	threadTS timestamp
	revision string // distinguishes edits
	at       time.Time
}

func (e envelope) message(kind string) (Event, error) {
	// Slack's notices are ignored without reading the rest.
	subtype := label(e.event.Get("subtype"))
	ignored := Ignored{Type: kind, Subtype: subtype, EventID: e.eventID}
	if !isMessage(subtype) && subtype != slackapi.MsgSubTypeMessageChanged &&
		subtype != slackapi.MsgSubTypeMessageDeleted {
		return ignored, nil
	}
	event := e.readMessage(kind)
	o, ok := event.occurrence()
	if !ok {
		return ignored, nil
	}
	m, err := e.compose(event, o)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return Message{m}, nil
}

func (e envelope) readMessage(kind string) messageEvent {
	m := messageEvent{kind: kind}
	for key, v := range e.event.All() {
		switch key.Str {
		case "channel":
			m.channel = identifier(v)
		case "channel_type":
			m.channelType = text(v)
		case "event_ts":
			m.eventTS = readTS(v)
		case "message":
			m.after = readPosting(v)
		case "previous_message":
			m.before = readPosting(v)
		case "deleted_ts":
			m.deletedTS = readTS(v)
		default:
			readPostingField(&m.posting, key.Str, v)
		}
	}
	return m
}

// occurrence returns false for notices that no person or program wrote, such as "joined the channel".
func (m messageEvent) occurrence() (occurrence, bool) {
	switch {
	case m.subtype == slackapi.MsgSubTypeMessageDeleted:
		return m.deletion(cmp.Or(m.deletedTS, m.before.ts)), isMessage(m.before.subtype)
	case m.subtype != slackapi.MsgSubTypeMessageChanged:
		return m.posted(), true
	case m.after.subtype == tombstone:
		return m.deletion(cmp.Or(m.after.ts, m.before.ts)), isMessage(m.before.subtype)
	default:
		return m.edit(), isMessage(m.after.subtype)
	}
}

// posted returns the occurrence of a posting in the event itself. An app_mention also reports an edit that added the
// mention this way.
func (m messageEvent) posted() occurrence {
	ts := cmp.Or(m.ts, m.eventTS)
	o := occurrence{kind: message.KindNew, posting: m.posting, ts: ts, threadTS: m.threadTS, at: ts.at}
	if m.edited.id != "" {
		o.kind, o.reason, o.revision = message.KindEdited, editor(m.posting), m.edited.id
		o.at = m.editedAt(m.edited, ts)
	}
	return o
}

// edit returns the occurrence of a changed posting. All events about an author's edit share edited.ts. If edited.ts is
// unchanged, Slack changed something, such as a link preview, and only event_ts is new.
func (m messageEvent) edit() occurrence {
	revision := m.after.edited
	if revision.id == "" || revision.id == m.before.edited.id {
		revision = cmp.Or(m.eventTS, m.ts)
	}
	ts := cmp.Or(m.after.ts, m.before.ts)
	return occurrence{
		kind: message.KindEdited, reason: m.editReason(), posting: m.after, revision: revision.id,
		ts: ts, threadTS: cmp.Or(m.after.threadTS, m.before.threadTS), at: m.editedAt(revision, ts),
	}
}

// editedAt returns the time of an edit. Slack truncates edited.ts to seconds, which can be before the posting.
func (m messageEvent) editedAt(revision, posted timestamp) time.Time {
	if !revision.at.Before(posted.at) {
		return revision.at
	}
	if at := cmp.Or(m.eventTS, m.ts).at; at.After(posted.at) {
		return at
	}
	return posted.at
}

// deletion keeps sender and place but no content, which the author withdrew.
func (m messageEvent) deletion(ts timestamp) occurrence {
	return occurrence{
		kind: message.KindDeleted, posting: m.before, ts: ts, threadTS: cmp.Or(m.before.threadTS, m.threadTS),
		at: cmp.Or(m.eventTS, m.ts).at,
	}
}

func (m messageEvent) editReason() message.EditReason {
	switch {
	case m.after.edited.id != "" && (m.after.edited.id != m.before.edited.id || m.after.text != m.before.text):
		// edited.ts has whole seconds, so two edits may share it.
		return editor(m.after)
	case m.after.pins != m.before.pins:
		return message.EditPin
	case m.before.found && m.after.byProgram() &&
		(m.after.text != m.before.text || m.after.blocks.Raw != m.before.blocks.Raw):
		return message.EditByProgram // chat.update sets edited only if the text changed
	case m.after.attachments.Raw != m.before.attachments.Raw, strings.Contains(m.after.text, "<http"):
		return message.EditPreview // or replaced the preview
	default:
		return message.EditByChannel
	}
}

func editor(p posting) message.EditReason {
	if p.byProgram() {
		return message.EditByProgram
	}
	return message.EditByPerson
}

// isMessage reports whether a subtype is a person's or program's message. It is an allowlist: other subtypes, including
// those that Slack may add, are notices.
func isMessage(subtype string) bool {
	switch subtype {
	case "", slackapi.MsgSubTypeFileShare, slackapi.MsgSubTypeThreadBroadcast, slackapi.MsgSubTypeBotMessage,
		slackapi.MsgSubTypeMeMessage:
		return true
	}
	return false
}

func (e envelope) compose(event messageEvent, o occurrence) (message.KonstructMessage, error) {
	workspace, err := e.workspace()
	if err != nil {
		return message.KonstructMessage{}, err
	}
	if o.revision == "" {
		o.revision = e.eventID // the same in every delivery
	}
	switch {
	case event.subtype == slackapi.MsgSubTypeMessageChanged && o.kind == message.KindEdited && !o.posting.found:
		return message.KonstructMessage{}, malformed("event.message") // the edit would otherwise become an empty text
	case o.ts.id == "":
		return message.KonstructMessage{}, malformed("event.ts")
	case o.kind == message.KindEdited && o.revision == "":
		return message.KonstructMessage{}, malformed("event.event_ts")
	case event.channel == "":
		return message.KonstructMessage{}, malformed("event.channel")
	}
	if o.at.IsZero() { // a deletion without event_ts
		o.at = e.eventTime
	}
	if o.at.IsZero() {
		o.at = o.ts.at
	}
	original := string(message.Slack) + "." + workspace + "." + event.channel + "." + o.ts.id
	m := message.KonstructMessage{
		ID:              original + o.suffix(),
		OriginalID:      original,
		Kind:            o.kind,
		EditReason:      o.reason,
		ChannelType:     message.Slack,
		ChannelMetadata: e.metadata(workspace, event, o),
		Sender:          e.sender(o.posting),
		Content:         message.MessageContent{Mentions: []message.Mention{}, Attachments: []message.Attachment{}},
		Timestamp:       o.at,
		ThreadID:        o.threadTS.id,
		ReplyTo:         e.replyTo(o),
		ReplyAddress:    replyAddress(event, o, e.direct(event)),
	}
	switch {
	case o.kind != message.KindDeleted:
		m.Content = e.content(event, o.posting)
		if len(e.event.Raw) <= message.MaxRaw {
			m.Raw = json.RawMessage(e.event.Raw)
		}
	case m.Sender.ID == "":
		m.Sender = message.SenderInfo{} // unknown, not a program: Slack omitted the deleted message
	}
	return m, nil
}

func (e envelope) metadata(workspace string, event messageEvent, o occurrence) message.ChannelMetadata {
	return message.ChannelMetadata{
		WorkspaceID:         workspace,
		ChannelID:           event.channel,
		MessageID:           o.ts.id,
		IsDirect:            e.direct(event),
		IsShared:            e.shared,
		EventID:             e.eventID,
		EventType:           event.kind,
		EventTime:           e.eventTime,
		EventContext:        e.eventContext,
		AppID:               e.appID,
		TeamID:              e.teamID,
		EnterpriseID:        e.enterpriseID,
		IsEnterpriseInstall: e.installation().enterpriseInstall == yes,
	}
}

// direct reports whether the channel is a chat of one person with our app. Events for a person's token are about that
// person's own chats, without our app. An app_mention and some older events lack channel_type.
func (e envelope) direct(event messageEvent) bool {
	if e.authorization.bot == no {
		return false
	}
	switch event.channelType {
	case "im", "app_home":
		return true
	case "":
		return strings.HasPrefix(event.channel, "D")
	}
	return false
}

// replyTo returns the root of the posting's thread, or nil.
func (e envelope) replyTo(o occurrence) *message.ReplyTo {
	if o.threadTS.id == "" || o.threadTS.id == o.ts.id {
		return nil
	}
	root := readPosting(o.posting.root)
	if root.user == "" {
		root.user = o.posting.parentUser
	}
	return &message.ReplyTo{
		MessageID: o.threadTS.id, SenderID: cmp.Or(root.user, root.botID), IsSelf: e.isSelf(root),
	}
}

// replyAddress returns "<channel>/<ts of the thread's root>", or "<channel>" for a posting in a direct chat that is not
// a reply, even if it has replies.
func replyAddress(event messageEvent, o occurrence, direct bool) string {
	switch {
	case o.threadTS.id != "" && o.threadTS.id != o.ts.id: // a reply
		return event.channel + "/" + o.threadTS.id
	case direct:
		return event.channel
	default:
		return event.channel + "/" + o.ts.id
	}
}

func (o occurrence) suffix() string {
	switch o.kind {
	case message.KindEdited:
		return ".edited." + o.revision
	case message.KindDeleted:
		return ".deleted"
	case message.KindNew:
	}
	return ""
}
