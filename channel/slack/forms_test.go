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
	posting := object{"type": "message", "user": "U0CAPTAIN", "ts": "1768471200.000007", "text": "see <https://a.example>"}
	edited := object{"edited": object{"user": "U0CAPTAIN", "ts": "1768471210.000000"}}
	preview := object{"attachments": []object{{"from_url": "https://a.example", "title": "A"}}}
	bot := object{"bot_id": "B0OTHER"}
	for name, row := range map[string]struct {
		after, before object
		want          message.EditReason
	}{
		"a person's first edit":         {posting.with(edited), posting, message.EditByPerson},
		"a person's next edit":          {posting.with(edited), posting.with(object{"edited": object{"ts": "1768471205.000000"}}), message.EditByPerson},
		"an edit that adds a preview":   {posting.with(edited).with(preview), posting, message.EditByPerson},
		"an edit of an unknown message": {posting.with(edited), object{}, message.EditByPerson},
		"a program's edit":              {posting.with(edited).with(bot), posting.with(bot), message.EditByProgram},
		"a program's new layout":        {posting.with(bot).with(object{"blocks": []object{{"type": "divider"}}}), posting.with(bot), message.EditByProgram},
		"a program's own preview":       {posting.with(bot).with(preview), posting.with(bot), message.EditPreview},
		"a preview":                     {posting.with(preview), posting, message.EditPreview},
		"a preview after an edit":       {posting.with(edited).with(preview), posting.with(edited), message.EditPreview},
		"a preview removed":             {posting, posting.with(preview), message.EditPreview},
		"a pin":                         {posting.with(object{"pinned_to": []string{"C0QUAY"}}), posting, message.EditPin},
		"an unpin":                      {posting, posting.with(object{"pinned_to": []string{"C0QUAY"}}), message.EditPin},
		"an edit in the same second":    {posting.with(edited).with(object{"text": "y"}), posting.with(edited), message.EditByPerson},
		"a pin with its details":        {posting.with(object{"pinned_info": object{"channel": "C0QUAY"}}), posting, message.EditPin},
		"a pin after an edit":           {posting.with(edited).with(object{"pinned_to": []string{"C0QUAY"}}), posting.with(edited), message.EditPin},
		"a reply in its thread":         {posting.with(object{"text": "x", "reply_count": 1}), posting.with(object{"text": "x"}), message.EditByChannel},
		"an edit without a time":        {posting.with(object{"text": "x", "edited": object{}}), posting.with(object{"text": "x"}), message.EditByChannel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, callback(nil, object{
				"subtype": "message_changed", "message": row.after, "previous_message": row.before, "event_ts": "1768471220.000100",
			}))
			require.Equal(t, message.KindEdited, m.Kind)
			require.Equal(t, row.want, m.EditReason)
			require.False(t, m.Timestamp.Before(at(t, "2026-01-15T10:00:00.000007Z")))
		})
	}
	require.Empty(t, mustMessage(t, callback(nil, nil)).EditReason)
	require.Equal(t, message.EditByPerson, mustMessage(t, callback(nil, object{"type": "app_mention"}.with(edited))).EditReason)
}

func TestNormalize_EditWithoutATime(t *testing.T) {
	t.Parallel()
	for _, odd := range []any{nil, null, []any{}, "soon"} {
		m := mustMessage(t, callback(object{"event_id": "Ev1"}, object{
			"subtype": "message_changed", "message": object{"user": "U0CAPTAIN", "ts": "1768471200.000007", "text": "y"}, "ts": odd, "event_ts": odd,
		}))
		requireValid(t, m.KonstructMessage)
		require.Equal(t, "slack.T0AUTH.C0QUAY.1768471200.000007.edited.Ev1", m.ID)
	}
}

// Slack truncates edited.ts to whole seconds.
func TestNormalize_EditIsNotBeforeItsMessage(t *testing.T) {
	t.Parallel()
	edited := object{"ts": "1768471200.000000"}
	posting := object{"user": "U0CAPTAIN", "ts": "1768471200.800000", "text": "x", "edited": edited}
	for eventTS, want := range map[string]string{
		"1768471200.950100": "2026-01-15T10:00:00.9501Z",
		"1768471200.000000": "2026-01-15T10:00:00.8Z",
		"":                  "2026-01-15T10:00:00.8Z",
	} {
		changed := mustMessage(t, callback(nil, object{"subtype": "message_changed", "message": posting, "event_ts": eventTS, "ts": eventTS}))
		require.Equal(t, at(t, want), changed.Timestamp)
		require.Equal(t, changed.OriginalID+".edited.1768471200.000000", changed.ID, "every event about the edit has the same id")
	}
}

