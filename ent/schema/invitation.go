package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// Invitation invites an address to a tenant. Its link works once, until it expires or is revoked.
type Invitation struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (Invitation) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Tenant{}, mixin.Time{}} }

// Annotations implements [ent.Interface].
func (Invitation) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			"invitations_role_known":       knownRole,
			"invitations_email_normalised": normalizedEmail,
			"invitations_token_hash_form":  hashForm,
			"invitations_ends_once":        "accepted_at IS NULL OR revoked_at IS NULL",
		}),
	}
}

// Fields implements [ent.Interface].
func (Invitation) Fields() []ent.Field {
	return []ent.Field{
		field.Text("email").NotEmpty().Immutable(),
		field.Enum("role").Values("owner", "editor", "viewer").SchemaType(textColumn()).Immutable(),
		field.UUID("invited_by", uuid.UUID{}).Immutable(),
		// SHA-256 of the newest link's token. Null before the first link is made.
		field.Text("token_hash").Optional().Nillable().Sensitive(),
		// Whether the newest link was mailed to the address, which proves that the address is the person's.
		field.Bool("mailed").Default(false),
		field.Time("expires_at"),
		field.Time("accepted_at").Optional().Nillable(),
		field.Time("revoked_at").Optional().Nillable(),
	}
}

// Indexes implements [ent.Interface]. The token's key spans tenants on purpose: a link names no tenant.
func (Invitation) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("token_hash").Unique(),
		index.Fields(mixin.TenantColumn, "email").Unique().
			Annotations(entsql.IndexWhere("accepted_at IS NULL AND revoked_at IS NULL")),
		index.Fields(mixin.TenantColumn, "created_at"),
	}
}
