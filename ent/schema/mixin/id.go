package mixin

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	entmixin "entgo.io/ent/schema/mixin"
	"github.com/google/uuid"
)

// ID gives a schema the primary key "id": a UUIDv7 (RFC 9562), made in Go. Its time order keeps indexes dense and
// allows keyset pages, without revealing how many rows other tenants have.
type ID struct{ entmixin.Schema }

// Fields implements [ent.Mixin].
func (ID) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(newID).Immutable(),
	}
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
