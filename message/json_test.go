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

// changed returns a golden file with its first from replaced by to.
func changed(t *testing.T, name, from, to string) []byte {
	t.Helper()
	return bytes.Replace(golden(t, name), []byte(from), []byte(to), 1)
}

// A difference changes the contract: update docs/message.md with the golden file.
func TestMarshalJSON_Golden(t *testing.T) {
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

func TestUnmarshalJSON_Golden(t *testing.T) {
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

func TestUnmarshalJSON_TimesAreUTC(t *testing.T) {
	t.Parallel()
	data := changed(t, "message", "10:09:50.000007Z", "12:09:50.000007+02:00")
	var m message.KonstructMessage
	require.NoError(t, json.Unmarshal(data, &m))
	require.Equal(t, full(), m)
}

// previousVersion returns JSON without "v" and with "" for an absent tenant.
func previousVersion(t *testing.T, name string) []byte {
	t.Helper()
	data := changed(t, name, `"v": 1,`, "")
	return bytes.Replace(data, []byte(`"tenant_id": null`), []byte(`"tenant_id": ""`), 1)
}

func TestUnmarshalJSON_PreviousVersion(t *testing.T) {
	t.Parallel()
	var m message.KonstructMessage
	require.NoError(t, json.Unmarshal(previousVersion(t, "message"), &m))
	require.Equal(t, full(), m)
	var r message.ResolvedMessage
	require.NoError(t, json.Unmarshal(previousVersion(t, "resolved"), &r))
	require.Equal(t, resolved(t, full()), r)
	require.ErrorIs(t, json.Unmarshal(previousVersion(t, "message"), &r), tenancy.ErrInvalidID)
}

func TestUnmarshalJSON_NewerVersion(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"the next version":   {`"v": 1`, `"v": 2`},
		"other field types":  {`"v": 1,`, `"v": 2, "content": "a text",`},
		"another sender":     {`"sender": {`, `"v": 7, "sender": 3, "other": {`},
		"a negative version": {`"v": 1`, `"v": -1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m message.KonstructMessage
			require.ErrorIs(t, json.Unmarshal(changed(t, "message", change[0], change[1]), &m), message.ErrUnknownVersion)
			require.Zero(t, m)
			var r message.ResolvedMessage
			require.ErrorIs(t, json.Unmarshal(changed(t, "resolved", change[0], change[1]), &r), message.ErrUnknownVersion)
		})
	}
	var m message.KonstructMessage
	require.ErrorIs(t, json.Unmarshal(changed(t, "message", `"v": 1`, `"v": "1"`), &m), message.ErrInvalid)
}

// Newer writers may add reasons, kinds and states without a new version.
func TestUnmarshalJSON_KeepsUnknownValues(t *testing.T) {
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
		require.Equal(t, want, string(message.CanonicalRaw([]byte(want))), "unchanged")
	}
}

// The folder expected in KONSTRUCT_FIXTURES has messages of WhatsApp and Mattermost in the previous version.
func TestUnmarshalJSON_OtherChannels(t *testing.T) {
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
			require.NoError(t, json.Unmarshal(data, &m), "previous version")

			var want map[string]any
			require.NoError(t, json.Unmarshal(data, &want))
			want["v"], want["tenant_id"] = message.Version, nil
			converted, err := json.Marshal(want)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(converted, &again), "version 1")
			require.Equal(t, m, again)
			encoded, err := json.Marshal(m)
			require.NoError(t, err)
			require.JSONEq(t, string(converted), string(encoded), "no field is lost or added")
		})
	}
}

func TestDocumentation_NamesEveryField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "message.md"))
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(golden(t, "message"), &fields))
	require.Contains(t, string(page), "| `raw` |", "raw has the channel's fields")
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

func TestKonstructMessage_UnmarshalJSONWithTenant(t *testing.T) {
	t.Parallel()
	for name, replacement := range map[string]string{
		"a tenant":       `"tenant_id": "` + tenantA + `"`,
		"upper-case key": `"TENANT_ID": "` + tenantA + `"`,
		"duplicate key":  `"tenant_id": null, "tenant_id": "` + tenantA + `"`,
		"not a UUID":     `"tenant_id": "anything"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := changed(t, "message", `"tenant_id": null`, replacement)
			m := minimal()
			require.ErrorIs(t, json.Unmarshal(data, &m), message.ErrUnexpectedTenant)
			require.Equal(t, minimal(), m, "unchanged")
		})
	}
	var m message.KonstructMessage
	require.ErrorIs(t, json.Unmarshal(golden(t, "resolved"), &m), message.ErrUnexpectedTenant)
	require.NoError(t, json.Unmarshal(golden(t, "message"), &m))
}

func TestResolvedMessage_UnmarshalJSONWithoutTenant(t *testing.T) {
	t.Parallel()
	for name, replacement := range map[string]string{
		"empty":        `"tenant_id": ""`,
		"null":         `"tenant_id": null`,
		"absent":       `"other": ""`,
		"the nil UUID": `"tenant_id": "00000000-0000-0000-0000-000000000000"`,
		"upper case":   `"tenant_id": "0198F3A0-0000-7000-8000-00000000000A"`,
		"in braces":    `"tenant_id": "{` + tenantA + `}"`,
		"a word":       `"tenant_id": "harbor"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := changed(t, "message", `"tenant_id": null`, replacement)
			var r message.ResolvedMessage
			require.ErrorIs(t, json.Unmarshal(data, &r), tenancy.ErrInvalidID)
			require.Zero(t, r)
		})
	}
}

func TestUnmarshalJSON_Invalid(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"{}", "[]", "1", `{"id": 1}`, `{"timestamp": "canary"}`, `{"content": {"text": ["canary"]}}`} {
		var m message.KonstructMessage
		err := json.Unmarshal([]byte(data), &m)
		require.ErrorIs(t, err, message.ErrInvalid, data)
		require.NotContains(t, err.Error(), "canary")
		var r message.ResolvedMessage
		require.ErrorIs(t, json.Unmarshal([]byte(data), &r), message.ErrInvalid, data)
	}
	var m message.KonstructMessage
	err := json.Unmarshal(changed(t, "message", `"slack"`, `"telegraph"`), &m)
	require.ErrorIs(t, err, message.ErrInvalid)
	require.ErrorIs(t, err, message.ErrUnknownChannelType)
}

// Any message that can be read can be written and read again.
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
