package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"github.com/konstruct/konstruct/message"
)

// tombstone is what a deleted message is changed into if it has replies.
const tombstone = "tombstone"

// messageEvent is an inner event of the type message or app_mention.
type messageEvent struct {
	posting // of the event itself

	kind        string // the event's type
	channel     string
	channelType string
	eventTS     timestamp
	after       posting
	before      posting
	deletedTS   timestamp
}

// occurrence is a messageEvent, whichever of Slack's forms it came in.
type occurrence struct {
	kind     message.Kind
	reason   message.EditReason
	posting  posting // as it is now; as it was, for a deletion
	ts       timestamp
	threadTS timestamp
	revision string // for an edit: what tells it from other edits
	at       time.Time
}

func (e envelope) message(kind string) (Event, error) {
	// A notice of Slack's is ignored before anything in it is read.
	subtype := label(e.event.Get("subtype"))
	ignored := Ignored{Type: kind, Subtype: subtype, EventID: e.eventID}
	if !said(subtype) && subtype != slackapi.MsgSubTypeMessageChanged && subtype != slackapi.MsgSubTypeMessageDeleted {
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

// occurrence brings the event's form to one; false for what neither a person nor a program said, such as "joined the
// channel".
func (m messageEvent) occurrence() (occurrence, bool) {
	switch {
	case m.subtype == slackapi.MsgSubTypeMessageDeleted:
		return m.deletion(firstTS(m.deletedTS, m.before.ts)), said(m.before.subtype)
	case m.subtype != slackapi.MsgSubTypeMessageChanged:
		return m.direct(), true
	case m.after.subtype == tombstone:
		return m.deletion(firstTS(m.after.ts, m.before.ts)), said(m.before.subtype)
	default:
		return m.edit(), said(m.after.subtype)
	}
}

// direct is a posting that the event itself carries. An app_mention also reports an edit this way, if the edit added
// the mention.
func (m messageEvent) direct() occurrence {
	ts := firstTS(m.ts, m.eventTS)
	o := occurrence{kind: message.KindNew, posting: m.posting, ts: ts, threadTS: m.threadTS, at: ts.at}
	if m.edited.id != "" {
		o.kind, o.reason, o.revision = message.KindEdited, m.editor(m.posting), m.edited.id
		o.at = m.editedAt(m.edited, ts)
	}
	return o
}

// edit is a posting that changed. An author's edit is named by edited.ts, which every event about it shares. If that is
// as before, Slack itself changed something, such as a link's preview, and only event_ts is new.
func (m messageEvent) edit() occurrence {
	revision := m.after.edited
	if revision.id == "" || revision.id == m.before.edited.id {
		revision = firstTS(m.eventTS, m.ts)
	}
	ts := firstTS(m.after.ts, m.before.ts)
	return occurrence{
		kind: message.KindEdited, reason: m.editReason(), posting: m.after, revision: revision.id,
		ts: ts, threadTS: firstTS(m.after.threadTS, m.before.threadTS), at: m.editedAt(revision, ts),
	}
}

// editedAt is when an edit happened. Slack cuts edited.ts to whole seconds, which can be before the posting.
func (m messageEvent) editedAt(revision, posted timestamp) time.Time {
	if !revision.at.Before(posted.at) {
		return revision.at
	}
	if at := firstTS(m.eventTS, m.ts).at; at.After(posted.at) {
		return at
	}
	return posted.at
}

// deletion keeps who and where, and drops what was said: its author withdrew it.
func (m messageEvent) deletion(ts timestamp) occurrence {
	return occurrence{
		kind: message.KindDeleted, posting: m.before, ts: ts, threadTS: firstTS(m.before.threadTS, m.threadTS),
		at: firstTS(m.eventTS, m.ts).at,
	}
}

// editReason says who changed the posting, and what.
func (m messageEvent) editReason() message.EditReason {
	switch {
	case m.after.edited.id != "" && (m.after.edited.id != m.before.edited.id || m.after.text != m.before.text):
		// edited.ts has whole seconds, so a second edit may have the first one's.
		return m.editor(m.after)
	case m.after.pins != m.before.pins:
		return message.EditPin
	case m.before.found && m.after.byProgram() && (m.after.text != m.before.text || m.after.blocks.Raw != m.before.blocks.Raw):
		return message.EditByProgram // chat.update marks only a changed text as edited
	case m.after.attachments.Raw != m.before.attachments.Raw, strings.Contains(m.after.text, "<http"):
		return message.EditPreview // it replaces the link's earlier preview, if any
	default:
		return message.EditByChannel
	}
}

func (messageEvent) editor(p posting) message.EditReason {
	if p.byProgram() {
		return message.EditByProgram
	}
	return message.EditByPerson
}

// said holds for the subtypes of what somebody says. It lists what is let in: Slack's other subtypes are notices, and
// new ones will be, too.
func said(subtype string) bool {
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
		o.revision = e.eventID // every delivery of the event has it
	}
	switch {
	case event.subtype == slackapi.MsgSubTypeMessageChanged && o.kind == message.KindEdited && !o.posting.found:
		return message.KonstructMessage{}, malformed("event.message") // without it the edit would read as an empty text
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
		m.Sender = message.SenderInfo{} // not a program, but unknown: Slack left the deleted message out
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
		IsEnterpriseInstall: e.isEnterpriseInstall(),
	}
}

// direct reports a chat of one person with our app. An event that came through a person's token is about that person's
// own chats, in which our app has no part. An app_mention, and some older events, do not say the channel's type.
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

// replyTo names the root of the thread that the posting answers in.
func (e envelope) replyTo(o occurrence) *message.ReplyTo {
	if o.threadTS.id == "" || o.threadTS.id == o.ts.id {
		return nil
	}
	root := readPosting(o.posting.root)
	if root.user == "" {
		root.user = o.posting.parentUser
	}
	return &message.ReplyTo{
		MessageID: o.threadTS.id, SenderID: firstOf(root.user, root.botID), IsSelf: e.wroteIt(root),
	}
}

// replyAddress is where an answer belongs: "<channel>/<ts of the thread's root>", or "<channel>" in a direct chat
// without a thread. A posting there that got replies is still answered where it stands.
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
