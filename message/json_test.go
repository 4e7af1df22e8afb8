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

// older is the JSON of the version before the first: no "v", and "" for an absent tenant.
func older(t *testing.T, name string) []byte {
	t.Helper()
	data := bytes.Replace(golden(t, name), []byte(`"v": 1,`), nil, 1)
	return bytes.Replace(data, []byte(`"tenant_id": null`), []byte(`"tenant_id": ""`), 1)
}

func TestOlderJSONIsRead(t *testing.T) {
	t.Parallel()
	var m message.KonstructMessage
	require.NoError(t, json.Unmarshal(older(t, "message"), &m))
	require.Equal(t, full(), m)
	var r message.ResolvedMessage
	require.NoError(t, json.Unmarshal(older(t, "resolved"), &r))
	require.Equal(t, resolved(t, full()), r)
	require.ErrorIs(t, json.Unmarshal(older(t, "message"), &r), tenancy.ErrInvalidID)
}

func TestNewerJSONIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"the next version":    {`"v": 1`, `"v": 2`},
		"with another shape":  {`"v": 1,`, `"v": 2, "content": "a text",`},
		"with another sender": {`"sender": {`, `"v": 7, "sender": 3, "other": {`},
		"a negative one":      {`"v": 1`, `"v": -1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := bytes.Replace(golden(t, "message"), []byte(change[0]), []byte(change[1]), 1)
			var m message.KonstructMessage
			require.ErrorIs(t, json.Unmarshal(data, &m), message.ErrUnknownVersion)
			require.Zero(t, m)
			var r message.ResolvedMessage
			require.ErrorIs(t, json.Unmarshal(bytes.Replace(golden(t, "resolved"), []byte(change[0]), []byte(change[1]), 1), &r), message.ErrUnknownVersion)
		})
	}
	var m message.KonstructMessage
	data := bytes.Replace(golden(t, "message"), []byte(`"v": 1`), []byte(`"v": "1"`), 1)
	require.ErrorIs(t, json.Unmarshal(data, &m), message.ErrInvalid)
}

// TestUnknownValuesAreKept: newer writers may add reasons, kinds and states without a new version.
func TestUnknownValuesAreKept(t *testing.T) {
	t.Parallel()
	m := full()
	m.EditReason, m.Content.Parts[0].Kind, m.Content.Mentions[0].Kind = "weather", "poll", "role"
	m.Content.Attachments[0].State = "scanning"
	data, err := json.Marshal(m)
	require.NoError(t, err)
	var again message.KonstructMessage
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, m, again)
}

func TestCanonicalRaw(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":                         "",
		"null":                     "",
		"{":                        "",
		"{ \"a\" : 1 }":            `{"a":1}`,
		`{"a":"<&>"}`:              `{"a":"\u003c\u0026\u003e"}`,
		`{"a":1e400,"a":"\u00e4"}`: `{"a":1e400,"a":"\u00e4"}`,
		"\"\xff\"":                 "\"\uFFFD\"",
		`"` + strings.Repeat("<", message.MaxRaw/2) + `"`: "",
	} {
		require.Equal(t, want, string(message.CanonicalRaw([]byte(given))), "%.20q", given)
		require.Equal(t, want, string(message.CanonicalRaw([]byte(want))), "it stays as it is")
	}
}

// TestExpectedMessagesOfOtherChannels reads what the normalizers of WhatsApp and Mattermost are to produce, from the
// folder that KONSTRUCT_FIXTURES names, in the shape before versions.
func TestExpectedMessagesOfOtherChannels(t *testing.T) {
	t.Parallel()
	files := []string{filepath.Join("testdata", "whatsapp_username_only.json")}
	if folder := os.Getenv("KONSTRUCT_FIXTURES"); folder != "" {
		more, err := filepath.Glob(filepath.Join(folder, "expected", "[^_]*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, more)
		files = append(files, more...)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			var m, again message.KonstructMessage
			require.NoError(t, json.Unmarshal(data, &m), "as it is")

			var want map[string]any
			require.NoError(t, json.Unmarshal(data, &want))
			want["v"], want["tenant_id"] = message.Version, nil
			converted, err := json.Marshal(want)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(converted, &again), "converted")
			require.Equal(t, m, again)
			encoded, err := json.Marshal(m)
			require.NoError(t, err)
			require.JSONEq(t, string(converted), string(encoded), "nothing is lost or added")
		})
	}
}

// TestDocumentationNamesEveryField keeps docs/message.md complete.
func TestDocumentationNamesEveryField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "message.md"))
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(golden(t, "message"), &fields))
	require.Contains(t, string(page), "| `raw` |", "its own fields are the channel's")
	delete(fields, "raw")
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
		"a second time":              `"tenant_id": null, "tenant_id": "` + tenantA + `"`,
		"something else than a text": `"tenant_id": "anything"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := bytes.Replace(golden(t, "message"), []byte(`"tenant_id": null`), []byte(replacement), 1)
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
			data := bytes.Replace(golden(t, "message"), []byte(`"tenant_id": null`), []byte(replacement), 1)
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

// FuzzJSON: what is read can be written, and is the same when it is read again.
func FuzzJSON(f *testing.F) {
	for _, name := range []string{"message", "minimal"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".golden.json"))
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, again message.KonstructMessage
		if err := json.Unmarshal(data, &m); err != nil {
			return
		}
		encoded, err := json.Marshal(m)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(encoded, &again))
		require.Equal(t, m, again)
	})
}
