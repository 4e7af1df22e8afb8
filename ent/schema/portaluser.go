package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// PortalUser is a person who logs in to the portal. The table is global: a person may work for several tenants.
type PortalUser struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (PortalUser) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Time{}} }

// Annotations implements [ent.Interface].
func (PortalUser) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			"portal_users_email_normalised": normalizedEmail,
			"portal_users_name_not_blank":   "btrim(name) <> ''",
		}),
	}
}

// Fields implements [ent.Interface].
func (PortalUser) Fields() []ent.Field {
	return []ent.Field{
		// Normalized and lower-cased in Go before it is stored.
		field.Text("email").NotEmpty().Unique(),
		field.Text("hashed_password").NotEmpty().Sensitive(),
		field.Text("name").NotEmpty(),
		field.Bool("is_admin").Default(false),
		field.Time("disabled_at").Optional().Nillable(),
		// Set while no mailed link has proved the address: the account may join this tenant only. Not a foreign key, so
		// that the tenant can be deleted.
		field.UUID("unproven_tenant_id", uuid.UUID{}).Optional().Nillable(),
		// Set once the person's data is erased. The row remains for the events and rows that name its id.
		field.Time("erased_at").Optional().Nillable(),
	}
}

// Edges implements [ent.Interface].
func (PortalUser) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("sessions", PortalSession.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
		edge.To("memberships", Membership.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
		edge.To("links", PortalLink.Type).Annotations(entsql.OnDelete(entsql.NoAction)),
	}
}
