package message_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
)

const tenantA = "0198f3a0-0000-7000-8000-00000000000a"

func tenant(t *testing.T) tenancy.ID {
	t.Helper()
	id, err := tenancy.Parse(tenantA)
	require.NoError(t, err)
	return id
}

// full returns a message with every field set.
func full() message.KonstructMessage {
	return message.KonstructMessage{
		ID:          "slack.T0HARBOR.C0QUAY.1768471700.000600.edited.1768471790.000000",
		OriginalID:  "slack.T0HARBOR.C0QUAY.1768471700.000600",
		Kind:        message.KindEdited,
		EditReason:  message.EditByPerson,
		ChannelType: message.Slack,
		ChannelMetadata: message.ChannelMetadata{
			WorkspaceID:  "T0HARBOR",
			ChannelID:    "C0QUAY",
			MessageID:    "1768471700.000600",
			IsShared:     true,
			EventID:      "Ev0CHANGED",
			EventType:    "message",
			EventTime:    time.Date(2026, 1, 15, 10, 9, 50, 0, time.UTC),
			EventContext: "4-quay",
			AppID:        "A0KONSTRUCT",
			TeamID:       "T0SHIPYARD",
			EnterpriseID: "E0SHIPYARD",
		},
		Sender: message.SenderInfo{
			ID: "U0CAPTAIN", StableID: "P0CAPTAIN", DisplayName: "cap", Username: "captain", WorkspaceID: "T0SHIPYARD", IsBot: true,
			IsSystem: true, IsExternal: true,
		},
		Content:      fullContent(),
		Timestamp:    time.Date(2026, 1, 15, 10, 9, 50, 7000, time.UTC),
		ThreadID:     "1768471200.000007",
		ReplyTo:      &message.ReplyTo{MessageID: "1768471200.000007", SenderID: "U0ASSISTANT", IsSelf: true},
		ReplyAddress: "C0QUAY/1768471200.000007",
		Raw:          json.RawMessage(`{"type":"message","mood":"calm \u0026 \u003cclear\u003e"}`),
	}
}

func fullContent() message.MessageContent {
	return message.MessageContent{
		Text:      "<@U0ASSISTANT> the plan & the tide",
		PlainText: "@U0ASSISTANT the plan & the tide\n> mate:\n> @U0ASSISTANT high water at noon\n> > low at six",
		Parts: []message.Part{{
			Kind:      message.PartQuote,
			Text:      "@U0ASSISTANT high water at noon",
			Author:    &message.SenderInfo{ID: "U0MATE", DisplayName: "mate"},
			Link:      "https://harbor.example/tides",
			ChannelID: "C0PIER", MessageID: "1768471100.000001",
			Timestamp:     time.Date(2026, 1, 15, 9, 58, 20, 1000, time.UTC),
			Mentions:      []message.Mention{{ID: "U0ASSISTANT", IsSelf: true}},
			AttachmentIDs: []string{"F0PLAN"},
			Parts:         []message.Part{{Kind: message.PartQuote, Text: "low at six"}},
		}},
		Mentions:     []message.Mention{{ID: "U0ASSISTANT", IsSelf: true}, {ID: "here", Kind: message.MentionBroadcast}},
		MentionsSelf: true,
		Attachments: []message.Attachment{{
			ID: "F0PLAN", Name: "plan.ogg", MediaType: "audio/ogg", Size: 20480, URL: "https://files.example/plan.ogg",
			State: message.FileExternal, SHA256: "b94d27b9934d3e08", IsVoice: true, Text: "the plan, spoken",
		}},
		ActionValue: "approve",
		Truncated:   true,
	}
}

