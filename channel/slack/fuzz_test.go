package slack_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
)

// everything is a seed with one of each element of content.
const everything = `{"type":"event_callback","authorizations":[{"team_id":"T1","enterprise_id":"E1","user_id":"U1","is_bot":true,
"is_enterprise_install":true}],"event":{"type":"message","channel":"D1","user":"U2","ts":"1.000001","thread_ts":"1000000000000001",
"text":"<@U1|a> <#C1|b> <!subteam^S1|c> <!here> <!date^1^{d}|e> <https://x|y>
&gt; <@U1>
&gt;&gt;&gt;z","files":[{"id":"F1","mode":"tombstone",
"transcription":{"preview":{"content":"t"}}}],"blocks":[{"type":"section","text":{"type":"mrkdwn","text":"m"},"fields":[{"type":"plain_text",
"text":"p"}],"accessory":{"type":"image","alt_text":"i","slack_file":{"id":"F2"}}},{"type":"table","rows":[[{"type":"raw_text","text":"r"}]]},
{"type":"video","title":{"type":"plain_text","text":"v"}},{"type":"actions","elements":[{"type":"button","text":{"text":"b"},"url":"u"},
{"type":"static_select","placeholder":{"text":"s"}},{"type":"overflow","options":[{"text":{"text":"o"}}]}]},{"type":"rich_text","elements":[
{"type":"rich_text_section","elements":[{"type":"user","user_id":"U1"},{"type":"date","timestamp":1},{"type":"emoji","name":"e"}]},
{"type":"rich_text_list","style":"ordered","indent":1,"elements":[{"type":"text","text":"l"}]},{"type":"rich_text_quote","elements":[
{"type":"broadcast","range":"here"}]},{"type":"rich_text_preformatted","elements":[{"type":"text","text":"c"}]}]}],"attachments":[{"title":"t",
"title_link":"l","text":"x","fields":[{"title":"f","value":"v"}],"footer":"o","image_url":"g","actions":[{"type":"button","text":"k"}]},
{"is_share":true,"author_id":"U1","ts":"1.000002","message_blocks":[{"message":{"text":"q","blocks":[]}}],"message":{"user":"U3","text":"n",
"attachments":[{"from_url":"w","text":"h","attachments":[{"fallback":"k"}]}]}}]}}`

// requireDefined checks invariants for any body: either a known event or a known error, and valid messages.
func requireDefined(t *testing.T, body []byte) {
	t.Helper()
	event, err := slack.Normalize(body)
	if err != nil {
		require.Nil(t, event)
		known := errors.Is(err, slack.ErrMalformed) || errors.Is(err, slack.ErrUnsupported) || errors.Is(err, slack.ErrNoWorkspace)
		require.True(t, known, "unknown error: %v", err)
		require.NotErrorIs(t, err, message.ErrInvalid, "composed messages must be valid")
		return
	}
	switch e := event.(type) {
	case slack.Message:
		requireValid(t, e.KonstructMessage)
	case slack.Challenge:
		require.NotEmpty(t, e.Value)
	case slack.Lifecycle:
		require.NotEmpty(t, e.Type)
		require.NotEmpty(t, e.WorkspaceID)
	case slack.RateLimited:
		require.NotEmpty(t, e.WorkspaceID)
	case slack.Ignored:
		require.NotEmpty(t, e.Type)
	default:
		require.Failf(t, "unknown event", "%T", event)
	}
}

func requireValid(t *testing.T, m message.KonstructMessage) {
	t.Helper()
	require.NoError(t, m.Validate())
	require.Equal(t, message.Slack, m.ChannelType)
	require.NotEmpty(t, m.ChannelMetadata.WorkspaceID)
	require.Equal(t, time.UTC, m.Timestamp.Location())
	require.Zero(t, m.Timestamp.Nanosecond()%int(time.Microsecond))
	if m.Kind == message.KindDeleted {
		require.Equal(t, message.MessageContent{Mentions: []message.Mention{}, Attachments: []message.Attachment{}}, m.Content)
		require.Empty(t, m.Raw)
	}

	encoded, err := json.Marshal(m)
	require.NoError(t, err)
	var again message.KonstructMessage
	require.NoError(t, json.Unmarshal(encoded, &again))
	require.Equal(t, m, again)

	tenant, err := tenancy.Parse("0198f3a0-0000-7000-8000-00000000000a")
	require.NoError(t, err)
	resolved, err := m.Resolve(tenant)
	require.NoError(t, err)
	encoded, err = json.Marshal(resolved)
	require.NoError(t, err)
	var resolvedAgain message.ResolvedMessage
	require.NoError(t, json.Unmarshal(encoded, &resolvedAgain))
	require.Equal(t, resolved, resolvedAgain)
}

// fixtures lists testdata and, if KONSTRUCT_FIXTURES is set, the captured payloads in its folders slack and slack-hard,
// which the project does not ship.
func fixtures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	if folder := os.Getenv("KONSTRUCT_FIXTURES"); folder != "" {
		more, err := filepath.Glob(filepath.Join(folder, "slack*", "*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, more, "KONSTRUCT_FIXTURES has no slack*/*.json")
		files = append(files, more...)
	}
	return files
}

func TestNormalize_Fixtures(t *testing.T) {
	t.Parallel()
	for _, file := range fixtures(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			requireDefined(t, body)
		})
	}
}

func FuzzNormalize(f *testing.F) {
	for _, file := range fixtures(f) {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		if len(body) < 64<<10 { // larger seeds slow the search down
			f.Add(body)
		}
	}
	f.Add([]byte(everything))
	for _, body := range []string{"", "null", "{}", `{"type":"event_callback","event":{"type":"message"}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(requireDefined)
}
