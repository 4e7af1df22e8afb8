package message_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
)

func golden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".golden.json"))
	require.NoError(t, err)
	return data
}

// TestJSONIsTheContract compares byte by byte, the order of fields included. A difference is a change of the
// contract: change docs/message.md with the golden file.
func TestJSONIsTheContract(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"message": full(), "minimal": minimal(), "resolved": resolved(t, full()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoded, err := json.MarshalIndent(value, "", "  ")
			require.NoError(t, err)
			require.Equal(t, string(golden(t, name)), string(encoded)+"\n")
		})
	}
}

func TestJSONComesBack(t *testing.T) {
	t.Parallel()
	var m message.KonstructMessage
	require.NoError(t, json.Unmarshal(golden(t, "message"), &m))
	require.Equal(t, full(), m)

	var r message.ResolvedMessage
	require.NoError(t, json.Unmarshal(golden(t, "resolved"), &r))
	require.Equal(t, resolved(t, full()), r)
	require.Equal(t, tenant(t), r.TenantID())
	require.Equal(t, full(), r.Message())

	require.NoError(t, json.Unmarshal(golden(t, "minimal"), &m))
	require.Equal(t, time.UTC, m.Timestamp.Location())
	require.True(t, minimal().Timestamp.Equal(m.Timestamp))
}

func TestJSONTimesAreReadAsUTC(t *testing.T) {
	t.Parallel()
	data := bytes.Replace(golden(t, "message"), []byte("10:09:50.000007Z"), []byte("12:09:50.000007+02:00"), 1)
	var m message.KonstructMessage
	require.NoError(t, json.Unmarshal(data, &m))
	require.Equal(t, full(), m)
}

// TestDocumentationNamesEveryField keeps docs/message.md complete.
func TestDocumentationNamesEveryField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "message.md"))
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(golden(t, "message"), &fields))
	var visit func(prefix string, value any)
	visit = func(prefix string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				require.Contains(t, string(page), "`"+prefix+name+"`")
				visit(prefix+name+".", inner)
			}
		case []any:
			visit(strings.TrimSuffix(prefix, ".")+"[].", v[0])
		}
	}
	visit("", fields)
}

func TestUnresolvedMessageHasNoTenant(t *testing.T) {
	t.Parallel()
	for name, replacement := range map[string]string{
		"a tenant":                   `"tenant_id": "` + tenantA + `"`,
		"in capitals":                `"TENANT_ID": "` + tenantA + `"`,
		"a second time":              `"tenant_id": "", "tenant_id": "` + tenantA + `"`,
		"something else than a text": `"tenant_id": "anything"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := bytes.Replace(golden(t, "message"), []byte(`"tenant_id": ""`), []byte(replacement), 1)
			before := minimal()
			m := before
			require.ErrorIs(t, json.Unmarshal(data, &m), message.ErrUnexpectedTenant)
			require.Equal(t, before, m, "nothing is read")
		})
	}
	var m message.KonstructMessage
	require.ErrorIs(t, json.Unmarshal(golden(t, "resolved"), &m), message.ErrUnexpectedTenant)
	require.NoError(t, json.Unmarshal(golden(t, "message"), &m))
}

func TestResolvedMessageHasATenant(t *testing.T) {
	t.Parallel()
	for name, replacement := range map[string]string{
		"none":         `"tenant_id": ""`,
		"null":         `"tenant_id": null`,
		"absent":       `"other": ""`,
		"the nil UUID": `"tenant_id": "00000000-0000-0000-0000-000000000000"`,
		"in capitals":  `"tenant_id": "0198F3A0-0000-7000-8000-00000000000A"`,
		"in braces":    `"tenant_id": "{` + tenantA + `}"`,
		"a word":       `"tenant_id": "harbour"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := bytes.Replace(golden(t, "message"), []byte(`"tenant_id": ""`), []byte(replacement), 1)
			var r message.ResolvedMessage
			require.ErrorIs(t, json.Unmarshal(data, &r), tenancy.ErrInvalidID)
			require.Zero(t, r)
		})
	}
}

func TestJSONThatIsNoMessage(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"{}", "[]", "1", `{"id": 1}`, `{"timestamp": "canary"}`, `{"content": {"text": ["canary"]}}`} {
		var m message.KonstructMessage
		err := json.Unmarshal([]byte(data), &m)
		require.ErrorIs(t, err, message.ErrInvalid, data)
		require.NotContains(t, err.Error(), "canary")
		var r message.ResolvedMessage
		require.ErrorIs(t, json.Unmarshal([]byte(data), &r), message.ErrInvalid, data)
	}
	data := bytes.Replace(golden(t, "message"), []byte(`"slack"`), []byte(`"telegraph"`), 1)
	var m message.KonstructMessage
	err := json.Unmarshal(data, &m)
	require.ErrorIs(t, err, message.ErrInvalid)
	require.ErrorIs(t, err, message.ErrUnknownChannelType)
}
