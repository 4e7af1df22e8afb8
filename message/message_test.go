package message_test

import (
	"encoding/json"
	"fmt"
	"reflect"
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

// full has every field set.
func full() message.KonstructMessage {
	return message.KonstructMessage{
		ID:          "slack.T0HARBOUR.C0QUAY.1768471700.000600.edited.1768471790.000000",
		OriginalID:  "slack.T0HARBOUR.C0QUAY.1768471700.000600",
		Kind:        message.KindEdited,
		ChannelType: message.Slack,
		ChannelMetadata: message.ChannelMetadata{
			WorkspaceID:  "T0HARBOUR",
			ChannelID:    "C0QUAY",
			MessageID:    "1768471700.000600",
			IsShared:     true,
			EventID:      "Ev0CHANGED",
			EventType:    "message",
			EventTime:    time.Date(2026, 1, 15, 10, 9, 50, 0, time.UTC),
			AppID:        "A0KONSTRUCT",
			TeamID:       "T0SHIPYARD",
			EnterpriseID: "E0SHIPYARD",
		},
		Sender: message.SenderInfo{ID: "U0CAPTAIN", DisplayName: "cap", WorkspaceID: "T0SHIPYARD"},
		Content: message.MessageContent{
			Text:         "<@U0ASSISTANT> the plan & the tide",
			Mentions:     []message.Mention{{ID: "U0ASSISTANT", IsSelf: true}},
			MentionsSelf: true,
			Attachments: []message.Attachment{{
				ID: "F0PLAN", Name: "plan.pdf", MediaType: "application/pdf", Size: 20480, URL: "https://files.example/plan.pdf",
			}},
		},
		Timestamp: time.Date(2026, 1, 15, 10, 9, 50, 7000, time.UTC),
		ThreadID:  "1768471200.000007",
	}
}

// minimal has nothing that can be left out.
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

// TestNoFieldCouldHoldATenant: a field that could would be the way past Resolve.
func TestNoFieldCouldHoldATenant(t *testing.T) {
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

func TestResolve(t *testing.T) {
	t.Parallel()
	r := resolved(t, full())
	require.Equal(t, tenant(t), r.TenantID())
	require.Equal(t, full(), r.Message())

	_, err := full().Resolve(tenancy.ID{})
	require.ErrorIs(t, err, tenancy.ErrInvalidID)
	_, err = message.KonstructMessage{}.Resolve(tenant(t))
	require.ErrorIs(t, err, message.ErrInvalid)
}

func TestZeroValuesHaveNoJSON(t *testing.T) {
	t.Parallel()
	require.True(t, message.ResolvedMessage{}.TenantID().IsZero())
	_, err := json.Marshal(message.ResolvedMessage{})
	require.ErrorIs(t, err, tenancy.ErrInvalidID)
	_, err = json.Marshal(message.KonstructMessage{})
	require.ErrorIs(t, err, message.ErrInvalid)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, full().Validate())
	require.NoError(t, minimal().Validate())
	deleted := full()
	deleted.Kind, deleted.Sender = message.KindDeleted, message.SenderInfo{}
	require.NoError(t, deleted.Validate(), "who wrote what was deleted may be unknown")

	for part, rows := range map[string][]func(*message.KonstructMessage){
		"channel_type": {
			func(m *message.KonstructMessage) { m.ChannelType = "" },
			func(m *message.KonstructMessage) { m.ChannelType = "Slack" },
		},
		"kind": {
			func(m *message.KonstructMessage) { m.Kind = "" },
			func(m *message.KonstructMessage) { m.Kind = "moved" },
		},
		"id": {
			func(m *message.KonstructMessage) { m.ID = "" },
			func(m *message.KonstructMessage) { m.ID = "a b" },
			func(m *message.KonstructMessage) { m.ID = "a\n" },
			func(m *message.KonstructMessage) { m.ID = strings.Repeat("x", 321) },
		},
		"original_id": {
			func(m *message.KonstructMessage) { m.OriginalID = "" },
			func(m *message.KonstructMessage) { m.OriginalID = m.ID },
			func(m *message.KonstructMessage) { m.Kind = message.KindNew },
		},
		"channel_metadata.workspace_id": {
			func(m *message.KonstructMessage) { m.ChannelMetadata.WorkspaceID = "" },
			func(m *message.KonstructMessage) { m.ChannelMetadata.WorkspaceID = "T0.HARBOUR" },
			func(m *message.KonstructMessage) { m.ChannelMetadata.WorkspaceID = strings.Repeat("T", 65) },
		},
		"channel_metadata.channel_id": {
			func(m *message.KonstructMessage) { m.ChannelMetadata.ChannelID = "" },
			func(m *message.KonstructMessage) { m.ChannelMetadata.ChannelID = "Ç0" },
		},
		"channel_metadata.message_id": {func(m *message.KonstructMessage) { m.ChannelMetadata.MessageID = "" }},
		"channel_metadata.event_id":   {func(m *message.KonstructMessage) { m.ChannelMetadata.EventID = "E v" }},
		"channel_metadata.event_time": {
			func(m *message.KonstructMessage) { m.ChannelMetadata.EventTime = time.Unix(1<<50, 0) },
		},
		"thread_id": {func(m *message.KonstructMessage) { m.ThreadID = "1\x00" }},
		"sender.id": {
			func(m *message.KonstructMessage) { m.Sender.ID = "" },
			func(m *message.KonstructMessage) { m.Sender.ID = "U\n" },
		},
		"timestamp": {
			func(m *message.KonstructMessage) { m.Timestamp = time.Time{} },
			func(m *message.KonstructMessage) { m.Timestamp = time.Unix(1<<50, 0) },
		},
		"content.text": {
			func(m *message.KonstructMessage) { m.Content.Text = "\xff" },
			func(m *message.KonstructMessage) { m.Sender.DisplayName = "\xff" },
		},
	} {
		for i, change := range rows {
			t.Run(fmt.Sprintf("%s %d", part, i), func(t *testing.T) {
				t.Parallel()
				m := full()
				change(&m)
				err := m.Validate()
				require.ErrorIs(t, err, message.ErrInvalid)
				require.EqualError(t, err, "message: invalid: "+part)
				_, err = json.Marshal(m)
				require.ErrorIs(t, err, message.ErrInvalid)
			})
		}
	}
}

func TestParseChannelType(t *testing.T) {
	t.Parallel()
	for _, want := range message.ChannelTypes() {
		got, err := message.ParseChannelType(string(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, s := range []string{"", "Slack", "slack ", "sms", "slack\x00"} {
		_, err := message.ParseChannelType(s)
		require.ErrorIs(t, err, message.ErrUnknownChannelType, s)
	}
}

func TestThreadKey(t *testing.T) {
	t.Parallel()
	root := full()
	root.ThreadID = ""
	reply := full()
	reply.ChannelMetadata.MessageID, reply.ThreadID = "1768471999.000001", root.ChannelMetadata.MessageID
	require.Equal(t, "slack.T0HARBOUR.C0QUAY.1768471700.000600", root.ThreadKey())
	require.Equal(t, root.ThreadKey(), reply.ThreadKey(), "a reply finds what its root began")

	for name, change := range map[string]func(*message.KonstructMessage){
		"another channel":      func(m *message.KonstructMessage) { m.ChannelMetadata.ChannelID = "C0PIER" },
		"another workspace":    func(m *message.KonstructMessage) { m.ChannelMetadata.WorkspaceID = "T0PIER" },
		"another channel type": func(m *message.KonstructMessage) { m.ChannelType = message.Mattermost },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := reply
			change(&other)
			require.NotEqual(t, reply.ThreadKey(), other.ThreadKey(), "the same thread id elsewhere is another thread")
		})
	}
}
