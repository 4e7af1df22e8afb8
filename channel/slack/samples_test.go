package slack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/message"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return parsed
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	return body
}

func normalizeMessage(t *testing.T, name string) slack.Message {
	t.Helper()
	event, err := slack.Normalize(sample(t, name))
	require.NoError(t, err)
	require.IsType(t, slack.Message{}, event)
	return event.(slack.Message)
}

func TestNormalize_WholeMessage(t *testing.T) {
	t.Parallel()
	m := normalizeMessage(t, "message_new")
	var sent struct {
		Event json.RawMessage `json:"event"`
	}
	require.NoError(t, json.Unmarshal(sample(t, "message_new"), &sent))
	raw, err := json.Marshal(sent.Event)
	require.NoError(t, err)
	require.Equal(t, slack.Message{KonstructMessage: message.KonstructMessage{
		ID:          "slack.T0HARBOR.C0QUAY.1768471200.000007",
		OriginalID:  "slack.T0HARBOR.C0QUAY.1768471200.000007",
		Kind:        message.KindNew,
		ChannelType: message.Slack,
		ChannelMetadata: message.ChannelMetadata{
			WorkspaceID: "T0HARBOR",
			ChannelID:   "C0QUAY",
			MessageID:   "1768471200.000007",
			EventID:     "Ev0NEW",
			EventType:   "message",
			EventTime:   at(t, "2026-01-15T10:00:00Z"),
			AppID:       "A0KONSTRUCT",
			TeamID:      "T0HARBOR",
		},
		Sender: message.SenderInfo{ID: "U0CAPTAIN", DisplayName: "cap", WorkspaceID: "T0HARBOR"},
		Content: message.MessageContent{
			Text: "Is the crane free at noon?", PlainText: "Is the crane free at noon?",
			Mentions: []message.Mention{}, Attachments: []message.Attachment{},
		},
		Timestamp:    at(t, "2026-01-15T10:00:00.000007Z"),
		ReplyAddress: "C0QUAY/1768471200.000007",
		Raw:          raw,
	}}, m)
}

func TestNormalize_IDs(t *testing.T) {
	t.Parallel()
	const quay = "slack.T0HARBOR.C0QUAY."
	for name, want := range map[string]struct {
		kind                message.Kind
		id, original, at    string
		threadID, threadKey string
	}{
		"message_in_thread": {
			message.KindNew, quay + "1768471260.100200", quay + "1768471260.100200", "2026-01-15T10:01:00.1002Z",
			"1768471200.000007", quay + "1768471200.000007",
		},
		"message_thread_broadcast": {
			message.KindNew, quay + "1768471320.000100", quay + "1768471320.000100", "2026-01-15T10:02:00.0001Z",
			"1768471200.000007", quay + "1768471200.000007",
		},
		"app_mention": {
			message.KindNew, quay + "1768471700.000600", quay + "1768471700.000600", "2026-01-15T10:08:20.0006Z",
			"", quay + "1768471700.000600",
		},
		"message_changed": {
			message.KindEdited, quay + "1768471700.000600.edited.1768471790.000000", quay + "1768471700.000600",
			"2026-01-15T10:09:50Z", "", quay + "1768471700.000600",
		},
		"message_changed_by_preview": {
			message.KindEdited, quay + "1768471700.000600.edited.1768471795.003000", quay + "1768471700.000600",
			"2026-01-15T10:09:55.003Z", "", quay + "1768471700.000600",
		},
		"message_deleted": {
			message.KindDeleted, quay + "1768471260.100200.deleted", quay + "1768471260.100200",
			"2026-01-15T10:10:00.007Z", "1768471200.000007", quay + "1768471200.000007",
		},
		"message_deleted_with_replies": {
			message.KindDeleted, quay + "1768471200.000007.deleted", quay + "1768471200.000007",
			"2026-01-15T10:10:10.008Z", "1768471200.000007", quay + "1768471200.000007",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := normalizeMessage(t, name)
			require.Equal(t, want.kind, m.Kind)
			require.Equal(t, want.id, m.ID)
			require.Equal(t, want.original, m.OriginalID)
			require.Equal(t, at(t, want.at), m.Timestamp)
			require.Equal(t, want.threadID, m.ThreadID)
			require.Equal(t, want.threadKey, m.ConversationKey())
		})
	}
}

func TestNormalize_IDsDeduplicate(t *testing.T) {
	t.Parallel()
	changed, mention := normalizeMessage(t, "message_changed"), normalizeMessage(t, "app_mention_added_by_edit")
	require.NotEqual(t, changed.ChannelMetadata.EventID, mention.ChannelMetadata.EventID)
	require.Equal(t, changed.ID, mention.ID, "one edit, reported as message_changed and as app_mention")
	require.Equal(t, changed.Timestamp, mention.Timestamp)

	preview := normalizeMessage(t, "message_changed_by_preview")
	require.NotEqual(t, changed.ID, preview.ID, "another edit of the message")
	require.Equal(t, changed.OriginalID, preview.OriginalID)
}

