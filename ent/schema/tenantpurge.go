package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// TenantPurge is the deletion of a tenant and its rows, which takes many transactions. Its id is the tenant's.
type TenantPurge struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (TenantPurge) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Time{}} }

// Annotations implements [ent.Interface].
func (TenantPurge) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{"tenant_purges_deleted_shape": "jsonb_typeof(deleted) = 'object'"}),
	}
}

// Fields implements [ent.Interface].
func (TenantPurge) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("requested_by", uuid.UUID{}).Immutable(),
		// The number of deleted rows by table.
		field.JSON("deleted", json.RawMessage{}).Default(emptyObject).Annotations(emptyObjectDefault()),
		field.Time("finished_at").Optional().Nillable(),
	}
}