func TestNormalize_EditWithoutMessageIsMalformed(t *testing.T) {
	t.Parallel()
	before := object{"user": "U0CAPTAIN", "ts": "1768471200.000007", "text": "x"}
	for _, after := range []any{nil, null, "x", []any{}, 1} {
		_, err := normalize(t, callback(nil, object{
			"subtype": "message_changed", "message": after, "previous_message": before, "event_ts": "1768471220.000100",
		}))
		require.ErrorIs(t, err, slack.ErrMalformed)
	}
}

func TestNormalize_DeletionWithoutATime(t *testing.T) {
	t.Parallel()
	deletion := object{"subtype": "message_deleted", "deleted_ts": "1768471100.000001", "ts": nil}
	require.Equal(t, at(t, "2026-01-15T10:00:00Z"), mustMessage(t, callback(object{"event_time": 1768471200}, deletion)).Timestamp)
	require.Equal(t, at(t, "2026-01-15T09:58:20.000001Z"), mustMessage(t, callback(nil, deletion)).Timestamp)
}

func TestNormalize_FileStates(t *testing.T) {
	t.Parallel()
	const hosted = "https://files.slack.com/files-pri/T1-F1/a.txt"
	for name, row := range map[string]struct {
		file object
		want message.FileState
	}{
		"hosted":             {object{"url_private": hosted, "mode": "hosted", "is_external": false, "external_type": ""}, message.FileFetchable},
		"a snippet":          {object{"url_private": hosted, "mode": "snippet"}, message.FileFetchable},
		"GovSlack":           {object{"url_private": "https://files.slack-gov.com/x"}, message.FileFetchable},
		"shared channel":     {object{"file_access": "check_file_info"}, message.FileFetchable},
		"external":           {object{"url_private": "https://docs.example/x", "mode": "external", "is_external": true, "external_type": "gdrive"}, message.FileExternal},
		"by its mode alone":  {object{"url_private": hosted, "mode": "external"}, message.FileExternal},
		"by its type alone":  {object{"url_private": hosted, "external_type": "dropbox"}, message.FileExternal},
		"by a flag alone":    {object{"url_private": hosted, "is_external": true}, message.FileExternal},
		"on another host":    {object{"url_private": "https://files.example/x"}, message.FileExternal},
		"similar host":       {object{"url_private": "https://files-slack.com/x"}, message.FileExternal},
		"host as a prefix":   {object{"url_private": "https://files.slack.com.evil.example/x"}, message.FileExternal},
		"host as user info":  {object{"url_private": "https://files.slack.com@evil.example/x"}, message.FileExternal},
		"user info":          {object{"url_private": "https://u@files.slack.com/x"}, message.FileExternal},
		"on another port":    {object{"url_private": "https://files.slack.com:8443/x"}, message.FileExternal},
		"http":               {object{"url_private": "http://files.slack.com/x"}, message.FileExternal},
		"malformed URL":      {object{"url_private": "://"}, message.FileExternal},
		"a tombstone":        {object{"mode": "tombstone", "url_private": hosted}, message.FileDeleted},
		"not found":          {object{"file_access": "file_not_found"}, message.FileDeleted},
		"deleted":            {object{"is_deleted": true, "url_private": hosted}, message.FileDeleted},
		"hidden by the plan": {object{"mode": "hidden_by_limit", "url_private": hosted}, message.FileUnavailable},
		"access denied":      {object{"file_access": "access_denied", "url_private": hosted}, message.FileUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := mustMessage(t, callback(nil, object{"files": []object{object{"id": "F1"}.with(row.file)}})).Content.Attachments
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
	m := mustMessage(t, callback(nil, object{
		"files": block(`[{"id":"F1","title":"Voice","mimetype":"audio/webm","subtype":"slack_audio","transcription":{"status":"complete","preview":{"content":"meet at noon"}}},
			{"id":"F2","name":"x.png","alt_txt":"the quay"},{"id":"F3","name":"x.go","preview":"package x"},{"id":"F1"},{"name":"no id"}]`),
		"file":   object{"id": "F4"},
		"blocks": block(`[{"type":"image","alt_text":"map","slack_file":{"id":"F5","url":"https://files.slack.com/F5"}},{"type":"file","file":{"id":"F6","name":"y"}}]`),
	}))
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

// Our token must not be sent to other hosts.
func TestNormalize_FileHosts(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]message.FileState{
		"https://files.slack.com/F1":                         message.FileFetchable,
		"https://port.enterprise.slack.com/":                 message.FileFetchable,
		"https://evil.example/" + strings.Repeat("x", 9<<10): message.FileExternal,
		"https://evil.example\uFF0F.slack.com/F1":            message.FileExternal,
		"https://evil.example\u2100.slack.com/F1":            message.FileExternal,
		"https://evil.example&.slack.com/F1":                 message.FileExternal,
		"https://files.slack.com@evil.example/F1":            message.FileExternal,
		"https://evil.example\\.slack.com/F1":                message.FileExternal,
		"//files.slack.com/F1":                               message.FileExternal,
	} {
		files := mustMessage(t, callback(nil, object{"files": []object{{"id": "F1", "url_private": address}}})).Content.Attachments
		require.Equal(t, want, files[0].State, address)
	}
}

func TestNormalize_AnotherCompanysInstallation(t *testing.T) {
	t.Parallel()
	shared := object{"is_ext_shared_channel": true}
	theirs := object{"user": "U0THEIRBOT", "bot_id": "B0THEIRS", "app_id": "A0KONSTRUCT"}
	for name, row := range map[string]struct {
		outer, inner            object
		wantSelf, wantsExternal bool
	}{
		"by its profile":           {shared, theirs.with(object{"bot_profile": object{"app_id": "A0KONSTRUCT", "team_id": "T0THEIRS"}}), false, true},
		"by its team":              {shared, theirs.with(object{"team": "T0THEIRS"}), false, true},
		"by its source":            {shared, theirs.with(object{"source_team": "E0THEIRS", "team": "T0AUTH"}), false, true},
		"ours":                     {shared, theirs.with(object{"user": "U0ASSISTANT", "team": "T0HOST"}), true, false},
		"ours by its team":         {shared, theirs.with(object{"team": "T0AUTH"}), true, false},
		"ours by its organization": {shared, theirs.with(object{"user_team": "E0AUTH"}), true, false},
		"no team":                  {shared, theirs, true, false},
		"not shared":               {nil, theirs.with(object{"team": "T0THEIRS"}), true, false},
		"their other app":          {shared, object{"bot_id": "B0", "app_id": "A0OTHER", "team": "T0THEIRS"}, false, true},
		"their person":             {shared, object{"user": "U0VISITOR", "user_team": "T0THEIRS"}, false, true},
		"our person":               {shared, object{"user_team": "T0AUTH"}, false, false},
		"their person, by the envelope": {
			shared.with(object{"team_id": "T0THEIRS", "enterprise_id": nil}),
			object{"subtype": "file_share", "user": "U0VISITOR"},
			false, true,
		},
		"our person, by the envelope": {shared.with(object{"team_id": "T0AUTH"}), object{"subtype": "file_share"}, false, false},
		"a colleague of the organization": {
			installed(null, "E0AUTH", true).with(object{"is_ext_shared_channel": true, "team_id": "T0SISTER", "enterprise_id": "E0AUTH"}),
			object{"team": "T0SISTER"},
			false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sender := mustMessage(t, callback(row.outer, row.inner)).Sender
			require.Equal(t, row.wantSelf, sender.IsSelf)
			require.Equal(t, row.wantsExternal, sender.IsExternal)
		})
	}
}

func TestNormalize_DirectChats(t *testing.T) {
	t.Parallel()
	person := object{"authorizations": []object{{"team_id": "T0AUTH", "user_id": "U0CAPTAIN", "is_bot": false}}}
	for name, row := range map[string]struct {
		outer, inner object
		want         bool
	}{
		"with our app":              {nil, object{"channel": "D0", "channel_type": "im"}, true},
		"in the app's home":         {nil, object{"channel": "D0", "channel_type": "app_home"}, true},
		"by its id alone":           {nil, object{"channel": "D0"}, true},
		"by its id, malformed type": {nil, object{"channel": "D0", "channel_type": []string{"im"}}, true},
		"between two people":        {person, object{"channel": "D0", "channel_type": "im"}, false},
		"between several":           {nil, object{"channel": "G0", "channel_type": "mpim"}, false},
		"a channel":                 {nil, object{"channel_type": "channel"}, false},
		"a channel by its id":       {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, mustMessage(t, callback(row.outer, row.inner)).ChannelMetadata.IsDirect)
		})
	}

	first := mustMessage(t, callback(nil, object{"channel": "D0", "channel_type": "im"}))
	second := mustMessage(t, callback(nil, object{"channel": "D0", "channel_type": "im", "ts": "1768471300.000001"}))
	require.Equal(t, first.ConversationKey(), second.ConversationKey())
	require.Equal(t, "D0", second.ReplyAddress)

	changed := mustMessage(t, callback(nil, object{
		"channel": "D0", "channel_type": "im", "subtype": "message_changed",
		"message": object{"ts": first.ChannelMetadata.MessageID, "thread_ts": first.ChannelMetadata.MessageID, "edited": object{"ts": "1768471400.000000"}},
	}))
	require.Equal(t, first.ConversationKey(), changed.ConversationKey(), "even with replies")
	require.Equal(t, "D0", changed.ReplyAddress)
}

