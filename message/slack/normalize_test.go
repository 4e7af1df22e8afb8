package slack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/message/slack"
)

// object is a JSON object under construction; a nil value takes a field out.
type object map[string]any

func (o object) with(changes object) object {
	changed := maps.Clone(o)
	maps.Copy(changed, changes)
	maps.DeleteFunc(changed, func(_ string, value any) bool { return value == nil })
	return changed
}

// null stands for JSON's null, which is not the same as an absent field.
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

func TestWorkspaceIsTheInstallations(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		outer object
		want  string
	}{
		{"the authorization's team", nil, "T0AUTH"},
		{"also in a shared channel", object{"is_ext_shared_channel": true}, "T0AUTH"},
		{
			"the first authorization",
			object{"authorizations": []object{{"team_id": "T0FIRST"}, {"team_id": "T0SECOND"}}},
			"T0FIRST",
		},
		{"the team, which names its organization", installed("T0AUTH", "E0AUTH", false), "T0AUTH"},
		{"the team, if is_enterprise_install is absent", installed("T0AUTH", "E0AUTH", nil), "T0AUTH"},
		{"the same for null", installed("T0AUTH", "E0AUTH", null), "T0AUTH"},
		{"the organization, which names no team", installed(null, "E0AUTH", true), "E0AUTH"},
		{"the organization, which also names a team", installed("T0AUTH", "E0AUTH", true), "E0AUTH"},
		{"the organization in a shared channel", installed("T0AUTH", "E0AUTH", true).with(object{"is_ext_shared_channel": true}), "E0AUTH"},
		{"the organization, said with a word", installed("T0AUTH", "E0AUTH", "true"), "E0AUTH"},
		{"the organization, said with a number", installed("T0AUTH", "E0AUTH", 1), "E0AUTH"},
		{"the team, said with a number", installed("T0AUTH", "E0AUTH", 0), "T0AUTH"},
		{"the envelope's team, if authorizations is absent", object{"authorizations": nil}, "T0ENVELOPE"},
		{"the same for null", object{"authorizations": null}, "T0ENVELOPE"},
		{"the envelope's organization, if it says so", object{"authorizations": nil, "is_enterprise_install": true}, "E0ENVELOPE"},
		{"the same as a word", object{"authorizations": nil, "is_enterprise_install": "true"}, "E0ENVELOPE"},
		{"the authorization, whatever the envelope says", object{"is_enterprise_install": true}, "T0AUTH"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, mustMessage(t, callback(row.outer, nil)).ChannelMetadata.WorkspaceID)
		})
	}
}

// installed is an envelope with one authorization.
func installed(team, enterprise, isEnterprise any) object {
	return object{"authorizations": []object{object{
		"team_id": team, "enterprise_id": enterprise, "user_id": "U0ASSISTANT", "is_bot": true, "is_enterprise_install": isEnterprise,
	}.with(nil)}}
}

func TestNoWorkspaceIsBetterThanAWrongOne(t *testing.T) {
	t.Parallel()
	for name, outer := range map[string]object{
		"an empty list of authorizations":        {"authorizations": []object{}},
		"an authorization without ids":           {"authorizations": []object{{"is_bot": true}}},
		"an authorization that is null":          {"authorizations": []any{null}},
		"a shared channel without authorization": {"authorizations": nil, "is_ext_shared_channel": true},
		"a shared channel, by its context":       {"authorizations": nil, "context_team_id": "T0OTHER"},
		"a shared channel, said oddly":           {"authorizations": nil, "is_ext_shared_channel": []string{"yes"}},
		"nothing at all":                         {"authorizations": nil, "team_id": nil, "enterprise_id": nil},
		"the envelope's organization alone":      {"authorizations": nil, "team_id": nil},
		"authorizations that are no list":        {"authorizations": "T0AUTH"},
		"authorizations that are an object":      {"authorizations": object{"team_id": "T0AUTH"}},
		"a workspace with a wildcard":            {"authorizations": []object{{"team_id": "T*"}}},
		"an organization without its id":         installed("T0AUTH", null, true),
		"a team without its id":                  installed(null, "E0AUTH", false),
		"neither organization nor team":          installed("T0AUTH", "E0AUTH", []bool{true}),
		"the same as a word":                     installed("T0AUTH", "E0AUTH", "maybe"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"message", "app_mention", "app_uninstalled"} {
				event, err := normalize(t, callback(outer, object{"type": kind}))
				require.ErrorIs(t, err, slack.ErrNoWorkspace, kind)
				require.Nil(t, event)
			}
			event, err := normalize(t, callback(outer, object{"type": "reaction_added"}))
			require.NoError(t, err, "what is ignored needs no workspace")
			require.IsType(t, slack.Ignored{}, event)
		})
	}
}

