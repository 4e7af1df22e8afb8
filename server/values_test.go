package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exact decodes JSON without rounding numbers.
func exact(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value), text)
	return value
}

// free has values that lossy decoding changes. PostgreSQL stores numbers in plain decimal form.
const (
	free = `{"room":1234567890123456789,"odd":9007199254740993,"dec":0.1234567890123456789,"scale":1.50,"neg":-1e-5,
		"big":1e399,"html":"<a&b>\u2028","emoji":"\ud83d\ude00","":{"nested":[[{}],null,true]},"A":1,"a":2}`
	freeStored = `{"room":1234567890123456789,"odd":9007199254740993,"dec":0.1234567890123456789,"scale":1.50,"neg":-0.00001,
		"big":1%s,"html":"<a&b>\u2028","emoji":"\ud83d\ude00","":{"nested":[[{}],null,true]},"A":1,"a":2}`
)

func TestValuesAreStoredAsSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := exact(t, fmt.Sprintf(freeStored, strings.Repeat("0", 399)))

	made := b.post(t, b.admin, "/v1/tenants", `{"name":"a","slug":"a","settings":`+free+`}`)
	require.Equal(t, http.StatusCreated, made.status, made.body)
	tenant := made.header.Get("Location")
	require.Equal(t, want, exact(t, b.get(t, b.admin, tenant).body).(map[string]any)["settings"])

	connection := b.post(t, b.admin, tenant+"/channel-connections", `{"channel_type":"slack","workspace_id":"T1","config":`+free+`}`)
	require.Equal(t, http.StatusCreated, connection.status, connection.body)
	read := b.get(t, b.admin, connection.header.Get("Location"))
	require.Equal(t, want, exact(t, read.body).(map[string]any)["config"])

	tool, rule := `{"name":"search","config":`+free+`,"further":`+free+`}`, `{"when":"asks_for_person","further":`+free+`}`
	agent := b.post(t, b.admin, tenant+"/agents", `{"name":"Mara","tool_assignments":[`+tool+`],"escalation_rules":[`+rule+`]}`)
	require.Equal(t, http.StatusCreated, agent.status, agent.body)
	path := agent.header.Get("Location")
	changed := b.do(t, http.MethodPatch, b.admin, path, `{"tool_assignments":[`+tool+`,`+tool+`]}`, "If-Match", agent.header.Get("ETag"))
	require.Equal(t, http.StatusOK, changed.status, changed.body)
	got := exact(t, b.get(t, b.admin, path).body).(map[string]any)
	require.Equal(t, map[string]any{"name": "search", "config": want, "further": want}, got["tool_assignments"].([]any)[1])
	require.Equal(t, map[string]any{"when": "asks_for_person", "further": want}, got["escalation_rules"].([]any)[0])
}

// TestRowsWrittenBySQLAreReadable: rows of other services need not match the API's schemas.
func TestRowsWrittenBySQLAreReadable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	path, _ := b.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	deep := strings.Repeat("[", 3000) + strings.Repeat("]", 3000)
	for _, stored := range []string{
		`[{"id":9007199254740993}]`, `["text", 1, null, []]`, `[{"name":7}]`, `[{"n":` + strings.Repeat("9", 1000) + `}]`, `[` + deep + `]`,
	} {
		b.exec(t, `UPDATE agents SET tool_assignments = $1, escalation_rules = $1`, stored)
		got := b.get(t, b.admin, path)
		require.Equal(t, http.StatusOK, got.status, "%.60s", stored)
		for _, field := range []string{"tool_assignments", "escalation_rules"} {
			require.Equal(t, exact(t, stored), exact(t, got.body).(map[string]any)[field], "%.60s", stored)
		}
		require.Equal(t, http.StatusOK, b.get(t, b.admin, tenant+"/agents").status)
	}
}

