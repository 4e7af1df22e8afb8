package slack_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/message/slack"
	"github.com/konstruct/konstruct/tenancy"
)

// requireDefined checks what holds for any body whatever: an event or an error of the closed set, never both, and of
// a message all that its readers rely on.
func requireDefined(t *testing.T, body []byte) {
	t.Helper()
	event, err := slack.Normalize(body)
	if err != nil {
		require.Nil(t, event)
		known := errors.Is(err, slack.ErrMalformed) || errors.Is(err, slack.ErrUnsupported) || errors.Is(err, slack.ErrNoWorkspace)
		require.True(t, known, "an error outside the closed set: %v", err)
		return
	}
	switch e := event.(type) {
	case slack.Message:
		requireSound(t, e.KonstructMessage)
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
		require.Failf(t, "an event outside the closed set", "%T", event)
	}
}

func requireSound(t *testing.T, m message.KonstructMessage) {
	t.Helper()
	require.NoError(t, m.Validate())
	require.Equal(t, message.Slack, m.ChannelType)
	require.NotEmpty(t, m.ChannelMetadata.WorkspaceID)
	require.Equal(t, time.UTC, m.Timestamp.Location())
	require.Zero(t, m.Timestamp.Nanosecond()%int(time.Microsecond))
	if m.Kind == message.KindDeleted {
		require.Empty(t, m.Content.Text)
		require.Empty(t, m.Content.Attachments)
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

// fixtures lists the payloads at hand: the project's own and, where KONSTRUCT_FIXTURES names a folder, those in its
// folder slack (captured payloads, which the project doesn't ship).
func fixtures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	if folder := os.Getenv("KONSTRUCT_FIXTURES"); folder != "" {
		more, err := filepath.Glob(filepath.Join(folder, "slack", "*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, more, "KONSTRUCT_FIXTURES has no slack/*.json")
		files = append(files, more...)
	}
	return files
}

func TestEveryFixtureHasADefinedResult(t *testing.T) {
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
		f.Add(body)
	}
	for _, body := range []string{"", "null", "{}", `{"type":"event_callback","event":{"type":"message"}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(requireDefined)
}