func TestOwnPostingsAreMarked(t *testing.T) {
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

func TestTheInstallingPersonIsNotOurApp(t *testing.T) {
	t.Parallel()
	outer := object{"authorizations": []object{{"team_id": "T0AUTH", "user_id": "U0CAPTAIN", "is_bot": false}}}
	m := mustMessage(t, callback(outer, object{"text": "<@U0CAPTAIN>"}))
	require.False(t, m.Sender.IsSelf)
	require.False(t, m.Content.MentionsSelf)
}

func TestAppMentionAddressesUs(t *testing.T) {
	t.Parallel()
	outer := object{"authorizations": nil}
	require.True(t, mustMessage(t, callback(outer, object{"type": "app_mention"})).Content.MentionsSelf)
	require.False(t, mustMessage(t, callback(outer, nil)).Content.MentionsSelf)
}

func TestMentions(t *testing.T) {
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

func TestTSIsKeptVerbatim(t *testing.T) {
	t.Parallel()
	for ts, want := range map[string]string{
		"1768471200.000000": "2026-01-15T10:00:00Z",
		"1768471200.000001": "2026-01-15T10:00:00.000001Z",
		"1768471200.999999": "2026-01-15T10:00:00.999999Z",
		"9999999999.999999": "2286-11-20T17:46:39.999999Z",
		"0.000001":          "1970-01-01T00:00:00.000001Z",
	} {
		t.Run(ts, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, callback(nil, object{"ts": ts, "thread_ts": ts}))
			require.Equal(t, ts, m.ChannelMetadata.MessageID)
			require.Equal(t, ts, m.ThreadID)
			require.Equal(t, at(t, want), m.Timestamp)
		})
	}
}

func TestTSIsRepaired(t *testing.T) {
	t.Parallel()
	for want, forms := range map[string][]any{
		"1768471200.000007": {"1768471200000007", json.Number("1768471200.000007")},
		"1768471200.000100": {"1768471200.0001", json.Number("1768471200.0001")},
		"1768471200.000000": {"1768471200", json.Number("1768471200")},
	} {
		for _, ts := range forms {
			m := mustMessage(t, callback(nil, object{"ts": ts, "thread_ts": ts}))
			require.Equal(t, want, m.ChannelMetadata.MessageID, "ts %v", ts)
			require.Equal(t, want, m.ThreadID, "thread_ts %v", ts)
		}
	}
	for _, ts := range []any{
		"", "1768471200.", ".000001", "1768471200.0000001", "17684712000.000001", "-1.000001", "+1.000001", "1.+00001",
		"1.00_001", "1e9.000000", "1768471200,000001", " 1768471200.000001", "1768471200.000001\n", "１.000001", true,
		object{},
		[]string{"1768471200.000001"},
	} {
		_, err := normalize(t, callback(nil, object{"ts": ts}))
		require.ErrorIs(t, err, slack.ErrMalformed, "ts %v", ts)
		m := mustMessage(t, callback(nil, object{"ts": ts, "event_ts": "1768471200.000007"}))
		require.Equal(t, "1768471200.000007", m.ChannelMetadata.MessageID, "a posting's event_ts is its ts")
		require.Empty(t, mustMessage(t, callback(nil, object{"thread_ts": ts})).ThreadID, "thread_ts %v", ts)
	}
}

func TestUnknownEventsAreIgnoredWithoutBeingRead(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		inner object
		want  slack.Ignored
	}{
		"an event of the future":      {object{"type": "tide_turned", "user": object{"id": 1}, "ts": 7}, slack.Ignored{Type: "tide_turned"}},
		"a subtype of the future":     {object{"subtype": "tide_turned"}, slack.Ignored{Type: "message", Subtype: "tide_turned"}},
		"a notice":                    {object{"subtype": "channel_topic"}, slack.Ignored{Type: "message", Subtype: "channel_topic"}},
		"a name that can't be logged": {object{"type": "x\ny"}, slack.Ignored{Type: "other"}},
		"a subtype like it":           {object{"subtype": strings.Repeat("x", 65)}, slack.Ignored{Type: "message", Subtype: "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := normalize(t, callback(nil, row.inner))
			require.NoError(t, err)
			require.Equal(t, row.want, event)
		})
	}
}

