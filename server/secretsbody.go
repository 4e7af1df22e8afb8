package server

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/konstruct/konstruct/channel/secrets"
)

// secretsBody is a secrets.Patch with a schema. It prints no values.
type secretsBody secrets.Patch

// Schema implements [huma.SchemaProvider]. Names and values are validated by package secrets.
func (secretsBody) Schema(huma.Registry) *huma.Schema {
	most := secrets.MaxNames
	return &huma.Schema{
		Type:                 huma.TypeObject,
		AdditionalProperties: &huma.Schema{Type: huma.TypeString, Nullable: true, WriteOnly: true},
		MaxProperties:        &most,
		Examples:             []any{map[string]any{"bot_token": "a token", "old_token": nil}},
	}
}

// String prints names only.
func (b secretsBody) String() string { return secrets.Patch(b).String() }

// GoString implements [fmt.GoStringer] as String does.
func (b secretsBody) GoString() string { return b.String() }

// MarshalJSON implements [json.Marshaler] without a value.
func (b secretsBody) MarshalJSON() ([]byte, error) { return secrets.Patch(b).MarshalJSON() }
