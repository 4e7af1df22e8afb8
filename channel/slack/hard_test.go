package slack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/message"
)

// The folder slack-hard in KONSTRUCT_FIXTURES has payloads that once failed.
func TestNormalize_HardFixtures(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("KONSTRUCT_FIXTURES")
	if folder == "" {
		return // the other tests cover each case with our own payloads
	}
	messages, others := hardMessages(), map[string]slack.Event{
		"16": slack.Ignored{Type: "message", Subtype: "channel_join", EventID: "EvTRIAL0007"},
		"21": slack.Lifecycle{
			Type: "team_access_granted", WorkspaceID: "E0ORG00001", AppID: "A0MSGS0001", EventID: "EvTRIAL0087", TeamIDs: []string{"T1", "T2"},
		},
	}
	files, err := filepath.Glob(filepath.Join(folder, "slack-hard", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, len(messages)+len(others))
	for _, file := range files {
		number, _, _ := strings.Cut(filepath.Base(file), "_")
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			requireDefined(t, body)
			event, err := slack.Normalize(body)
			require.NoError(t, err)
			if want, ok := others[number]; ok {
				require.Equal(t, want, event)
				return
			}
			require.Contains(t, messages, number)
			require.IsType(t, slack.Message{}, event)
			messages[number](require.New(t), event.(slack.Message))
		})
	}
}

// hardMessages checks each payload's message, by the number in its file name.
func hardMessages() map[string]func(*require.Assertions, slack.Message) {
	return map[string]func(*require.Assertions, slack.Message){
		"01": func(r *require.Assertions, m slack.Message) {
			r.Equal("E0ORG00001", m.ChannelMetadata.WorkspaceID)
			r.Equal("4-abc", m.ChannelMetadata.EventContext)
		},
		"03": func(r *require.Assertions, m slack.Message) {
			r.Equal(message.KindDeleted, m.Kind)
			r.Equal("1766458026.240809", m.ChannelMetadata.MessageID)
		},
		"05": func(r *require.Assertions, m slack.Message) {
			r.Equal("[FIRING:1] disk full\nhost web-1 at 97%\nhost: web-1", m.Content.PlainText)
		},
		"06": func(r *require.Assertions, m slack.Message) {
			r.Equal("*Error* in checkout: @U0OWNBOT01 please look", m.Content.PlainText)
			r.True(m.Content.MentionsSelf)
		},
		"08": func(r *require.Assertions, m slack.Message) {
			r.Equal("Which support it?\nMaker\nSam", m.Content.PlainText)
		},
		"10": func(r *require.Assertions, m slack.Message) { r.Equal(message.EditPreview, m.EditReason) },
		"11": func(r *require.Assertions, m slack.Message) { r.Equal(message.EditPin, m.EditReason) },
		"13": func(r *require.Assertions, m slack.Message) { r.True(m.Sender.IsBot && m.Sender.IsSystem) },
		"15": func(r *require.Assertions, m slack.Message) {
			r.Equal([]message.Attachment{{ID: "F0FILE0002", State: message.FileDeleted}}, m.Content.Attachments)
		},
		"17": func(r *require.Assertions, m slack.Message) {
			r.Equal(message.SenderInfo{DisplayName: "deploy", IsBot: true}, m.Sender)
			r.Equal("deployed", m.Content.Text)
		},
		"18": func(r *require.Assertions, m slack.Message) { r.True(m.ChannelMetadata.IsDirect) },
		"19": func(r *require.Assertions, m slack.Message) { r.Equal("1515449522.000019", m.ThreadID) },
		"20": func(r *require.Assertions, m slack.Message) {
			r.Equal("B0OWNBOT01", m.Sender.ID, "to compare with the connection's bot_id")
		},
		"22": func(r *require.Assertions, m slack.Message) {
			r.Equal([]message.Mention{
				{ID: "U0PERSON02"},
				{ID: "U0OWNBOT01", IsSelf: true},
				{ID: "S0GROUP001", Kind: message.MentionGroup},
				{ID: "S0GROUP002", Kind: message.MentionGroup},
				{ID: "here", Kind: message.MentionBroadcast},
				{ID: "channel", Kind: message.MentionBroadcast},
				{ID: "everyone", Kind: message.MentionBroadcast},
			}, m.Content.Mentions)
		},
		"23": func(r *require.Assertions, m slack.Message) {
			r.False(m.Content.Truncated)
			r.Greater(len(m.Content.Text), 100_000)
		},
		"24": func(r *require.Assertions, m slack.Message) { r.False(m.ChannelMetadata.IsDirect) },
		"25": func(r *require.Assertions, m slack.Message) {
			r.Equal(time.Date(2025, 12, 23, 2, 47, 13, 950_100_000, time.UTC), m.Timestamp)
		},
	}
}