func TestMalformedPayloads(t *testing.T) {
	t.Parallel()
	mustMessage(t, callback(nil, nil)) // what the rows change is well-formed
	for name, payload := range map[string]object{
		"no type":                    callback(object{"type": nil}, nil),
		"a type that is no text":     callback(object{"type": []int{1}}, nil),
		"no event":                   callback(object{"event": nil}, nil),
		"an event that is null":      callback(object{"event": null}, nil),
		"an event that is a list":    callback(object{"event": []string{}}, nil),
		"an event without a type":    callback(nil, object{"type": nil}),
		"no ts":                      callback(nil, object{"ts": nil}),
		"no channel":                 callback(nil, object{"channel": nil}),
		"a channel with a dot":       callback(nil, object{"channel": "C0.QUAY"}),
		"a channel with a colon":     callback(nil, object{"channel": "C0:QUAY"}),
		"a channel of 65 characters": callback(nil, object{"channel": strings.Repeat("C", 65)}),
		"an edit of nothing":         callback(nil, object{"subtype": "message_changed"}),
		"a deletion of nothing":      callback(nil, object{"subtype": "message_deleted"}),
		"an empty challenge":         {"type": "url_verification"},
		"a challenge with markup":    {"type": "url_verification", "challenge": "a\r\nb: c"},
		"a challenge without end":    {"type": "url_verification", "challenge": strings.Repeat("x", 513)},
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

func TestUnsupportedPayloads(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"hello", "disconnect", "events_api", "block_actions", "EVENT_CALLBACK"} {
		event, err := normalize(t, callback(object{"type": kind}, nil))
		require.ErrorIs(t, err, slack.ErrUnsupported, kind)
		require.Nil(t, event)
	}
}

func TestErrorsRepeatNothing(t *testing.T) {
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

// TestHostileSizes ends in a moment or not at all: each of these is quadratic or recursive where done carelessly.
func TestHostileSizes(t *testing.T) {
	t.Parallel()
	const many = 1 << 18
	nested := strings.Repeat("[", many) + strings.Repeat("]", many)
	for _, body := range []string{
		nested,
		`{"type":"event_callback","event":` + nested + `}`,
		strings.Repeat(`{"event":`, many),
	} {
		_, err := slack.Normalize([]byte(body))
		require.ErrorIs(t, err, slack.ErrMalformed)
	}

	shallow := json.RawMessage(strings.Repeat("[", 9000) + strings.Repeat("]", 9000))
	for _, field := range []string{"blocks", "attachments", "files", "text", "user", "edited", "root", "message"} {
		mustMessage(t, callback(nil, object{field: shallow}))
	}

	for _, end := range []string{"", ">", "|>"} {
		open := strings.Repeat("<@", many) + end
		require.Empty(t, mustMessage(t, callback(nil, object{"text": open})).Content.Mentions)
	}
}

// TestContentIsBounded: each of these would otherwise hold many times the body, which is 4 MiB at most.
func TestContentIsBounded(t *testing.T) {
	t.Parallel()
	list := func(one string) json.RawMessage {
		return json.RawMessage("[" + strings.TrimSuffix(strings.Repeat(one+",", (3<<20)/(len(one)+1)), ",") + "]")
	}
	numbered := func(form string, count int) string {
		out := &strings.Builder{}
		for i := range count {
			fmt.Fprintf(out, form, i)
		}
		return out.String()
	}
	nested := func(open, end string, depth int) json.RawMessage {
		return json.RawMessage(strings.Repeat(open, depth) + "{}" + strings.Repeat(end, depth))
	}
	for name, inner := range map[string]object{
		"a long text":             {"text": strings.Repeat("漢", 1<<20)},
		"many lines":              {"text": strings.Repeat("&gt;\n", 1<<19)},
		"many mentions":           {"text": numbered("<@U%d>", 200_000)},
		"many empty blocks":       {"blocks": list(`{}`)},
		"many blocks":             {"blocks": list(`{"type":"header","text":{"type":"plain_text","text":"x"}}`)},
		"many elements":           {"blocks": []object{{"type": "actions", "elements": list(`{"type":"button","text":{"text":"x"}}`)}}},
		"many rows":               {"blocks": []object{{"type": "table", "rows": list(`[{"type":"raw_text","text":"x"}]`)}}},
		"many cells":              {"blocks": []object{{"type": "table", "rows": []any{list(`1`)}}}},
		"many attachments":        {"attachments": list(`{"text":"x"}`)},
		"many empty attachments":  {"attachments": list(`{}`)},
		"many fields":             {"attachments": []object{{"fields": list(`{"title":"x"}`)}}},
		"many files":              {"files": json.RawMessage("[" + numbered(`{"id":"F%d"},`, 100_000) + "{}]")},
		"one file many times":     {"files": list(`{"id":"F1"}`)},
		"blocks in blocks":        {"blocks": []any{nested(`{"elements":[`, `]}`, 3000)}},
		"quotes in quotes":        {"blocks": []any{nested(`{"type":"rich_text_quote","elements":[`, `]}`, 3000)}},
		"attachments of one":      {"attachments": []any{nested(`{"text":"x","attachments":[`, `]}`, 3000)}},
		"messages in messages":    {"attachments": []any{nested(`{"message":{"text":"x","attachments":[`, `]}}`, 2000)}},
		"message blocks of those": {"attachments": []any{nested(`{"message_blocks":[{"message":{"text":"x","attachments":[`, `]}}]}`, 1500)}},
		"many messages in one":    {"attachments": []object{{"message_blocks": list(`{"message":{"text":"a word"}}`)}}},
		"a long quotation":        {"blocks": []object{{"type": "rich_text_quote", "elements": list(`{"type":"text","text":"a\n"}`)}}},
		"a long name":             {"user_profile": object{"display_name": strings.Repeat("x", 1<<20)}, "files": []object{{"id": "F1", "name": strings.Repeat("y", 1<<20)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, callback(nil, inner))
			encoded, err := json.Marshal(m.KonstructMessage)
			require.NoError(t, err)
			require.Less(t, len(encoded), 12<<20)
		})
	}
}
