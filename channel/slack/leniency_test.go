package slack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/message"
)

// oddValues returns values of every JSON type.
func oddValues() []any {
	return []any{
		null, true, false, 0, -1, 1.5, json.Number("1e400"), json.Number(strings.Repeat("9", 400)), "", "x y", "\x00\x1f", strings.Repeat("z", 300),
		[]any{},
		[]any{null},
		[]any{[]any{}},
		[]any{1, "x", object{}},
		object{},
		block(`{"id": 1}`),
		block(`{"ts": []}`),
		block(`{"type": 7, "text": 7, "elements": 7}`),
	}
}

func TestNormalize_OddFields(t *testing.T) {
	t.Parallel()
	inner := []string{
		"text", "subtype", "user", "username", "user_profile", "bot_id", "app_id", "bot_profile", "team", "user_team", "source_team",
		"thread_ts", "parent_user_id", "root", "edited", "pinned_to", "blocks", "attachments", "files", "file", "event_ts", "channel_type",
		"message", "previous_message", "deleted_ts", "client_msg_id", "metadata", "reactions", "assistant_thread",
	}
	outer := []string{
		"api_app_id", "event_id", "event_time", "event_context", "is_ext_shared_channel", "is_enterprise_install", "team_id", "enterprise_id",
		"token", "authed_users", "context_team_id", "challenge", "minute_rate_limited",
	}
	for _, value := range oddValues() {
		for _, field := range inner {
			if s, ok := value.(string); ok && field == "subtype" && s != "" {
				continue // an unknown subtype is ignored
			}
			requireNormalized(t, callback(nil, object{field: value}), field)
		}
		for _, field := range outer {
			requireNormalized(t, callback(object{field: value}, nil), field)
		}
		for _, list := range []string{"blocks", "attachments", "files"} {
			requireNormalized(t, callback(nil, object{list: []any{value}}), list)
		}
	}
}

func requireNormalized(t *testing.T, payload object, field string) {
	t.Helper()
	event, err := normalize(t, payload)
	require.NoError(t, err, "%s in %v", field, payload["event"])
	m, ok := event.(slack.Message)
	require.True(t, ok, "%s: %T", field, event)
	require.NoError(t, m.Validate())
	require.Equal(t, "T0AUTH", m.ChannelMetadata.WorkspaceID)
	require.Contains(t, m.ID, "slack.T0AUTH.C0QUAY.1768471200.000007", field)
	if field != "text" {
		require.Equal(t, "ahoy", m.Content.Text, field)
	}
}

// The fields of blocks, attachments and files.
func TestNormalize_OddNestedFields(t *testing.T) {
	t.Parallel()
	for _, value := range oddValues() {
		for _, field := range []string{
			"type", "text", "title", "title_url", "fields", "elements", "accessory", "rows", "alt_text", "url", "options", "placeholder",
			"style", "indent", "offset", "user_id", "range", "timestamp", "file", "slack_file", "call", "initial_option",
		} {
			for _, kind := range []string{
				"section", "header", "context", "actions", "image", "video", "markdown", "table", "input", "file", "call", "rich_text", "rich_text_section",
				"rich_text_list", "rich_text_quote", "rich_text_preformatted", "user", "date", "link", "button", "static_select", "checkboxes",
			} {
				odd := with(`{"text": "x", "elements": [{"type": "text", "text": "y"}]}`, object{"type": kind}, object{field: value})
				requireNormalized(t, callback(nil, object{"blocks": []object{odd, {"type": "rich_text", "elements": []object{odd}}}}), field)
			}
		}
		for _, field := range []string{
			"pretext", "title", "text", "fallback", "author_name", "author_id", "fields", "blocks", "message_blocks", "message", "files", "actions",
			"attachments", "ts", "channel_id", "is_share", "from_url", "image_url",
		} {
			for _, base := range []string{`{"text": "x"}`, `{"text": "x", "is_share": true}`, `{"from_url": "https://x.example"}`} {
				requireNormalized(t, callback(nil, object{"attachments": []object{with(base, object{field: value})}}), field)
			}
		}
		for _, field := range []string{
			"name", "title", "mimetype", "size", "mode", "file_access", "is_external", "external_type", "url_private", "alt_txt", "transcription",
		} {
			requireNormalized(t, callback(nil, object{"files": []object{with(`{"id": "F1"}`, object{field: value})}}), field)
		}
	}
}

