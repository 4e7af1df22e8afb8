package redact_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/redact"
)

type verifier struct {
	redact.Redacted

	Key string
}

func TestPrintsTheMarkOnly(t *testing.T) {
	t.Parallel()
	text, keys := redact.New("canary"), redact.New([][]byte{[]byte("canary")})
	for name, value := range map[string]any{
		"text": text, "keys": keys, "pointer": &text, "embedded": verifier{Key: "canary"}, "embedded pointer": &verifier{Key: "canary"},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			require.Equal(t, redact.Mark, fmt.Sprintf(verb, value), name+verb)
		}
		encoded, err := json.Marshal(map[string]any{"value": value})
		require.NoError(t, err)
		require.JSONEq(t, `{"value": "[redacted]"}`, string(encoded), name)
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("log", "value", value)
		require.Contains(t, out.String(), "value="+redact.Mark, name)
	}
}

// fmt calls no methods on values in unexported fields.
func TestValueIsHiddenInUnexportedFields(t *testing.T) {
	t.Parallel()
	holder := struct{ text redact.Text }{redact.New("canary")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed := strings.ToLower(fmt.Sprintf(verb, holder) + fmt.Sprintf(verb, &holder))
		require.NotContains(t, printed, "canary", verb)
		require.NotContains(t, printed, "63616e617279", verb)
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	require.Equal(t, "canary", redact.New("canary").Reveal())
	require.Empty(t, redact.Text{}.Reveal())
	require.Nil(t, redact.Value[[][]byte]{}.Reveal())
}
