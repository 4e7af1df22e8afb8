package slack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/message/slack"
)

// TestHardFixtures reads payloads that once failed, from the folder slack-hard in the one that KONSTRUCT_FIXTURES names.
// The tests beside this one have examples of our own for each.
func TestHardFixtures(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("KONSTRUCT_FIXTURES")
	if folder == "" {
		return // nothing but what the other tests say in their own words
	}
	checks := hardChecks()
	files, err := filepath.Glob(filepath.Join(folder, "slack-hard", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, len(checks))
	for _, file := range files {
		number, _, _ := strings.Cut(filepath.Base(file), "_")
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			requireDefined(t, body)
			event, err := slack.Normalize(body)
			require.NoError(t, err)
			require.Contains(t, checks, number)
			checks[number](t, event)
		})
	}
}

func hardChecks() map[string]func(*testing.T, slack.Event) {
	of := func(check func(*testing.T, slack.Message)) func(*testing.T, slack.Event) {
		return func(t *testing.T, event slack.Event) {
			t.Helper()
			require.IsType(t, slack.Message{}, event)
			check(t, event.(slack.Message))
		}
	}
	return map[string]func(*testing.T, slack.Event){
		"01": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, "E0ORG00001", m.ChannelMetadata.WorkspaceID)
			require.Equal(t, "4-abc", m.ChannelMetadata.EventContext)
		}),
		"03": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, message.KindDeleted, m.Kind)
			require.Equal(t, "1766458026.240809", m.ChannelMetadata.MessageID)
		}),
		"05": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, "[FIRING:1] disk full\nhost web-1 at 97%\nhost: web-1", m.Content.PlainText)
		}),
		"06": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, "*Error* in checkout: @U0OWNBOT01 please look", m.Content.PlainText)
			require.True(t, m.Content.MentionsSelf)
		}),
		"08": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, "Which support it?\nMaker\nSam", m.Content.PlainText)
		}),
		"10": of(func(t *testing.T, m slack.Message) { require.Equal(t, message.EditPreview, m.EditReason) }),
		"11": of(func(t *testing.T, m slack.Message) { require.Equal(t, message.EditPin, m.EditReason) }),
		"13": of(func(t *testing.T, m slack.Message) { require.True(t, m.Sender.IsBot && m.Sender.IsSystem) }),
		"15": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, []message.Attachment{{ID: "F0FILE0002", State: message.FileDeleted}}, m.Content.Attachments)
		}),
		"16": func(t *testing.T, event slack.Event) { require.IsType(t, slack.Ignored{}, event) },
		"17": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, message.SenderInfo{DisplayName: "deploy", IsBot: true}, m.Sender)
			require.Equal(t, "deployed", m.Content.Text)
		}),
		"18": of(func(t *testing.T, m slack.Message) { require.True(t, m.ChannelMetadata.IsDirect) }),
		"19": of(func(t *testing.T, m slack.Message) { require.Equal(t, "1515449522.000019", m.ThreadID) }),
		"20": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, "B0OWNBOT01", m.Sender.ID, "what the connection's bot_id is held against")
		}),
		"21": func(t *testing.T, event slack.Event) {
			require.Equal(t, []string{"T1", "T2"}, event.(slack.Lifecycle).TeamIDs)
		},
		"22": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, []message.Mention{
				{ID: "U0PERSON02"}, {ID: "U0OWNBOT01", IsSelf: true},
				{ID: "S0GROUP001", Kind: message.MentionGroup}, {ID: "S0GROUP002", Kind: message.MentionGroup},
				{ID: "here", Kind: message.MentionBroadcast}, {ID: "channel", Kind: message.MentionBroadcast},
				{ID: "everyone", Kind: message.MentionBroadcast},
			}, m.Content.Mentions)
		}),
		"23": of(func(t *testing.T, m slack.Message) {
			require.False(t, m.Content.Truncated)
			require.Greater(t, len(m.Content.Text), 100_000)
		}),
		"24": of(func(t *testing.T, m slack.Message) { require.False(t, m.ChannelMetadata.IsDirect) }),
		"25": of(func(t *testing.T, m slack.Message) {
			require.Equal(t, at(t, "2025-12-23T02:47:13.9501Z"), m.Timestamp)
		}),
	}
}
