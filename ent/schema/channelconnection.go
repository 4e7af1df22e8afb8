package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// ChannelConnection connects a chat system's workspace to the tenant whose agents work in it.
type ChannelConnection struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (ChannelConnection) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.ID{}, mixin.Tenant{}, mixin.Time{}}
}

// Annotations implements [ent.Interface].
func (ChannelConnection) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			"channel_connections_channel_type_known":     "channel_type IN ('slack', 'whatsapp', 'mattermost')",
			"channel_connections_workspace_id_not_blank": "btrim(workspace_id) <> ''",
			"channel_connections_status_known":           "status IN ('pending', 'active', 'revoked')",
			"channel_connections_config_shape":           "jsonb_typeof(config) = 'object'",
			"channel_connections_secrets_shape":          "jsonb_typeof(secrets) = 'object'",
		}),
	}
}

// Fields implements [ent.Interface].
func (ChannelConnection) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("channel_type").Values("slack", "whatsapp", "mattermost").Immutable().SchemaType(textColumn()),
		field.Text("workspace_id").NotEmpty().Immutable(),
		field.Enum("status").Values("pending", "active", "revoked").Default("pending").SchemaType(textColumn()),
		field.JSON("config", json.RawMessage{}).Default(emptyObject).Annotations(emptyObjectDefault()),
		// channel/secrets seals each value; the names are in the clear.
		field.JSON("secrets", map[string]string{}).Default(emptyNames).Sensitive().Annotations(emptyObjectDefault()),
	}
}

// Indexes implements [ent.Interface]. The key spans tenants on purpose: a workspace belongs to one tenant, and webhooks
// are resolved by it. For the API, a taken value is a conflict like any other.
func (ChannelConnection) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("channel_type", "workspace_id").Unique(),
	}
}
