package slack_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
)

// object is a JSON object. In with, a nil value removes the field.
type object map[string]any

func (o object) with(changes object) object {
	changed := maps.Clone(o)
	maps.Copy(changed, changes)
	maps.DeleteFunc(changed, func(_ string, value any) bool { return value == nil })
	return changed
}

// null is JSON's null, as opposed to an absent field.
var null = json.RawMessage("null")

func callback(outer, inner object) object {
	event := object{"type": "message", "user": "U0CAPTAIN", "text": "ahoy", "ts": "1768471200.000007", "channel": "C0QUAY"}
	return object{
		"type": "event_callback", "team_id": "T0ENVELOPE", "enterprise_id": "E0ENVELOPE", "api_app_id": "A0KONSTRUCT",
		"authorizations": []object{{"team_id": "T0AUTH", "enterprise_id": "E0AUTH", "user_id": "U0ASSISTANT", "is_bot": true}},
		"event":          event.with(inner),
	}.with(outer)
}

func normalize(t *testing.T, payload object) (slack.Event, error) {
	t.Helper()
	body, err := json.Marshal(payload)
	require.NoError(t, err)
	return slack.Normalize(body)
}

func mustMessage(t *testing.T, payload object) slack.Message {
	t.Helper()
	event, err := normalize(t, payload)
	require.NoError(t, err)
	require.IsType(t, slack.Message{}, event)
	return event.(slack.Message)
}

func TestNormalize_SenderFlags(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		inner     object
		bot, self bool
	}{
		{"a person", nil, false, false},
		{"a person, through another app", object{"app_id": "A0OTHER"}, false, false},
		{"our user", object{"user": "U0ASSISTANT"}, true, true},
		{"our app's id", object{"app_id": "A0KONSTRUCT"}, true, true},
		{"our app's profile", object{"bot_profile": object{"app_id": "A0KONSTRUCT"}}, true, true},
		{"our app's profile under another user", object{"user": "U0OTHER", "bot_id": "B0", "bot_profile": object{"app_id": "A0KONSTRUCT"}}, true, true},
		{"another app's profile", object{"bot_profile": object{"app_id": "A0OTHER"}}, true, false},
		{"a bot's id", object{"bot_id": "B0OTHER"}, true, false},
		{"a bot's id without a user", object{"bot_id": "B0OTHER", "user": nil}, true, false},
		{"the bot_message subtype", object{"subtype": "bot_message", "bot_id": "B0OTHER"}, true, false},
		{"Slackbot", object{"user": "USLACKBOT"}, true, false},
		{"Slack", object{"user": "USLACK"}, true, false},
		{"a program without an id", object{"subtype": "bot_message", "user": nil, "bot_id": null, "username": "deploy"}, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sender := mustMessage(t, callback(nil, row.inner)).Sender
			require.Equal(t, row.bot, sender.IsBot)
			require.Equal(t, row.self, sender.IsSelf)
			require.Equal(t, strings.HasPrefix(sender.ID, "USLACK"), sender.IsSystem)
		})
	}
}

func TestNormalize_InstallingPersonIsNotOurApp(t *testing.T) {
	t.Parallel()
	outer := object{"authorizations": []object{{"team_id": "T0AUTH", "user_id": "U0CAPTAIN", "is_bot": false}}}
	m := mustMessage(t, callback(outer, object{"text": "<@U0CAPTAIN>"}))
	require.False(t, m.Sender.IsSelf)
	require.False(t, m.Content.MentionsSelf)
}

func TestNormalize_AppMentionWithoutAuthorizations(t *testing.T) {
	t.Parallel()
	outer := object{"authorizations": nil}
	require.True(t, mustMessage(t, callback(outer, object{"type": "app_mention"})).Content.MentionsSelf)
	require.False(t, mustMessage(t, callback(outer, nil)).Content.MentionsSelf)
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
			for _, mention := range mustMessage(t, callback(nil, object{"text": text})).Content.Mentions {
				ids = append(ids, strings.TrimSpace(string(mention.Kind)+" "+mention.ID))
			}
			require.Equal(t, want, ids)
		})
	}
}

func TestNormalize_UnknownEvents(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		inner object
		want  slack.Ignored
	}{
		"an unknown type":     {object{"type": "tide_turned", "user": object{"id": 1}, "ts": 7}, slack.Ignored{Type: "tide_turned"}},
		"an unknown subtype":  {object{"subtype": "tide_turned"}, slack.Ignored{Type: "message", Subtype: "tide_turned"}},
		"a notice":            {object{"subtype": "channel_topic"}, slack.Ignored{Type: "message", Subtype: "channel_topic"}},
		"a malformed type":    {object{"type": "x\ny"}, slack.Ignored{Type: "other"}},
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
	mustMessage(t, callback(nil, nil)) // the unchanged payload is valid
	for name, payload := range map[string]object{
		"no type":                      callback(object{"type": nil}, nil),
		"a list as type":               callback(object{"type": []int{1}}, nil),
		"no event":                     callback(object{"event": nil}, nil),
		"an event that is null":        callback(object{"event": null}, nil),
		"an event that is a list":      callback(object{"event": []string{}}, nil),
		"an event without a type":      callback(nil, object{"type": nil}),
		"no ts":                        callback(nil, object{"ts": nil}),
		"no channel":                   callback(nil, object{"channel": nil}),
		"a channel with a dot":         callback(nil, object{"channel": "C0.QUAY"}),
		"a channel with a colon":       callback(nil, object{"channel": "C0:QUAY"}),
		"a channel of 65 characters":   callback(nil, object{"channel": strings.Repeat("C", 65)}),
		"an edit without a message":    callback(nil, object{"subtype": "message_changed"}),
		"a deletion without a ts":      callback(nil, object{"subtype": "message_deleted"}),
		"an empty challenge":           {"type": "url_verification"},
		"a challenge with line breaks": {"type": "url_verification", "challenge": "a\r\nb: c"},
		"a challenge that is too long": {"type": "url_verification", "challenge": strings.Repeat("x", 513)},
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
	const canary = "canary-3f1c"
	for _, payload := range []object{
		callback(object{"type": canary}, nil),
		callback(object{"event_id": canary + "\n", "event": nil}, nil),
		callback(object{"authorizations": []object{{"team_id": canary + "*"}}}, nil),
		callback(object{"authorizations": canary}, nil),
		callback(nil, object{"ts": canary}),
		callback(nil, object{"channel": canary + "."}),
		{"type": "url_verification", "challenge": canary + "\n"},
	} {
		_, err := normalize(t, payload)
		var payloadError *slack.PayloadError
		require.ErrorAs(t, err, &payloadError)
		require.NotContains(t, err.Error()+payloadError.EventID, "canary")
	}
	_, err := slack.Normalize([]byte(`{"type":` + canary))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "canary")
}