func TestNormalize_Senders(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]message.SenderInfo{
		"message_in_thread":    {ID: "U0CAPTAIN", WorkspaceID: "T0HARBOR"},
		"message_from_own_app": {ID: "U0ASSISTANT", DisplayName: "Konstruct", WorkspaceID: "T0HARBOR", IsBot: true, IsSelf: true},
		"message_from_other_bot": {
			ID: "B0TIDES", DisplayName: "tide table", IsBot: true,
		},
		"connect_message":              {ID: "U0VISITOR", WorkspaceID: "T0SHIPYARD", IsExternal: true},
		"connect_mention_by_host":      {ID: "U0VISITOR", WorkspaceID: "E0SHIPYARD", IsExternal: true},
		"message_deleted":              {ID: "U0CAPTAIN", WorkspaceID: "T0HARBOR"},
		"message_deleted_with_replies": {ID: "U0CAPTAIN", WorkspaceID: "T0HARBOR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, normalizeMessage(t, name).Sender)
		})
	}
}

func TestNormalize_Contents(t *testing.T) {
	t.Parallel()
	self := message.Mention{ID: "U0ASSISTANT", IsSelf: true}
	for name, want := range map[string]message.MessageContent{
		"message_in_thread": {
			Text:         "<@U0ASSISTANT> and <@U0MATE|mate>, please check. <@U0MATE>",
			PlainText:    "@U0ASSISTANT and @mate, please check. @U0MATE",
			Mentions:     []message.Mention{self, {ID: "U0MATE"}},
			MentionsSelf: true,
			Attachments:  []message.Attachment{},
		},
		"message_with_files": {
			Text:      "the plan",
			PlainText: "the plan",
			Mentions:  []message.Mention{},
			Attachments: []message.Attachment{
				{
					ID: "F0PLAN", Name: "plan.pdf", MediaType: "application/pdf", Size: 20480,
					URL: "https://files.slack.com/files-pri/T0HARBOR-F0PLAN/plan.pdf", State: message.FileFetchable,
				},
				{ID: "F0REMOTE", State: message.FileFetchable},
			},
		},
		"message_changed": {
			Text: "<@U0ASSISTANT> hello", PlainText: "@U0ASSISTANT hello",
			Mentions: []message.Mention{self}, MentionsSelf: true, Attachments: []message.Attachment{},
		},
		"message_deleted":              {Mentions: []message.Mention{}, Attachments: []message.Attachment{}},
		"message_deleted_with_replies": {Mentions: []message.Mention{}, Attachments: []message.Attachment{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, normalizeMessage(t, name).Content)
		})
	}
}

func TestNormalize_Metadata(t *testing.T) {
	t.Parallel()
	direct := normalizeMessage(t, "message_direct").ChannelMetadata
	require.True(t, direct.IsDirect)
	require.False(t, direct.IsShared)

	shared := normalizeMessage(t, "connect_message").ChannelMetadata
	require.True(t, shared.IsShared)
	require.False(t, shared.IsDirect)
	require.Equal(t, "T0HARBOR", shared.WorkspaceID, "the installation's, not the sender's")
	require.Equal(t, "T0SHIPYARD", shared.TeamID)

	organization := normalizeMessage(t, "organization_install").ChannelMetadata
	require.True(t, organization.IsEnterpriseInstall)
	require.Equal(t, "E0FLEET", organization.WorkspaceID)

	require.Equal(t, "T0HARBOR", normalizeMessage(t, "without_authorizations").ChannelMetadata.WorkspaceID)
}

func TestNormalize_OtherEvents(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]slack.Event{
		"channel_join":                    slack.Ignored{Type: "message", Subtype: "channel_join", EventID: "Ev0JOIN"},
		"message_changed_assistant_title": slack.Ignored{Type: "message", Subtype: "message_changed", EventID: "Ev0TITLE"},
		"reaction_added":                  slack.Ignored{Type: "reaction_added", EventID: "Ev0REACTION"},
		"member_joined_channel":           slack.Ignored{Type: "member_joined_channel", EventID: "Ev0MEMBER"},
		"user_change":                     slack.Ignored{Type: "user_change", EventID: "Ev0USER"},
		"app_home_opened":                 slack.Ignored{Type: "app_home_opened", EventID: "Ev0HOME"},
		"app_uninstalled": slack.Lifecycle{
			Type: "app_uninstalled", WorkspaceID: "T0HARBOR", AppID: "A0KONSTRUCT", EventID: "Ev0GONE",
		},
		"tokens_revoked": slack.Lifecycle{
			Type: "tokens_revoked", WorkspaceID: "T0HARBOR", AppID: "A0KONSTRUCT", EventID: "Ev0REVOKED",
		},
		"app_rate_limited": slack.RateLimited{
			WorkspaceID: "T0HARBOR", AppID: "A0KONSTRUCT", Minute: at(t, "2026-01-15T10:21:00Z"),
		},
		"url_verification": slack.Challenge{Value: "which-way-is-the-sea"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := slack.Normalize(sample(t, name))
			require.NoError(t, err)
			require.Equal(t, want, event)
		})
	}
}
