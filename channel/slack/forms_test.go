package slack_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/message"
)

func TestNormalize_EditReason(t *testing.T) {
	t.Parallel()
	posting := `{"type": "message", "user": "U0CAPTAIN", "ts": "1768471200.000007", "text": "see <https://a.example>"}`
	edited := `{"edited": {"user": "U0CAPTAIN", "ts": "1768471210.000000"}}`
	preview := `{"attachments": [{"from_url": "https://a.example", "title": "A"}]}`
	bot := `{"bot_id": "B0OTHER"}`
	for name, row := range map[string]struct {
		after, before any
		want          message.EditReason
	}{
		"a person's first edit":         {with(posting, edited), posting, message.EditByPerson},
		"a person's next edit":          {with(posting, edited), with(posting, `{"edited": {"ts": "1768471205.000000"}}`), message.EditByPerson},
		"an edit that adds a preview":   {with(posting, edited, preview), posting, message.EditByPerson},
		"an edit of an unknown message": {with(posting, edited), `{}`, message.EditByPerson},
		"a program's edit":              {with(posting, edited, bot), with(posting, bot), message.EditByProgram},
		"a program's new layout":        {with(posting, bot, `{"blocks": [{"type": "divider"}]}`), with(posting, bot), message.EditByProgram},
		"a program's own preview":       {with(posting, bot, preview), with(posting, bot), message.EditPreview},
		"a preview":                     {with(posting, preview), posting, message.EditPreview},
		"a preview after an edit":       {with(posting, edited, preview), with(posting, edited), message.EditPreview},
		"a preview removed":             {posting, with(posting, preview), message.EditPreview},
		"a pin":                         {with(posting, `{"pinned_to": ["C0QUAY"]}`), posting, message.EditPin},
		"an unpin":                      {posting, with(posting, `{"pinned_to": ["C0QUAY"]}`), message.EditPin},
		"an edit in the same second":    {with(posting, edited, `{"text": "y"}`), with(posting, edited), message.EditByPerson},
		"a pin with its details":        {with(posting, `{"pinned_info": {"channel": "C0QUAY"}}`), posting, message.EditPin},
		"a pin after an edit":           {with(posting, edited, `{"pinned_to": ["C0QUAY"]}`), with(posting, edited), message.EditPin},
		"a reply in its thread":         {with(posting, `{"text": "x", "reply_count": 1}`), with(posting, `{"text": "x"}`), message.EditByChannel},
		"an edit without a time":        {with(posting, `{"text": "x", "edited": {}}`), with(posting, `{"text": "x"}`), message.EditByChannel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, nil, object{
				"subtype": "message_changed", "message": with(row.after), "previous_message": with(row.before), "event_ts": "1768471220.000100",
			})
			require.Equal(t, message.KindEdited, m.Kind)
			require.Equal(t, row.want, m.EditReason)
			require.False(t, m.Timestamp.Before(at(t, "2026-01-15T10:00:00.000007Z")))
		})
	}
	require.Empty(t, mustMessage(t, nil, nil).EditReason)
	require.Equal(t, message.EditByPerson, mustMessage(t, nil, with(edited, `{"type": "app_mention"}`)).EditReason)
}

func TestNormalize_EditWithoutATime(t *testing.T) {
	t.Parallel()
	for _, odd := range []any{nil, null, []any{}, "soon"} {
		m := mustMessage(t, `{"event_id": "Ev1"}`, object{
			"subtype": "message_changed", "message": block(`{"user": "U0CAPTAIN", "ts": "1768471200.000007", "text": "y"}`), "ts": odd, "event_ts": odd,
		})
		requireValid(t, m.KonstructMessage)
		require.Equal(t, "slack.T0AUTH.C0QUAY.1768471200.000007.edited.Ev1", m.ID)
	}
}

