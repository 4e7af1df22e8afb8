package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// PortalLink is a mailed link that works once: to set a new password, or to confirm a new address.
type PortalLink struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (PortalLink) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Annotations implements [ent.Interface].
func (PortalLink) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			"portal_links_kind_known":       "kind IN ('password_reset', 'confirm_email')",
			"portal_links_email_normalised": normalizedEmail,
			"portal_links_token_hash_form":  hashForm,
		}),
	}
}

// Fields implements [ent.Interface].
func (PortalLink) Fields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Default(utcNow).Immutable().Annotations(entsql.DefaultExpr("now()")),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Enum("kind").Values("password_reset", "confirm_email").SchemaType(textColumn()).Immutable(),
		// The address that the link is mailed to.
		field.Text("email").NotEmpty().Immutable(),
		// SHA-256 of the newest token. Null before the link is mailed.
		field.Text("token_hash").Optional().Nillable().Unique().Sensitive(),
		field.Time("expires_at").Immutable(),
		field.Time("used_at").Optional().Nillable(),
	}
}

// Edges implements [ent.Interface].
func (PortalLink) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", PortalUser.Type).Ref("links").Field("user_id").Unique().Required().Immutable(),
	}
}

// Indexes implements [ent.Interface].
func (PortalLink) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id"), index.Fields("expires_at")}
}