func TestUnstorableValuesAreRejected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	for value, want := range map[string]struct {
		status      int
		field, code string
	}{
		"\"\xff\"":      {http.StatusBadRequest, "body", "malformed"},
		`"\ud800"`:      {http.StatusBadRequest, "body", "malformed"},
		`"a\u0000"`:     {http.StatusBadRequest, "%s", "character"},
		`{"x":1,"x":2}`: {http.StatusBadRequest, "%s.x", "repeated"},
		`1e400`:         {http.StatusUnprocessableEntity, "%s", "too_long"},
		`1e131071`:      {http.StatusUnprocessableEntity, "%s", "too_long"},
		`1e-400`:        {http.StatusUnprocessableEntity, "%s", "too_long"},
		"[" + strings.Repeat("1e399,", 3000) + "1]": {http.StatusRequestEntityTooLarge, "", "too_long"},
		"[" + strings.Repeat("{},", 10000) + "1]":   {http.StatusUnprocessableEntity, "", "too_long"},
	} {
		for name, body := range map[string]string{
			"config":          `{"channel_type":"slack","workspace_id":"T1","config":{"value":%s}}`,
			"secrets":         `{"channel_type":"slack","workspace_id":"T1","secrets":{"value":%s}}`,
			"config.value[0]": `{"channel_type":"slack","workspace_id":"T1","config":{"value":{"value":[{"value":%s}]}}}`,
		} {
			got := b.post(t, b.admin, tenant+"/channel-connections", fmt.Sprintf(body, value))
			require.Equal(t, want.status, got.status, "%s %.60q: %s", name, value, got.body)
			require.Equal(t, want.code, got.json(t)["errors"].([]any)[0].(map[string]any)["code"], "%.60q", value)
			if place := map[string]string{"config": "body.config.value", "secrets": "body.secrets.value"}[name]; place != "" && strings.Contains(want.field, "%s") {
				require.Equal(t, []string{fmt.Sprintf(want.field, place)}, got.fields(t))
			}
		}
	}
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM channel_connections`))
}

func TestToolAndRuleSchemas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path, etag := b.create(t, b.createTenant(t, "a")+"/agents", map[string]any{"name": "Mara"})
	for body, want := range map[string][]string{
		`{"tool_assignments":[{"config":{}}]}`:                              {"body.tool_assignments[0].name"},
		`{"tool_assignments":[{"name":" "}]}`:                               {"body.tool_assignments[0].name"},
		`{"tool_assignments":[{"name":"x","config":[]}]}`:                   {"body.tool_assignments[0].config"},
		`{"tool_assignments":[{"name":"x","config":null}]}`:                 {"body.tool_assignments[0].config"},
		`{"escalation_rules":[{"when":"over_budget","count":null}]}`:        {"body.escalation_rules[0].count"},
		`{"escalation_rules":[{"when":"over_budget","keywords":null}]}`:     {"body.escalation_rules[0].keywords"},
		`{"escalation_rules":[{"when":"over_budget","notify":null}]}`:       {"body.escalation_rules[0].notify"},
		`{"escalation_rules":[{"when":"over_budget","message":null}]}`:      {"body.escalation_rules[0].message"},
		`{"escalation_rules":[{"notify":"x"}]}`:                             {"body.escalation_rules[0].when"},
		`{"escalation_rules":[{"when":"sometimes"}]}`:                       {"body.escalation_rules[0].when"},
		`{"escalation_rules":[{"when":"over_budget"},{"when":"keywords"}]}`: {"body.escalation_rules[1].keywords"},
		`{"escalation_rules":[{"when":"keywords","keywords":[]}]}`:          {"body.escalation_rules[0].keywords"},
		`{"escalation_rules":[{"when":"failed_turns"}]}`:                    {"body.escalation_rules[0].count"},
		`{"escalation_rules":[{"when":"failed_turns","count":0}]}`:          {"body.escalation_rules[0].count"},
		`{"escalation_rules":[{"when":"failed_turns","count":1.5}]}`:        {"body.escalation_rules[0].count"},
		`{"escalation_rules":[{"when":"failed_turns","count":1.0}]}`:        {"body.escalation_rules[0].count"},
		`{"escalation_rules":[{"when":"failed_turns","Count":3}]}`:          {"body.escalation_rules[0].count"},
	} {
		got := b.do(t, http.MethodPatch, b.admin, path, body, "If-Match", etag)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s: %s", body, got.body)
		require.Equal(t, want, got.fields(t), body)
	}
	got := b.do(t, http.MethodPatch, b.admin, path, `{"escalation_rules":[{"when":"asks_for_person"},{"when":"keywords","keywords":["refund"]},
		{"when":"failed_turns","count":3,"message":"A colleague takes over."},{"when":"over_budget","When":"failed_turns","COUNT":"x","more":null,"list":[{"a":null}]}],
		"tool_assignments":[{"name":"x","config":{"a":null,"b":[null,{"c":null}]}}]}`, "If-Match", etag)
	require.Equal(t, http.StatusOK, got.status, got.body)
}

func TestValidationErrors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	for _, tt := range []struct {
		path, body string
		fields     []string
	}{
		{"/v1/tenants", `{}`, []string{"body.name", "body.slug"}},
		{"/v1/tenants", `{"name": " ", "slug": "A"}`, []string{"body.name", "body.slug"}},
		{"/v1/tenants", `{"name": "x", "slug": "-x"}`, []string{"body.slug"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "status": "gone"}`, []string{"body.status"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "settings": []}`, []string{"body.settings"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "settings": null}`, []string{"body.settings"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "id": "y"}`, []string{"body.id"}},
		{"/v1/tenants", `{"name": "x", "slug": "x", "SLUG": "Y!"}`, []string{"body.SLUG"}},
		{"/v1/tenants", `[]`, []string{"body"}},
		{tenant + "/agents", `{}`, []string{"body.name"}},
		{tenant + "/agents", `{"name": "x", "tenant_id": "y"}`, []string{"body.tenant_id"}},
		{tenant + "/agents", `{"name": "x", "tool_assignments": ["y"]}`, []string{"body.tool_assignments[0]"}},
		{tenant + "/agents", `{"name": "x", "is_active": "yes"}`, []string{"body.is_active"}},
		{tenant + "/agents", `{"name": "x", "role": null}`, []string{"body.role"}},
		{tenant + "/channel-connections", `{"channel_type": "irc", "workspace_id": "a b"}`, []string{"body.channel_type", "body.workspace_id"}},
		{tenant + "/channel-connections", `{"channel_type": "slack", "workspace_id": "T1", "secrets": {"Bot Token": "x"}}`, []string{"body.secrets"}},
		{tenant + "/channel-connections", `{"channel_type": "slack", "workspace_id": "T1", "secrets": {"a": "", "b": "x", "c": "[redacted]"}}`, []string{"body.secrets.a", "body.secrets.c"}},
		{tenant + "/channel-connections", `{"channel_type": "slack", "workspace_id": "T1", "secrets": {"a": 1}}`, []string{"body.secrets.a"}},
	} {
		got := b.do(t, http.MethodPost, b.admin, tt.path, tt.body)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s: %s", tt.body, got.body)
		require.Equal(t, "validation_failed", got.code(t))
		require.ElementsMatch(t, tt.fields, got.fields(t), tt.body)
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x"} {
		got := b.get(t, b.admin, tenant+"/agents?"+query)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, query)
		require.Equal(t, []string{"query.limit"}, got.fields(t))
	}
	for _, body := range []string{``, `{`, `{"name": "a\u0000b", "slug": "x"}`, strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
		got := b.do(t, http.MethodPost, b.admin, "/v1/tenants", body)
		require.Equal(t, http.StatusBadRequest, got.status, body)
		require.Equal(t, "malformed_request", got.code(t))
	}
}