// Slack truncates edited.ts to whole seconds.
func TestNormalize_EditIsNotBeforeItsMessage(t *testing.T) {
	t.Parallel()
	posting := block(`{"user": "U0CAPTAIN", "ts": "1768471200.800000", "text": "x", "edited": {"ts": "1768471200.000000"}}`)
	for eventTS, want := range map[string]string{
		"1768471200.950100": "2026-01-15T10:00:00.9501Z",
		"1768471200.000000": "2026-01-15T10:00:00.8Z",
		"":                  "2026-01-15T10:00:00.8Z",
	} {
		changed := mustMessage(t, nil, object{"subtype": "message_changed", "message": posting, "event_ts": eventTS, "ts": eventTS})
		require.Equal(t, at(t, want), changed.Timestamp)
		require.Equal(t, changed.OriginalID+".edited.1768471200.000000", changed.ID, "every event about the edit has the same id")
	}
}

func TestNormalize_EditWithoutMessageIsMalformed(t *testing.T) {
	t.Parallel()
	before := block(`{"user": "U0CAPTAIN", "ts": "1768471200.000007", "text": "x"}`)
	for _, after := range []any{nil, null, "x", []any{}, 1} {
		_, err := normalize(t, callback(nil, object{
			"subtype": "message_changed", "message": after, "previous_message": before, "event_ts": "1768471220.000100",
		}))
		require.ErrorIs(t, err, slack.ErrMalformed)
	}
}

func TestNormalize_DeletionWithoutATime(t *testing.T) {
	t.Parallel()
	deletion := `{"subtype": "message_deleted", "deleted_ts": "1768471100.000001", "ts": "absent"}`
	require.Equal(t, at(t, "2026-01-15T10:00:00Z"), mustMessage(t, `{"event_time": 1768471200}`, deletion).Timestamp)
	require.Equal(t, at(t, "2026-01-15T09:58:20.000001Z"), mustMessage(t, nil, deletion).Timestamp)
}

// Our token must not be sent to other hosts.
func TestNormalize_FileStates(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		file string
		want message.FileState
	}{
		"hosted":             {`{"url_private": "https://files.slack.com/files-pri/T1-F1/a.txt", "mode": "hosted", "is_external": false, "external_type": ""}`, message.FileFetchable},
		"a snippet":          {`{"url_private": "https://files.slack.com/files-pri/T1-F1/a.txt", "mode": "snippet"}`, message.FileFetchable},
		"GovSlack":           {`{"url_private": "https://files.slack-gov.com/x"}`, message.FileFetchable},
		"shared channel":     {`{"file_access": "check_file_info"}`, message.FileFetchable},
		"external":           {`{"url_private": "https://docs.example/x", "mode": "external", "is_external": true, "external_type": "gdrive"}`, message.FileExternal},
		"by its mode alone":  {`{"url_private": "https://files.slack.com/files-pri/T1-F1/a.txt", "mode": "external"}`, message.FileExternal},
		"by its type alone":  {`{"url_private": "https://files.slack.com/files-pri/T1-F1/a.txt", "external_type": "dropbox"}`, message.FileExternal},
		"by a flag alone":    {`{"url_private": "https://files.slack.com/files-pri/T1-F1/a.txt", "is_external": true}`, message.FileExternal},
		"on another host":    {`{"url_private": "https://files.example/x"}`, message.FileExternal},
		"similar host":       {`{"url_private": "https://files-slack.com/x"}`, message.FileExternal},
		"host as a prefix":   {`{"url_private": "https://files.slack.com.evil.example/x"}`, message.FileExternal},
		"host as user info":  {`{"url_private": "https://files.slack.com@evil.example/x"}`, message.FileExternal},
		"user info":          {`{"url_private": "https://u@files.slack.com/x"}`, message.FileExternal},
		"on another port":    {`{"url_private": "https://files.slack.com:8443/x"}`, message.FileExternal},
		"http":               {`{"url_private": "http://files.slack.com/x"}`, message.FileExternal},
		"malformed URL":      {`{"url_private": "://"}`, message.FileExternal},
		"a tombstone":        {`{"mode": "tombstone", "url_private": "https://files.slack.com/files-pri/T1-F1/a.txt"}`, message.FileDeleted},
		"not found":          {`{"file_access": "file_not_found"}`, message.FileDeleted},
		"deleted":            {`{"is_deleted": true, "url_private": "https://files.slack.com/files-pri/T1-F1/a.txt"}`, message.FileDeleted},
		"hidden by the plan": {`{"mode": "hidden_by_limit", "url_private": "https://files.slack.com/files-pri/T1-F1/a.txt"}`, message.FileUnavailable},
		"access denied":      {`{"file_access": "access_denied", "url_private": "https://files.slack.com/files-pri/T1-F1/a.txt"}`, message.FileUnavailable},
		"an organization's":  {`{"url_private": "https://port.enterprise.slack.com/"}`, message.FileFetchable},
		"a long URL":         {`{"url_private": "https://evil.example/` + strings.Repeat("x", 9<<10) + `"}`, message.FileExternal},
		"a fullwidth slash":  {`{"url_private": "https://evil.example\uFF0F.slack.com/F1"}`, message.FileExternal},
		"a letter of two":    {`{"url_private": "https://evil.example\u2100.slack.com/F1"}`, message.FileExternal},
		"an ampersand":       {`{"url_private": "https://evil.example&.slack.com/F1"}`, message.FileExternal},
		"a backslash":        {`{"url_private": "https://evil.example\\.slack.com/F1"}`, message.FileExternal},
		"no scheme":          {`{"url_private": "//files.slack.com/F1"}`, message.FileExternal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := mustMessage(t, nil, object{"files": []object{with(`{"id": "F1"}`, row.file)}}).Content.Attachments
			require.Len(t, list, 1)
			require.Equal(t, row.want, list[0].State)
			if row.want == message.FileDeleted {
				require.Empty(t, list[0].URL)
			}
		})
	}
}

