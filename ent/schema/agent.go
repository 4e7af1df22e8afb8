package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// Agent is an AI employee of one tenant: who it is, how it speaks, what it may use and when it calls a person.
type Agent struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (Agent) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Tenant{}, mixin.Time{}} }

// Annotations implements [ent.Interface].
func (Agent) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			"agents_name_not_blank":         "btrim(name) <> ''",
			"agents_tool_assignments_shape": "jsonb_typeof(tool_assignments) = 'array'",
			"agents_escalation_rules_shape": "jsonb_typeof(escalation_rules) = 'array'",
		}),
	}
}

// Fields implements [ent.Interface].
func (Agent) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name").NotEmpty(),
		field.Text("role").Default(""),
		field.Text("persona").Default(""),
		field.Text("system_prompt").Default(""),
		field.Text("model_preference").Default("quality").NotEmpty(),
		field.JSON("tool_assignments", []json.RawMessage{}).Default(emptyList).Annotations(emptyListDefault()),
		field.JSON("escalation_rules", []json.RawMessage{}).Default(emptyList).Annotations(emptyListDefault()),
		field.Bool("is_active").Default(true),
	}
}