// minimal returns a message with required fields only.
func minimal() message.KonstructMessage {
	return message.KonstructMessage{
		ID: "whatsapp.1555.1666.wamid-1", OriginalID: "whatsapp.1555.1666.wamid-1",
		Kind:            message.KindNew,
		ChannelType:     message.WhatsApp,
		ChannelMetadata: message.ChannelMetadata{WorkspaceID: "1555", ChannelID: "1666", MessageID: "wamid-1"},
		Sender:          message.SenderInfo{ID: "1666"},
		Timestamp:       time.Date(2026, 1, 15, 11, 0, 0, 0, time.FixedZone("CET", 3600)),
	}
}

func resolved(t *testing.T, m message.KonstructMessage) message.ResolvedMessage {
	t.Helper()
	r, err := m.Resolve(tenant(t))
	require.NoError(t, err)
	return r
}

// A field for a tenant would bypass Resolve.
func TestKonstructMessage_HasNoTenantField(t *testing.T) {
	t.Parallel()
	for _, structure := range []reflect.Type{
		reflect.TypeFor[message.KonstructMessage](), reflect.TypeFor[message.ChannelMetadata](),
	} {
		for field := range structure.Fields() {
			require.NotContains(t, strings.ToLower(field.Name), "tenant")
		}
	}
	r := reflect.TypeFor[message.ResolvedMessage]()
	require.Positive(t, r.NumField())
	for field := range r.Fields() {
		require.False(t, field.IsExported(), field.Name)
	}
}

func TestKonstructMessage_Resolve(t *testing.T) {
	t.Parallel()
	r := resolved(t, full())
	require.Equal(t, tenant(t), r.TenantID())
	require.Equal(t, full(), r.Message())

	_, err := full().Resolve(tenancy.ID{})
	require.ErrorIs(t, err, tenancy.ErrInvalidID)
	_, err = message.KonstructMessage{}.Resolve(tenant(t))
	require.ErrorIs(t, err, message.ErrInvalid)
}

func TestMarshalJSON_ZeroValues(t *testing.T) {
	t.Parallel()
	require.True(t, message.ResolvedMessage{}.TenantID().IsZero())
	_, err := json.Marshal(message.ResolvedMessage{})
	require.ErrorIs(t, err, tenancy.ErrInvalidID)
	_, err = json.Marshal(message.KonstructMessage{})
	require.ErrorIs(t, err, message.ErrInvalid)
}

