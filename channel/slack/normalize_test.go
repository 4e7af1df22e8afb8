package slack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
)

type object map[string]any

// null is JSON's null, as opposed to an absent field.
var null = json.RawMessage("null")

// with merges objects, texts of objects and nils; later fields replace earlier ones. A field that is nil, or "absent" in
// a text, is removed.
func with(parts ...any) object {
	merged := object{}
	for _, part := range parts {
		switch part := part.(type) {
		case object:
			maps.Copy(merged, part)
		case string:
			var fields map[string]json.RawMessage
			if err := json.Unmarshal([]byte(part), &fields); err != nil {
				panic(err)
			}
			for name, value := range fields {
				merged[name] = value
				if string(value) == `"absent"` {
					delete(merged, name)
				}
			}
		case nil:
		default:
			panic(fmt.Sprintf("%T", part))
		}
	}
	maps.DeleteFunc(merged, func(_ string, value any) bool { return value == nil })
	return merged
}

// callback returns a payload with changes of the envelope and of the event in it.
func callback(outer, inner any) object {
	const event = `{"type": "message", "user": "U0CAPTAIN", "text": "ahoy", "ts": "1768471200.000007", "channel": "C0QUAY"}`
	return with(`{"type": "event_callback", "team_id": "T0ENVELOPE", "enterprise_id": "E0ENVELOPE", "api_app_id": "A0KONSTRUCT",
		"authorizations": [{"team_id": "T0AUTH", "enterprise_id": "E0AUTH", "user_id": "U0ASSISTANT", "is_bot": true}]}`,
		object{"event": with(event, inner)}, outer)
}

func normalize(t *testing.T, payload any) (slack.Event, error) {
	t.Helper()
	body, err := json.Marshal(with(payload))
	require.NoError(t, err)
	return slack.Normalize(body)
}

// mustMessage normalizes a callback.
func mustMessage(t *testing.T, outer, inner any) slack.Message {
	t.Helper()
	event, err := normalize(t, callback(outer, inner))
	require.NoError(t, err)
	require.IsType(t, slack.Message{}, event)
	return event.(slack.Message)
}

func TestNormalize_SenderFlags(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		inner     any
		bot, self bool
	}{
		{"a person", nil, false, false},
		{"a person, through another app", `{"app_id": "A0OTHER"}`, false, false},
		{"our user", `{"user": "U0ASSISTANT"}`, true, true},
		{"our app's id", `{"app_id": "A0KONSTRUCT"}`, true, true},
		{"our app's profile", `{"bot_profile": {"app_id": "A0KONSTRUCT"}}`, true, true},
		{"our app's profile under another user", `{"user": "U0OTHER", "bot_id": "B0", "bot_profile": {"app_id": "A0KONSTRUCT"}}`, true, true},
		{"another app's profile", `{"bot_profile": {"app_id": "A0OTHER"}}`, true, false},
		{"a bot's id", `{"bot_id": "B0OTHER"}`, true, false},
		{"a bot's id without a user", `{"bot_id": "B0OTHER", "user": "absent"}`, true, false},
		{"the bot_message subtype", `{"subtype": "bot_message", "bot_id": "B0OTHER"}`, true, false},
		{"Slackbot", `{"user": "USLACKBOT"}`, true, false},
		{"Slack", `{"user": "USLACK"}`, true, false},
		{"a program without an id", `{"subtype": "bot_message", "user": "absent", "bot_id": null, "username": "deploy"}`, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sender := mustMessage(t, nil, row.inner).Sender
			require.Equal(t, row.bot, sender.IsBot)
			require.Equal(t, row.self, sender.IsSelf)
			require.Equal(t, strings.HasPrefix(sender.ID, "USLACK"), sender.IsSystem)
		})
	}
}

func TestNormalize_InstallingPersonIsNotOurApp(t *testing.T) {
	t.Parallel()
	outer := `{"authorizations": [{"team_id": "T0AUTH", "user_id": "U0CAPTAIN", "is_bot": false}]}`
	m := mustMessage(t, outer, `{"text": "<@U0CAPTAIN>"}`)
	require.False(t, m.Sender.IsSelf)
	require.False(t, m.Content.MentionsSelf)
}

func TestNormalize_AppMentionWithoutAuthorizations(t *testing.T) {
	t.Parallel()
	outer := `{"authorizations": "absent"}`
	require.True(t, mustMessage(t, outer, `{"type": "app_mention"}`).Content.MentionsSelf)
	require.False(t, mustMessage(t, outer, nil).Content.MentionsSelf)
}