func TestNormalize_Files(t *testing.T) {
	t.Parallel()
	m := mustMessage(t, nil, `{
		"files": [{"id":"F1","title":"Voice","mimetype":"audio/webm","subtype":"slack_audio","transcription":{"status":"complete","preview":{"content":"meet at noon"}}},
			{"id":"F2","name":"x.png","alt_txt":"the quay"},{"id":"F3","name":"x.go","preview":"package x"},{"id":"F1"},{"name":"no id"}],
		"file": {"id": "F4"},
		"blocks": [{"type":"image","alt_text":"map","slack_file":{"id":"F5","url":"https://files.slack.com/F5"}},{"type":"file","file":{"id":"F6","name":"y"}}]
	}`)
	require.Equal(t, []message.Attachment{
		{ID: "F1", Name: "Voice", MediaType: "audio/webm", State: message.FileFetchable, IsVoice: true, Text: "meet at noon"},
		{ID: "F2", Name: "x.png", State: message.FileFetchable, Text: "the quay"},
		{ID: "F3", Name: "x.go", State: message.FileFetchable, Text: "package x"},
		{ID: "F4", State: message.FileFetchable},
		{ID: "F5", URL: "https://files.slack.com/F5", State: message.FileFetchable},
		{ID: "F6", Name: "y", State: message.FileFetchable},
	}, m.Content.Attachments)
	require.Equal(t, []string{"F5", "F6"}, m.Content.Parts[0].AttachmentIDs)
}

