package server_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// body returns a body for the operation: the document's example with changes, or no JSON of it at all.
func (z *randomRequests) body(t *testing.T, one operationOf) any {
	t.Helper()
	if one.op.RequestBody == nil {
		return nil
	}
	if z.IntN(25) == 0 {
		return z.pick([]string{"", "{", "null", "[]", `"x"`, "{}{}", "\xff", strings.Repeat("[", 200), `{"name":"a","name":"b"}`})
	}
	content := one.op.RequestBody.Value.Content["application/json"]
	if content == nil || content.Schema == nil || content.Example == nil {
		return `{}`
	}
	body := maps.Clone(content.Example.(object))
	z.complete(one.op.OperationID, body)
	properties := content.Schema.Value.Properties
	names := slices.Sorted(maps.Keys(properties))
	for range z.IntN(3) {
		if len(names) > 0 {
			name := z.pick(names)
			body[name] = z.value(name, properties[name].Value)
		}
	}
	if z.IntN(20) == 0 {
		body["unknown"] = 1
	}
	text, err := json.Marshal(body)
	require.NoError(t, err)
	return string(text)
}

// complete sets what an example cannot know.
func (z *randomRequests) complete(operation string, body object) {
	switch operation {
	case "login":
		body["email"], body["password"] = userEmail, password
	case "change-password":
		body["current_password"], body["new_password"] = password, password
	case "request-email-change":
		body["current_password"] = password
	case "create-tenant":
		body["slug"] = "t" + uuid.NewString()[:8]
	case "create-user", "create-invitation":
		body["email"] = uuid.NewString() + "@example.com"
	case "create-channel-connection":
		body["workspace_id"] = "T" + strings.ToUpper(uuid.NewString()[:8])
	case "look-up-invitation", "accept-invitation":
		body["token"] = z.pick([]string{z.token, z.token, z.pick(z.seen)})
	}
}

// value returns a value for a schema, which matches it more often than not.
func (z *randomRequests) value(name string, schema *openapi3.Schema) any {
	if z.IntN(6) == 0 {
		return z.odd()
	}
	if len(schema.Enum) > 0 {
		return schema.Enum[z.IntN(len(schema.Enum))]
	}
	switch {
	case schema.Type.Is("boolean"):
		return z.IntN(2) == 0
	case schema.Type.Is("integer"):
		return 1 + z.IntN(300)
	case schema.Type.Is("array"):
		if schema.Items == nil {
			return []any{}
		}
		return []any{z.value(name, schema.Items.Value)}
	case schema.Type.Is("object"):
		made := object{}
		for _, property := range slices.Sorted(maps.Keys(schema.Properties)) {
			made[property] = z.value(property, schema.Properties[property].Value)
		}
		return made
	case schema.Format == "uuid":
		return z.pick(append(z.ids["agent_id"], z.ids["user_id"]...))
	case schema.Format == "date-time":
		return z.pick([]string{"2026-01-02T03:04:05Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-01-02"})
	case name == "cursor" || name == "token":
		return z.pick(z.seen)
	}
	return z.pick([]string{"mara", "Name", "a", "create-agent", "agent", "a@example.com", strings.Repeat("é", 20), strconv.Itoa(z.IntN(1000))})
}

// odd returns a value that is often wrong.
func (z *randomRequests) odd() any {
	odd := []any{
		nil, "", " ", "\t\n", strings.Repeat("x", 3000), "a\x00b", "\u202e", "\ufffd", "'; --", "%s", `\`, "<b>", "kst_x", true, -1, 0, 1.5,
		1 << 53, json.Number("1e400"), json.Number("9007199254740993"),
		[]any{},
		[]any{nil, 1, "x"},
		object{},
		object{"": nil, "a": object{"a": []any{}}},
	}
	return odd[z.IntN(len(odd))]
}
