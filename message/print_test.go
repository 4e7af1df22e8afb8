package message_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/message"
)

func TestPrinting_ShowsIDsOnly(t *testing.T) {
	t.Parallel()
	m := full()
	m.Content.Text, m.Sender.DisplayName = "canary-text", "canary-name"
	m.Content.PlainText, m.Content.Parts[0].Text, m.Content.Parts[0].Author.DisplayName = "canary-plain", "canary-part", "canary-author"
	m.Content.Parts[0].Link, m.Content.Parts[0].Parts[0].Text = "https://x.example/canary", "canary-nested"
	m.Content.ActionValue, m.Sender.Username, m.Raw = "canary-action", "canary-user", json.RawMessage(`"canary-raw"`)
	m.Content.Attachments[0].Text = "canary-transcript"
	m.Content.Attachments[0].Name, m.Content.Attachments[0].URL = "canary-file", "https://files.example/canary-link"
	r := resolved(t, m)

	for _, value := range []any{
		m, &m, r, &r, m.Sender, m.Content, m.Content.Attachments, m.Content.Attachments[0], m.Content.Parts, m.Content.Parts[0],
		[]message.KonstructMessage{m},
		map[string]message.ResolvedMessage{"m": r},
		struct{ M message.KonstructMessage }{m},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
			require.NotContains(t, fmt.Sprintf(verb, value), "canary", "%s of %T", verb, value)
		}
	}
	for _, value := range []any{m, r, m.Sender, m.Content, m.Content.Parts[0], m.Content.Attachments[0]} {
		out := &bytes.Buffer{}
		slog.New(slog.NewJSONHandler(out, nil)).Info("log", "value", value)
		slog.New(slog.NewTextHandler(out, nil)).Info("log", "value", value)
		require.NotContains(t, out.String(), "canary")
		require.NotContains(t, out.String(), "!ERROR")
	}
	require.Contains(t, fmt.Sprint(m), m.ID)
	require.Contains(t, fmt.Sprint(r), tenantA)
	out := &bytes.Buffer{}
	slog.New(slog.NewTextHandler(out, nil)).Info("log", "message", r)
	require.Contains(t, out.String(), "message.tenant_id="+tenantA+" message.id="+m.ID)
}
