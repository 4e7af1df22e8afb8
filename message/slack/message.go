package slack

import (
	"encoding/json"
	"fmt"
	"time"

	slackapi "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"github.com/konstruct/konstruct/message"
)

// tombstone is what a deleted message is changed into when a thread hangs on it.
const tombstone = "tombstone"

// direct is the channel_type of a conversation with one person.
const direct = "im"

// messageEvent is an inner event of the type message or app_mention.
type messageEvent struct {
	posting

	Type        string   `json:"type"`
	Channel     string   `json:"channel"`
	ChannelType string   `json:"channel_type"`
	EventTS     string   `json:"event_ts"`
	Message     *posting `json:"message"`
	Previous    *posting `json:"previous_message"`
	DeletedTS   string   `json:"deleted_ts"`
}

// happening is a messageEvent, whichever of Slack's forms it came in.
type happening struct {
	kind     message.Kind
	posting  posting // as it stands now; as it stood, for a deletion
	ts       string  // of the posting
	threadTS string
	revision string // for an edit: what tells it from other edits
	at       string // the ts of the happening
}

func (e envelope) message() (Event, error) {
	var event messageEvent
	if err := json.Unmarshal(e.Event, &event); err != nil {
		return nil, fmt.Errorf("%w: a field of event", ErrMalformed)
	}
	h, ok := event.happening()
	if !ok {
		return Ignored{Type: label(event.Type), Subtype: label(event.Subtype), EventID: e.EventID}, nil
	}
	m, err := e.compose(event, h)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return Message{m}, nil
}

// happening brings the event's form to one; false for what isn't a person's or a program's message, such as
// "joined the channel".
func (m messageEvent) happening() (happening, bool) {
	after, before := posting{}, posting{}
	if m.Message != nil {
		after = *m.Message
	}
	if m.Previous != nil {
		before = *m.Previous
	}
	switch {
	case m.Subtype == slackapi.MsgSubTypeMessageDeleted:
		return m.deletion(before, firstOf(m.DeletedTS, before.TS)), said(before.Subtype)
	case m.Subtype != slackapi.MsgSubTypeMessageChanged:
		return m.direct(), said(m.Subtype)
	case after.Subtype == tombstone:
		return m.deletion(before, firstOf(after.TS, before.TS)), said(before.Subtype)
	default:
		return m.edit(after, before), said(after.Subtype)
	}
}

// direct is a posting that the event itself carries. An app_mention also tells of an edit this way, when that
// added the mention.
func (m messageEvent) direct() happening {
	h := happening{kind: message.KindNew, posting: m.posting, ts: m.TS, threadTS: m.ThreadTS, at: m.TS}
	if edited := m.editedTS(); edited != "" {
		h.kind, h.revision, h.at = message.KindEdited, edited, edited
	}
	return h
}

// edit is a posting that changed. A person's edit is named by edited.ts, which every event about it shares; where
// that is the same as before, Slack itself changed something (a link's preview), and only event_ts is new.
func (m messageEvent) edit(after, before posting) happening {
	revision := after.editedTS()
	if revision == "" || revision == before.editedTS() {
		revision = firstOf(m.EventTS, m.TS)
	}
	return happening{
		kind: message.KindEdited, posting: after, revision: revision, at: revision,
		ts: firstOf(after.TS, before.TS), threadTS: firstOf(after.ThreadTS, before.ThreadTS),
	}
}

// deletion keeps who and where, and drops what was said: its author took it back.
func (m messageEvent) deletion(before posting, ts string) happening {
	before.Text, before.Files = "", nil
	return happening{
		kind: message.KindDeleted, posting: before, ts: ts, threadTS: firstOf(before.ThreadTS, m.ThreadTS),
		at: firstOf(m.EventTS, m.TS),
	}
}

// said holds for the subtypes of what somebody says. The list is of what is let in: Slack's other subtypes are
// notices, and new ones will be, too.
func said(subtype string) bool {
	switch subtype {
	case "", slackapi.MsgSubTypeFileShare, slackapi.MsgSubTypeThreadBroadcast, slackapi.MsgSubTypeBotMessage,
		slackapi.MsgSubTypeMeMessage:
		return true
	}
	return false
}

func (e envelope) compose(event messageEvent, h happening) (message.KonstructMessage, error) {
	workspace, err := e.workspace()
	if err != nil {
		return message.KonstructMessage{}, err
	}
	at, err := h.time()
	if err != nil {
		return message.KonstructMessage{}, err
	}
	if !plain(event.Channel) {
		return message.KonstructMessage{}, fmt.Errorf("%w: event.channel", ErrMalformed)
	}
	original := fmt.Sprintf("%s.%s.%s.%s", message.Slack, workspace, event.Channel, h.ts)
	return message.KonstructMessage{
		ID:              original + h.suffix(),
		OriginalID:      original,
		Kind:            h.kind,
		ChannelType:     message.Slack,
		ChannelMetadata: e.metadata(workspace, event, h),
		Sender:          e.sender(h.posting),
		Content:         e.content(event, h),
		Timestamp:       at,
		ThreadID:        h.threadTS,
	}, nil
}

func (e envelope) metadata(workspace string, event messageEvent, h happening) message.ChannelMetadata {
	return message.ChannelMetadata{
		WorkspaceID:         workspace,
		ChannelID:           event.Channel,
		MessageID:           h.ts,
		IsDirect:            event.ChannelType == direct,
		IsShared:            e.IsExtSharedChannel,
		EventID:             e.EventID,
		EventType:           event.Type,
		EventTime:           e.time(),
		AppID:               e.APIAppID,
		TeamID:              e.TeamID,
		EnterpriseID:        e.EnterpriseID,
		IsEnterpriseInstall: e.authorization().IsEnterpriseInstall,
	}
}

func (e envelope) content(event messageEvent, h happening) message.MessageContent {
	c := message.MessageContent{
		Text:        h.posting.Text,
		Mentions:    mentions(h.posting.Text, e.ownUser()),
		Attachments: h.posting.attachments(),
	}
	// An app_mention is addressed to us by definition, also where the payload doesn't tell our user.
	c.MentionsSelf = event.Type == string(slackevents.AppMention)
	for _, mention := range c.Mentions {
		c.MentionsSelf = c.MentionsSelf || mention.IsSelf
	}
	return c
}

// time checks every ts of h, and returns that of the happening.
func (h happening) time() (time.Time, error) {
	if _, ok := parseTS(h.ts); !ok {
		return time.Time{}, fmt.Errorf("%w: event.ts", ErrMalformed)
	}
	if _, ok := parseTS(h.threadTS); !ok && h.threadTS != "" {
		return time.Time{}, fmt.Errorf("%w: event.thread_ts", ErrMalformed)
	}
	at, ok := parseTS(h.at)
	if !ok {
		return time.Time{}, fmt.Errorf("%w: event.event_ts", ErrMalformed)
	}
	return at, nil
}

func (h happening) suffix() string {
	switch h.kind {
	case message.KindEdited:
		return ".edited." + h.revision
	case message.KindDeleted:
		return ".deleted"
	default:
		return ""
	}
}