func TestKonstructMessage_Validate(t *testing.T) {
	t.Parallel()
	require.NoError(t, full().Validate())
	require.NoError(t, minimal().Validate())
	deleted := full()
	deleted.Kind, deleted.EditReason, deleted.Sender = message.KindDeleted, "", message.SenderInfo{}
	require.NoError(t, deleted.Validate(), "the author of a deleted message may be unknown")
	nameless := full()
	nameless.Sender = message.SenderInfo{DisplayName: "deploy", IsBot: true}
	require.NoError(t, nameless.Validate(), "a program may have no id")
	atLimit := full()
	atLimit.Content.Parts = deep(message.MaxPartDepth)
	require.NoError(t, atLimit.Validate())

	var m message.KonstructMessage
	for part, changes := range map[string][]func(){
		"channel_type": {
			func() { m.ChannelType = "" },
			func() { m.ChannelType = "Slack" },
		},
		"kind": {
			func() { m.Kind = "" },
			func() { m.Kind = "moved" },
		},
		"id": {
			func() { m.ID = "" },
			func() { m.ID = "a b" },
			func() { m.ID = "a\n" },
			func() { m.ID = strings.Repeat("x", 321) },
		},
		"original_id": {
			func() { m.OriginalID = "" },
			func() { m.OriginalID = m.ID },
			func() { m.Kind = message.KindNew },
		},
		"channel_metadata.workspace_id": {
			func() { m.ChannelMetadata.WorkspaceID = "" },
			func() { m.ChannelMetadata.WorkspaceID = "T0.HARBOR" },
			func() { m.ChannelMetadata.WorkspaceID = strings.Repeat("T", 65) },
		},
		"edit_reason": {
			func() { m.EditReason = "a b" },
			func() { m.Kind, m.OriginalID = message.KindNew, m.ID },
		},
		"channel_metadata.event_context": {func() { m.ChannelMetadata.EventContext = "a\n" }},
		"reply_to":                       {func() { m.ReplyTo = &message.ReplyTo{} }},
		"reply_address":                  {func() { m.ReplyAddress = "C0 QUAY" }},
		"raw": {
			func() { m.Raw = json.RawMessage("\"\xff\"") },
			func() {
				m.Raw = json.RawMessage(`"` + strings.Repeat("x", message.MaxRaw) + `"`)
			},
		},
		"channel_metadata.channel_id": {
			func() { m.ChannelMetadata.ChannelID = "" },
			func() { m.ChannelMetadata.ChannelID = "Ç0" },
		},
		"channel_metadata.message_id": {func() { m.ChannelMetadata.MessageID = "" }},
		"channel_metadata.event_id":   {func() { m.ChannelMetadata.EventID = "E v" }},
		"channel_metadata.event_time": {
			func() { m.ChannelMetadata.EventTime = time.Unix(1<<50, 0) },
		},
		"thread_id": {func() { m.ThreadID = "1\x00" }},
		"sender.id": {
			func() { m.Sender = message.SenderInfo{} },
			func() { m.Sender.ID = "U\n" },
			func() { m.Sender.StableID = "P\n" },
		},
		"sender.display_name": {
			func() { m.Sender.DisplayName = "\xff" },
			func() { m.Sender.Username = "\xff" },
			func() { m.Sender.Username = "\x00" },
		},
		"sender.workspace_id": {func() { m.Sender.WorkspaceID = "T\x00" }},
		"channel_metadata":    {func() { m.ChannelMetadata.EventType = "\x00" }},
		"timestamp": {
			func() { m.Timestamp = time.Time{} },
			func() { m.Timestamp = time.Unix(1<<50, 0) },
		},
		"content.text": {
			func() { m.Content.Text = "\xff" },
			func() { m.Content.Text = "a\x00b" },
			func() { m.Content.Text = strings.Repeat("x", message.MaxText+1) },
		},
		"content.plain_text":   {func() { m.Content.PlainText = "\xff" }},
		"content.action_value": {func() { m.Content.ActionValue = "\xff" }},
		"content.mentions": {
			func() { m.Content.Mentions[0].ID = "" },
			func() { m.Content.Mentions[0].Kind = "a b" },
			func() {
				m.Content.Mentions = slices.Repeat(m.Content.Mentions[:1], message.MaxMentions+1)
			},
		},
		"content.attachments": {
			func() { m.Content.Attachments[0].ID = "" },
			func() { m.Content.Attachments[0].Size = -1 },
			func() { m.Content.Attachments[0].State = "a b" },
			func() { m.Content.Attachments[0].Name = "\xff" },
			func() { m.Content.Attachments[0].URL = "https://a.example/\x00" },
			func() {
				m.Content.Attachments = slices.Repeat(m.Content.Attachments, message.MaxAttachments+1)
			},
		},
		"content.parts": {
			func() { m.Content.Parts[0].Kind = "" },
			func() { m.Content.Parts[0].Text = "\xff" },
			func() { m.Content.Parts[0].Parts[0].Text = "\xff" },
			func() { m.Content.Parts[0].ChannelID = "C 0" },
			func() { m.Content.Parts[0].Author.DisplayName = "\xff" },
			func() { m.Content.Parts[0].Author.Username = "\x00" },
			func() { m.Content.Parts[0].Link = "\x00" },
			func() { m.Content.Parts[0].Mentions[0].ID = "" },
			func() { m.Content.Parts = deep(message.MaxPartDepth + 1) },
			func() { m.Content.Parts = slices.Repeat(deep(1), message.MaxParts+1) },
			func() {
				m.Content.Parts = slices.Repeat([]message.Part{{Kind: message.PartCard, Text: strings.Repeat("x", message.MaxText/2)}}, 3)
			},
		},
	} {
		for i, change := range changes {
			m = full()
			change()
			require.EqualError(t, m.Validate(), "message: invalid: "+part, i)
			require.ErrorIs(t, m.Validate(), message.ErrInvalid)
			_, err := json.Marshal(m)
			require.ErrorIs(t, err, message.ErrInvalid)
		}
	}
}

