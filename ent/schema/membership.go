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

// Membership is a person's role in a tenant.
type Membership struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (Membership) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Tenant{}, mixin.Time{}} }

// Annotations implements [ent.Interface].
func (Membership) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{"memberships_role_known": knownRole}),
	}
}

// Fields implements [ent.Interface].
func (Membership) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Enum("role").Values("owner", "editor", "viewer").SchemaType(textColumn()),
	}
}

// Edges implements [ent.Interface].
func (Membership) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", PortalUser.Type).Ref("memberships").Field("user_id").Unique().Required().Immutable(),
	}
}

// Indexes implements [ent.Interface]. A session's tenants are found by the user alone.
func (Membership) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields(mixin.TenantColumn, "user_id").Unique(),
		index.Fields("user_id"),
	}
}