func TestNormalize_Mentions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                               {},
		"no one":                         {},
		"<@U1>":                          {"U1"},
		"<@U1> <@W2|two> <@U1|one>":      {"U1", "W2"},
		"<@U1":                           {},
		"<@> <@|x> <@U 1>":               {},
		"<#C1|general> <mailto>":         {},
		"<!here> <!channel|channel>":     {"broadcast here", "broadcast channel"},
		"<!everyone> <!group>":           {"broadcast everyone", "broadcast channel"},
		"<!subteam^S1|@ops> <!subteam^>": {"group S1"},
		"<!date^1^{date}|today>":         {},
		"&gt; <@U1> said\n<@U2>":         {"U2"},
		"<@U2>\n&gt;<@U1>":               {"U2"},
		"<@U2> &gt; <@U1>":               {"U2", "U1"},
		"&gt;&gt;&gt; <@U1>\n<@U2>":      {},
		"&lt;@U1&gt;":                    {},
		"<@<@U1>>":                       {"U1"},
		"<@U1><@U2>":                     {"U1", "U2"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			ids := []string{}
			for _, mention := range mustMessage(t, nil, object{"text": text}).Content.Mentions {
				ids = append(ids, strings.TrimSpace(string(mention.Kind)+" "+mention.ID))
			}
			require.Equal(t, want, ids)
		})
	}
}

func TestNormalize_UnknownEvents(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		inner any
		want  slack.Ignored
	}{
		"an unknown type":     {`{"type": "tide_turned", "user": {"id": 1}, "ts": 7}`, slack.Ignored{Type: "tide_turned"}},
		"an unknown subtype":  {`{"subtype": "tide_turned"}`, slack.Ignored{Type: "message", Subtype: "tide_turned"}},
		"a notice":            {`{"subtype": "channel_topic"}`, slack.Ignored{Type: "message", Subtype: "channel_topic"}},
		"a malformed type":    {`{"type": "x\ny"}`, slack.Ignored{Type: "other"}},
		"a malformed subtype": {object{"subtype": strings.Repeat("x", 65)}, slack.Ignored{Type: "message", Subtype: "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := normalize(t, callback(nil, row.inner))
			require.NoError(t, err)
			require.Equal(t, row.want, event)
		})
	}
}

func TestNormalize_Malformed(t *testing.T) {
	t.Parallel()
	mustMessage(t, nil, nil) // the unchanged payload is valid
	for name, payload := range map[string]any{
		"no type":                      callback(`{"type": "absent"}`, nil),
		"a list as type":               callback(`{"type": [1]}`, nil),
		"no event":                     callback(`{"event": "absent"}`, nil),
		"an event that is null":        callback(`{"event": null}`, nil),
		"an event that is a list":      callback(`{"event": []}`, nil),
		"an event without a type":      callback(nil, `{"type": "absent"}`),
		"no ts":                        callback(nil, `{"ts": "absent"}`),
		"no channel":                   callback(nil, `{"channel": "absent"}`),
		"a channel with a dot":         callback(nil, `{"channel": "C0.QUAY"}`),
		"a channel with a colon":       callback(nil, `{"channel": "C0:QUAY"}`),
		"a channel of 65 characters":   callback(nil, object{"channel": strings.Repeat("C", 65)}),
		"an edit without a message":    callback(nil, `{"subtype": "message_changed"}`),
		"a deletion without a ts":      callback(nil, `{"subtype": "message_deleted"}`),
		"an empty challenge":           `{"type": "url_verification"}`,
		"a challenge with line breaks": `{"type": "url_verification", "challenge": "a\r\nb: c"}`,
		"a challenge that is too long": object{"type": "url_verification", "challenge": strings.Repeat("x", 513)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := normalize(t, payload)
			require.ErrorIs(t, err, slack.ErrMalformed)
			require.Nil(t, event)
		})
	}
	for _, body := range []string{"", " ", "null", "[]", "{", `"text"`, "{}", `{"type":"event_callback"}{}`, "\xff", "token=x&command=%2Fy"} {
		event, err := slack.Normalize([]byte(body))
		require.ErrorIs(t, err, slack.ErrMalformed, body)
		require.Nil(t, event)
	}
}

func TestNormalize_Unsupported(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"hello", "disconnect", "events_api", "block_actions", "EVENT_CALLBACK"} {
		event, err := normalize(t, callback(object{"type": kind}, nil))
		require.ErrorIs(t, err, slack.ErrUnsupported, kind)
		require.Nil(t, event)
	}
}

func TestNormalize_ErrorsContainNoInput(t *testing.T) {
	t.Parallel()
	for _, payload := range []any{
		callback(`{"type": "canary"}`, nil),
		callback(`{"event_id": "canary\n", "event": "absent"}`, nil),
		callback(`{"authorizations": [{"team_id": "canary*"}]}`, nil),
		callback(`{"authorizations": "canary"}`, nil),
		callback(nil, `{"ts": "canary"}`),
		callback(nil, `{"channel": "canary."}`),
		`{"type": "url_verification", "challenge": "canary\n"}`,
	} {
		_, err := normalize(t, payload)
		var payloadError *slack.PayloadError
		require.ErrorAs(t, err, &payloadError)
		require.NotContains(t, err.Error()+payloadError.EventID, "canary")
	}
	_, err := slack.Normalize([]byte(`{"type":canary`))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "canary")
}