func TestNormalize_Replies(t *testing.T) {
	t.Parallel()
	const root = "1768471100.000001"
	for name, row := range map[string]struct {
		inner object
		want  *message.ReplyTo
	}{
		"to a person":           {object{"thread_ts": root, "parent_user_id": "U0MATE"}, &message.ReplyTo{MessageID: root, SenderID: "U0MATE"}},
		"to us":                 {object{"thread_ts": root, "parent_user_id": "U0ASSISTANT"}, &message.ReplyTo{MessageID: root, SenderID: "U0ASSISTANT", IsSelf: true}},
		"to us, by the root":    {object{"thread_ts": root, "root": object{"bot_id": "B0", "app_id": "A0KONSTRUCT"}}, &message.ReplyTo{MessageID: root, SenderID: "B0", IsSelf: true}},
		"to an unknown sender":  {object{"thread_ts": root}, &message.ReplyTo{MessageID: root}},
		"no reply":              {nil, nil},
		"the thread's own root": {object{"thread_ts": "1768471200.000007"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, callback(nil, row.inner))
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
		outer, inner object
		want         slack.Lifecycle
	}{
		"an organization gains workspaces": {
			installed(null, "E0AUTH", true),
			object{"type": "team_access_granted", "team_ids": []any{"T1", "T2", 3, "T*", nil, object{}}},
			slack.Lifecycle{WorkspaceID: "E0AUTH", TeamIDs: []string{"T1", "T2", "3"}},
		},
		"without authorizations": {
			object{"authorizations": nil, "team_id": nil},
			object{"type": "team_access_revoked", "team_ids": "T1"},
			slack.Lifecycle{WorkspaceID: "E0ENVELOPE", TeamIDs: []string{"T1"}},
		},
		"without authorizations, very many": {
			object{"authorizations": nil, "team_id": nil},
			object{"type": "team_access_granted", "team_ids": slices.Repeat([]string{"T1"}, 1001)},
			slack.Lifecycle{WorkspaceID: "E0ENVELOPE", TeamIDs: slices.Repeat([]string{"T1"}, 1000)},
		},
		"an organization removes the app": {
			installed("T0AUTH", "E0AUTH", true), object{"type": "app_uninstalled"}, slack.Lifecycle{WorkspaceID: "E0AUTH"},
		},
		"a workspace removes the app": {
			installed("T0AUTH", "E0AUTH", false), object{"type": "app_uninstalled"}, slack.Lifecycle{WorkspaceID: "T0AUTH"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, err := normalize(t, callback(row.outer, row.inner))
			require.NoError(t, err)
			row.want.Type, row.want.AppID = row.inner["type"].(string), "A0KONSTRUCT"
			require.Equal(t, row.want, event)
		})
	}
	event, err := normalize(t, object{"type": "app_rate_limited", "team_id": "T0", "minute_rate_limited": "x", "api_app_id": "A 0"})
	require.NoError(t, err)
	require.Equal(t, slack.RateLimited{WorkspaceID: "T0"}, event)
}

func TestNormalize_Envelope(t *testing.T) {
	t.Parallel()
	m := mustMessage(t, callback(object{"event_context": "4-eyJl_-=.x", "event_id": "Ev1", "event_time": 1768471201}, nil))
	require.Equal(t, "4-eyJl_-=.x", m.ChannelMetadata.EventContext)
	require.Equal(t, "Ev1", m.ChannelMetadata.EventID)
	require.Equal(t, at(t, "2026-01-15T10:00:01Z"), m.ChannelMetadata.EventTime)
	require.JSONEq(t, `{"type":"message","user":"U0CAPTAIN","text":"ahoy","ts":"1768471200.000007","channel":"C0QUAY"}`, string(m.Raw))

	_, err := normalize(t, callback(object{"event_id": "Ev1"}, object{"channel": nil}))
	var payloadError *slack.PayloadError
	require.ErrorAs(t, err, &payloadError)
	require.Equal(t, "Ev1", payloadError.EventID)

	var none json.RawMessage
	deleted := mustMessage(t, callback(nil, object{"subtype": "message_deleted", "deleted_ts": "1.000001", "previous_message": object{"text": "withdrawn"}}))
	require.Equal(t, none, deleted.Raw, "Raw would keep the deleted text")
}