func TestNormalize_AnotherCompanysInstallation(t *testing.T) {
	t.Parallel()
	shared := `{"is_ext_shared_channel": true}`
	theirs := `{"user": "U0THEIRBOT", "bot_id": "B0THEIRS", "app_id": "A0KONSTRUCT"}`
	for name, row := range map[string]struct {
		outer, inner            any
		wantSelf, wantsExternal bool
	}{
		"by its profile":           {shared, with(theirs, `{"bot_profile": {"app_id": "A0KONSTRUCT", "team_id": "T0THEIRS"}}`), false, true},
		"by its team":              {shared, with(theirs, `{"team": "T0THEIRS"}`), false, true},
		"by its source":            {shared, with(theirs, `{"source_team": "E0THEIRS", "team": "T0AUTH"}`), false, true},
		"ours":                     {shared, with(theirs, `{"user": "U0ASSISTANT", "team": "T0HOST"}`), true, false},
		"ours by its team":         {shared, with(theirs, `{"team": "T0AUTH"}`), true, false},
		"ours by its organization": {shared, with(theirs, `{"user_team": "E0AUTH"}`), true, false},
		"no team":                  {shared, theirs, true, false},
		"not shared":               {nil, with(theirs, `{"team": "T0THEIRS"}`), true, false},
		"their other app":          {shared, `{"bot_id": "B0", "app_id": "A0OTHER", "team": "T0THEIRS"}`, false, true},
		"their person":             {shared, `{"user": "U0VISITOR", "user_team": "T0THEIRS"}`, false, true},
		"our person":               {shared, `{"user_team": "T0AUTH"}`, false, false},
		"their person, by the envelope": {
			with(shared, `{"team_id": "T0THEIRS", "enterprise_id": "absent"}`),
			`{"subtype": "file_share", "user": "U0VISITOR"}`,
			false, true,
		},
		"our person, by the envelope": {with(shared, `{"team_id": "T0AUTH"}`), `{"subtype": "file_share"}`, false, false},
		"a colleague of the organization": {
			with(installed(null, "E0AUTH", true), `{"is_ext_shared_channel": true, "team_id": "T0SISTER", "enterprise_id": "E0AUTH"}`),
			`{"team": "T0SISTER"}`,
			false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sender := mustMessage(t, row.outer, row.inner).Sender
			require.Equal(t, row.wantSelf, sender.IsSelf)
			require.Equal(t, row.wantsExternal, sender.IsExternal)
		})
	}
}

func TestNormalize_DirectChats(t *testing.T) {
	t.Parallel()
	person := `{"authorizations": [{"team_id": "T0AUTH", "user_id": "U0CAPTAIN", "is_bot": false}]}`
	for name, row := range map[string]struct {
		outer, inner any
		want         bool
	}{
		"with our app":              {nil, `{"channel": "D0", "channel_type": "im"}`, true},
		"in the app's home":         {nil, `{"channel": "D0", "channel_type": "app_home"}`, true},
		"by its id alone":           {nil, `{"channel": "D0"}`, true},
		"by its id, malformed type": {nil, `{"channel": "D0", "channel_type": ["im"]}`, true},
		"between two people":        {person, `{"channel": "D0", "channel_type": "im"}`, false},
		"between several":           {nil, `{"channel": "G0", "channel_type": "mpim"}`, false},
		"a channel":                 {nil, `{"channel_type": "channel"}`, false},
		"a channel by its id":       {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, mustMessage(t, row.outer, row.inner).ChannelMetadata.IsDirect)
		})
	}

	first := mustMessage(t, nil, `{"channel": "D0", "channel_type": "im"}`)
	second := mustMessage(t, nil, `{"channel": "D0", "channel_type": "im", "ts": "1768471300.000001"}`)
	require.Equal(t, first.ConversationKey(), second.ConversationKey())
	require.Equal(t, "D0", second.ReplyAddress)

	changed := mustMessage(t, nil, object{
		"channel": "D0", "channel_type": "im", "subtype": "message_changed",
		"message": block(`{"ts": "1768471200.000007", "thread_ts": "1768471200.000007", "edited": {"ts": "1768471400.000000"}}`),
	})
	require.Equal(t, first.ConversationKey(), changed.ConversationKey(), "even with replies")
	require.Equal(t, "D0", changed.ReplyAddress)
}

