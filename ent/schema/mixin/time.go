package mixin

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	entmixin "entgo.io/ent/schema/mixin"
)

// Time gives a schema created_at and updated_at. Both are UTC and cut to microseconds, which is what PostgreSQL
// stores: what a create returns equals what the next read returns.
type Time struct{ entmixin.Schema }

// Fields implements [ent.Mixin].
func (Time) Fields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Default(now).Immutable().Annotations(entsql.DefaultExpr("now()")),
		field.Time("updated_at").Default(now).UpdateDefault(now).Annotations(entsql.DefaultExpr("now()")),
	}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