func TestChannelType_UnmarshalText(t *testing.T) {
	t.Parallel()
	for _, want := range []message.ChannelType{message.Slack, message.WhatsApp, message.Mattermost} {
		var got message.ChannelType
		require.NoError(t, got.UnmarshalText([]byte(want)))
		require.Equal(t, want, got)
	}
	for _, s := range []string{"", "Slack", "slack ", "sms", "slack\x00"} {
		var got message.ChannelType
		require.ErrorIs(t, got.UnmarshalText([]byte(s)), message.ErrUnknownChannelType, s)
	}
}

// deep returns parts nested depth levels deep.
func deep(depth int) []message.Part {
	part := message.Part{Kind: message.PartQuote, Text: "x"}
	if depth > 1 {
		part.Parts = deep(depth - 1)
	}
	return []message.Part{part}
}

func TestKonstructMessage_ConversationKey(t *testing.T) {
	t.Parallel()
	root := full()
	root.ThreadID = ""
	reply := full()
	reply.ChannelMetadata.MessageID, reply.ThreadID = "1768471999.000001", root.ChannelMetadata.MessageID
	require.Equal(t, "slack.T0HARBOR.C0QUAY.1768471700.000600", root.ConversationKey())
	require.Equal(t, root.ConversationKey(), reply.ConversationKey(), "a reply has the key of its root")

	other := reply
	for name, change := range map[string]func(){
		"another channel":      func() { other.ChannelMetadata.ChannelID = "C0PIER" },
		"another workspace":    func() { other.ChannelMetadata.WorkspaceID = "T0PIER" },
		"another channel type": func() { other.ChannelType = message.Mattermost },
		"another thread":       func() { other.ThreadID = "1768471999.000002" },
	} {
		other = reply
		change()
		require.NotEqual(t, reply.ConversationKey(), other.ConversationKey(), name)
	}
}

func TestKonstructMessage_ConversationKeyInDirectChat(t *testing.T) {
	t.Parallel()
	first := full()
	first.ThreadID, first.ChannelMetadata.ChannelID, first.ChannelMetadata.IsDirect = "", "D0CAPTAIN", true
	second := first
	second.ChannelMetadata.MessageID = "1768471999.000001"
	require.Equal(t, "slack.T0HARBOR.D0CAPTAIN", first.ConversationKey())
	require.Equal(t, first.ConversationKey(), second.ConversationKey(), "one conversation")

	inThread := second
	inThread.ThreadID = first.ChannelMetadata.MessageID
	require.Equal(t, "slack.T0HARBOR.D0CAPTAIN.1768471700.000600", inThread.ConversationKey())

	changed := first // after it received replies
	changed.Kind, changed.ThreadID = message.KindEdited, first.ChannelMetadata.MessageID
	require.Equal(t, first.ConversationKey(), changed.ConversationKey(), "an edit has the key of its message")
	changed.Kind = message.KindNew
	require.Equal(t, first.ConversationKey(), changed.ConversationKey(), "the same for a new message with replies")

	dotted, split := first, inThread
	dotted.ChannelMetadata.ChannelID = "D0CAPTAIN.1"
	split.ChannelMetadata.ChannelID, split.ThreadID = "D0CAPTAIN", "1"
	require.NoError(t, dotted.Validate(), "WhatsApp ids contain dots")
	require.NotEqual(t, dotted.ConversationKey(), split.ConversationKey())
}
