package schema

import (
	"encoding/json"
	"regexp"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// Tenant is a company that employs agents. The table is global: a platform admin lists all tenants.
type Tenant struct{ ent.Schema }

// Slug is the form of a tenant's slug: words of lower-case letters and digits, joined by single hyphens, as in a host
// name (RFC 1123). At most 63 characters.
var Slug = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)

const slugMaxLen = 63

// Mixin implements [ent.Interface].
func (Tenant) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Time{}} }

// Annotations implements [ent.Interface].
func (Tenant) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			"tenants_name_not_blank": "btrim(name) <> ''",
			"tenants_slug_form":      "slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 63",
			"tenants_status_known":   "status IN ('active', 'suspended', 'purging')",
			"tenants_settings_shape": "jsonb_typeof(settings) = 'object'",
		}),
	}
}

// Fields implements [ent.Interface].
func (Tenant) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name").NotEmpty().Unique(),
		field.Text("slug").Match(Slug).MaxLen(slugMaxLen).SchemaType(textColumn()).Unique(),
		field.Enum("status").Values("active", "suspended", "purging").Default("active").SchemaType(textColumn()),
		field.JSON("settings", json.RawMessage{}).Default(emptyObject).Annotations(emptyObjectDefault()),
	}
}