func TestNormalize_Replies(t *testing.T) {
	t.Parallel()
	const root = "1768471100.000001"
	for name, row := range map[string]struct {
		inner any
		want  *message.ReplyTo
	}{
		"to a person":           {`{"thread_ts": "1768471100.000001", "parent_user_id": "U0MATE"}`, &message.ReplyTo{MessageID: root, SenderID: "U0MATE"}},
		"to us":                 {`{"thread_ts": "1768471100.000001", "parent_user_id": "U0ASSISTANT"}`, &message.ReplyTo{MessageID: root, SenderID: "U0ASSISTANT", IsSelf: true}},
		"to us, by the root":    {`{"thread_ts": "1768471100.000001", "root": {"bot_id": "B0", "app_id": "A0KONSTRUCT"}}`, &message.ReplyTo{MessageID: root, SenderID: "B0", IsSelf: true}},
		"to an unknown sender":  {`{"thread_ts": "1768471100.000001"}`, &message.ReplyTo{MessageID: root}},
		"no reply":              {nil, nil},
		"the thread's own root": {`{"thread_ts": "1768471200.000007"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, nil, row.inner)
			require.Equal(t, row.want, m.ReplyTo)
			want := "C0QUAY/1768471200.000007"
			if row.want != nil {
				want = "C0QUAY/" + root
			}
			require.Equal(t, want, m.ReplyAddress)
		})
	}
}

func TestNormalize_Lifecycle(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		outer, inner any
		want         slack.Lifecycle
	}{
		"an organization gains workspaces": {
			installed(null, "E0AUTH", true),
			`{"type": "team_access_granted", "team_ids": ["T1", "T2", 3, "T*", null, {}]}`,
			slack.Lifecycle{Type: "team_access_granted", WorkspaceID: "E0AUTH", TeamIDs: []string{"T1", "T2", "3"}},
		},
		"without authorizations": {
			`{"authorizations": "absent", "team_id": "absent"}`,
			`{"type": "team_access_revoked", "team_ids": "T1"}`,
			slack.Lifecycle{Type: "team_access_revoked", WorkspaceID: "E0ENVELOPE", TeamIDs: []string{"T1"}},
		},
		"without authorizations, very many": {
			`{"authorizations": "absent", "team_id": "absent"}`,
			object{"type": "team_access_granted", "team_ids": slices.Repeat([]string{"T1"}, 1001)},
			slack.Lifecycle{Type: "team_access_granted", WorkspaceID: "E0ENVELOPE", TeamIDs: slices.Repeat([]string{"T1"}, 1000)},
		},
		"an organization removes the app": {
			installed("T0AUTH", "E0AUTH", true), `{"type": "app_uninstalled"}`, slack.Lifecycle{Type: "app_uninstalled", WorkspaceID: "E0AUTH"},
		},
		"a workspace removes the app": {
			installed("T0AUTH", "E0AUTH", false), `{"type": "app_uninstalled"}`, slack.Lifecycle{Type: "app_uninstalled", WorkspaceID: "T0AUTH"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := normalize(t, callback(row.outer, row.inner))
			require.NoError(t, err)
			row.want.AppID = "A0KONSTRUCT"
			require.Equal(t, row.want, event)
		})
	}
	event, err := normalize(t, `{"type": "app_rate_limited", "team_id": "T0", "minute_rate_limited": "x", "api_app_id": "A 0"}`)
	require.NoError(t, err)
	require.Equal(t, slack.RateLimited{WorkspaceID: "T0"}, event)
}

func TestNormalize_Envelope(t *testing.T) {
	t.Parallel()
	m := mustMessage(t, `{"event_context": "4-eyJl_-=.x", "event_id": "Ev1", "event_time": 1768471201}`, nil)
	require.Equal(t, "4-eyJl_-=.x", m.ChannelMetadata.EventContext)
	require.Equal(t, "Ev1", m.ChannelMetadata.EventID)
	require.Equal(t, at(t, "2026-01-15T10:00:01Z"), m.ChannelMetadata.EventTime)
	require.JSONEq(t, `{"type":"message","user":"U0CAPTAIN","text":"ahoy","ts":"1768471200.000007","channel":"C0QUAY"}`, string(m.Raw))

	_, err := normalize(t, callback(`{"event_id": "Ev1"}`, `{"channel": "absent"}`))
	var payloadError *slack.PayloadError
	require.ErrorAs(t, err, &payloadError)
	require.Equal(t, "Ev1", payloadError.EventID)

	var none json.RawMessage
	deleted := mustMessage(t, nil, `{"subtype": "message_deleted", "deleted_ts": "1.000001", "previous_message": {"text": "withdrawn"}}`)
	require.Equal(t, none, deleted.Raw, "Raw would keep the deleted text")
}