func TestNormalize_LooseTypes(t *testing.T) {
	t.Parallel()
	m := mustMessage(t,
		`{"is_ext_shared_channel": 0, "event_time": 1768471200.5}`,
		object{
			"files":  []object{{"id": "F1", "size": "1500"}, {"id": "F2", "size": -1}, {"id": "F3", "size": "many"}},
			"edited": object{"user": "U0CAPTAIN", "ts": json.Number("1768471206.0002")}, "user": block(`{"id": "U0CAPTAIN"}`),
		})
	require.False(t, m.ChannelMetadata.IsShared)
	require.Equal(t, at(t, "2026-01-15T10:00:00Z"), m.ChannelMetadata.EventTime)
	require.Equal(t, []int64{1500, 0, 0}, []int64{m.Content.Attachments[0].Size, m.Content.Attachments[1].Size, m.Content.Attachments[2].Size})
	require.Equal(t, message.KindEdited, m.Kind)
	require.Equal(t, m.OriginalID+".edited.1768471206.000200", m.ID)
	require.Equal(t, "U0CAPTAIN", m.Sender.ID)

	for _, shared := range []any{1, "true", "yes", []any{}, object{}} {
		require.True(t, mustMessage(t, object{"is_ext_shared_channel": shared}, nil).ChannelMetadata.IsShared, "%v", shared)
	}
	for _, without := range []any{nil, "", " ", object{}, "U0\nCAPTAIN"} {
		sender := mustMessage(t, nil, object{"user": without}).Sender
		require.Empty(t, sender.ID)
		require.True(t, sender.IsBot, "a person's message always has a user")
	}
}

// PostgreSQL stores neither invalid UTF-8 nor NUL.
func TestNormalize_TextIsStorable(t *testing.T) {
	t.Parallel()
	body := []byte(`{"type":"event_callback","authorizations":[{"team_id":"T1"}],"event":{"type":"message","user":"U1","channel":"C1",
		"ts":"1.000001","text":"a\u0000b\ud800c` + "\xff" + `","user_profile":{"real_name":"\u0000"},"files":[{"id":"F1","name":"` + "\xfe" + `"}]}}`)
	event, err := slack.Normalize(body)
	require.NoError(t, err)
	m := event.(slack.Message)
	requireValid(t, m.KonstructMessage)
	require.Equal(t, "a\uFFFDb\uFFFDc\uFFFD", m.Content.Text)
	require.Equal(t, "\uFFFD", m.Sender.DisplayName)
	require.Equal(t, "\uFFFD", m.Content.Attachments[0].Name)
}

// Ignored events may have any shape.
func TestNormalize_IgnoredEventsAreNotRead(t *testing.T) {
	t.Parallel()
	for _, value := range oddValues() {
		for _, inner := range []object{
			{"subtype": "channel_join", "edited": value, "text": value, "blocks": value, "ts": value, "channel": value, "user": value},
			{"type": "reaction_added", "item": value, "user": value, "ts": value, "channel": value},
			{"subtype": "message_changed", "message": object{"subtype": "channel_topic", "ts": value, "text": value}, "channel": value},
			{"subtype": "message_replied", "message": value},
		} {
			event, err := normalize(t, callback(object{"authorizations": value, "team_id": value}, inner))
			require.NoError(t, err)
			require.IsType(t, slack.Ignored{}, event)
		}
	}
}

// If a deletion is lost, the deleted text stays.
func TestNormalize_DeletionsWithOddFields(t *testing.T) {
	t.Parallel()
	for _, value := range oddValues() {
		m := mustMessage(t, nil, object{
			"subtype": "message_deleted", "deleted_ts": "1768471100.000001", "previous_message": value, "message": value, "event_ts": value,
		})
		requireValid(t, m.KonstructMessage)
		require.Equal(t, message.KindDeleted, m.Kind)
		require.Equal(t, "slack.T0AUTH.C0QUAY.1768471100.000001.deleted", m.ID)
		require.Equal(t, message.SenderInfo{}, m.Sender)
		require.Nil(t, m.Raw)
	}
}
