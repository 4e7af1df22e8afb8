package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// LoginAttempt counts the attempts on one address within a window. Its key is a keyed hash, so the table contains no
// addresses.
type LoginAttempt struct{ ent.Schema }

// Annotations implements [ent.Interface].
func (LoginAttempt) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{"login_attempts_count_positive": "count > 0"}),
	}
}

// Fields implements [ent.Interface].
func (LoginAttempt) Fields() []ent.Field {
	return []ent.Field{
		field.Text("id").StorageKey("key").NotEmpty().Immutable().Sensitive(),
		field.Int("count").Positive(),
		field.Time("window_ends"),
	}
}

// Indexes implements [ent.Interface].
func (LoginAttempt) Indexes() []ent.Index {
	return []ent.Index{index.Fields("window_ends")}
}
