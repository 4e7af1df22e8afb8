package mixin

import (
	"context"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	entmixin "entgo.io/ent/schema/mixin"
)

const (
	createdColumn = "created_at"
	updatedColumn = "updated_at"
)

// Time gives a schema created_at and updated_at, in UTC and equal on a new row. They are truncated to microseconds, as
// PostgreSQL stores them, so that a create returns what the next read returns.
type Time struct{ entmixin.Schema }

// Fields implements [ent.Mixin].
func (Time) Fields() []ent.Field {
	return []ent.Field{
		field.Time(createdColumn).Default(now).Immutable().Annotations(entsql.DefaultExpr("now()")),
		field.Time(updatedColumn).UpdateDefault(now).Annotations(entsql.DefaultExpr("now()")),
	}
}

// Hooks implements [ent.Mixin].
func (Time) Hooks() []ent.Hook { return []ent.Hook{sameTimes} }

func sameTimes(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		_, updated := m.Field(updatedColumn)
		created, known := m.Field(createdColumn)
		if m.Op().Is(ent.OpCreate) && known && !updated {
			if err := m.SetField(updatedColumn, created); err != nil {
				return nil, err
			}
		}
		return next.Mutate(ctx, m)
	})
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
