package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
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
	read := func(path string) object { return exact(t, b.admin.get(t, path).is(200).body).(object) }

	tenant, _ := b.create(t, "/v1/tenants", `{"name":"a","slug":"a","settings":`+free+`}`)
	require.Equal(t, want, read(tenant)["settings"])
	connection, _ := b.create(t, tenant+"/channel-connections", `{"channel_type":"slack","workspace_id":"T1","config":`+free+`}`)
	require.Equal(t, want, read(connection)["config"])

	tool, rule := `{"name":"search","config":`+free+`,"further":`+free+`}`, `{"when":"asks_for_person","further":`+free+`}`
	agent, etag := b.create(t, tenant+"/agents", `{"name":"Mara","tool_assignments":[`+tool+`],"escalation_rules":[`+rule+`]}`)
	b.admin.patch(t, agent, etag, `{"tool_assignments":[`+tool+`,`+tool+`]}`).is(200)
	got := read(agent)
	require.Equal(t, object{"name": "search", "config": want, "further": want}, got["tool_assignments"].([]any)[1])
	require.Equal(t, object{"when": "asks_for_person", "further": want}, got["escalation_rules"].([]any)[0])
}

// TestRowsWrittenBySQLAreReadable: rows of other services need not match the API's schemas.
func TestRowsWrittenBySQLAreReadable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	path, _ := b.createAgent(t, tenant)
	deep := strings.Repeat("[", 3000) + strings.Repeat("]", 3000)
	for _, stored := range []string{
		`[{"id":9007199254740993}]`, `["text", 1, null, []]`, `[{"name":7}]`, `[{"n":` + strings.Repeat("9", 1000) + `}]`, `[` + deep + `]`,
	} {
		b.exec(t, `UPDATE agents SET tool_assignments = $1, escalation_rules = $1`, stored)
		got := exact(t, b.admin.get(t, path).is(200).body).(object)
		require.Equal(t, exact(t, stored), got["tool_assignments"])
		require.Equal(t, exact(t, stored), got["escalation_rules"])
		b.admin.get(t, tenant+"/agents").is(200)
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
		"\"\xff\"":      {400, "body", "malformed"},
		`"\ud800"`:      {400, "body", "malformed"},
		`"a\u0000"`:     {400, "%s", "character"},
		`{"x":1,"x":2}`: {400, "%s.x", "repeated"},
		`1e400`:         {422, "%s", "too_long"},
		`1e131071`:      {422, "%s", "too_long"},
		`1e-400`:        {422, "%s", "too_long"},
		"[" + strings.Repeat("1e399,", 3000) + "1]": {413, "", "too_long"},
		"[" + strings.Repeat("{},", 10000) + "1]":   {422, "", "too_long"},
	} {
		for place, body := range map[string]string{
			"body.config.value":  `{"channel_type":"slack","workspace_id":"T1","config":{"value":%s}}`,
			"body.secrets.value": `{"channel_type":"slack","workspace_id":"T1","secrets":{"value":%s}}`,
			"":                   `{"channel_type":"slack","workspace_id":"T1","config":{"value":{"value":[{"value":%s}]}}}`,
		} {
			got := b.admin.post(t, tenant+"/channel-connections", fmt.Sprintf(body, value)).is(want.status)
			require.Equal(t, want.code, got.at("errors", 0, "code"), got)
			if place != "" && strings.Contains(want.field, "%s") {
				require.Equal(t, []string{fmt.Sprintf(want.field, place)}, got.fields())
			}
		}
	}
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM channel_connections`))
}

func TestToolAndRuleSchemas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path, etag := b.createAgent(t, b.createTenant(t, "a"))
	for body, field := range map[string]string{
		`{"tool_assignments":[{"config":{}}]}`:                              "body.tool_assignments[0].name",
		`{"tool_assignments":[{"name":" "}]}`:                               "body.tool_assignments[0].name",
		`{"tool_assignments":[{"name":"x","config":[]}]}`:                   "body.tool_assignments[0].config",
		`{"tool_assignments":[{"name":"x","config":null}]}`:                 "body.tool_assignments[0].config",
		`{"escalation_rules":[{"when":"over_budget","count":null}]}`:        "body.escalation_rules[0].count",
		`{"escalation_rules":[{"when":"over_budget","keywords":null}]}`:     "body.escalation_rules[0].keywords",
		`{"escalation_rules":[{"when":"over_budget","notify":null}]}`:       "body.escalation_rules[0].notify",
		`{"escalation_rules":[{"when":"over_budget","message":null}]}`:      "body.escalation_rules[0].message",
		`{"escalation_rules":[{"notify":"x"}]}`:                             "body.escalation_rules[0].when",
		`{"escalation_rules":[{"when":"sometimes"}]}`:                       "body.escalation_rules[0].when",
		`{"escalation_rules":[{"when":"over_budget"},{"when":"keywords"}]}`: "body.escalation_rules[1].keywords",
		`{"escalation_rules":[{"when":"keywords","keywords":[]}]}`:          "body.escalation_rules[0].keywords",
		`{"escalation_rules":[{"when":"failed_turns"}]}`:                    "body.escalation_rules[0].count",
		`{"escalation_rules":[{"when":"failed_turns","count":0}]}`:          "body.escalation_rules[0].count",
		`{"escalation_rules":[{"when":"failed_turns","count":1.5}]}`:        "body.escalation_rules[0].count",
		`{"escalation_rules":[{"when":"failed_turns","count":1.0}]}`:        "body.escalation_rules[0].count",
		`{"escalation_rules":[{"when":"failed_turns","Count":3}]}`:          "body.escalation_rules[0].count",
	} {
		b.admin.patch(t, path, etag, body).invalid(field)
	}
	b.admin.patch(t, path, etag, `{"escalation_rules":[{"when":"asks_for_person"},{"when":"keywords","keywords":["refund"]},
		{"when":"failed_turns","count":3,"message":"A colleague takes over."},{"when":"over_budget","When":"failed_turns","COUNT":"x","more":null,"list":[{"a":null}]}],
		"tool_assignments":[{"name":"x","config":{"a":null,"b":[null,{"c":null}]}}]}`).is(200)
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
		b.admin.post(t, tt.path, tt.body).invalid(tt.fields...)
	}
	for _, body := range []string{``, `{`, `{"name": "a\u0000b", "slug": "x"}`, strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
		b.admin.post(t, "/v1/tenants", body).is(400)
	}
	long := b.admin.post(t, "/v1/tenants", object{"name": "x", "slug": strings.Repeat("x", 64)})
	require.Equal(t, object{"field": "body.slug", "code": "too_long", "message": "expected length <= 63", "limit": 63.0}, long.at("errors", 0))
}
