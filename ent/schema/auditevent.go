package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// AuditEvent records who did what in a tenant. Events are only added; see migrate.Spec.
type AuditEvent struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (AuditEvent) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Tenant{}} }

// Annotations implements [ent.Interface].
func (AuditEvent) Annotations() []schema.Annotation { return auditChecks("audit_events") }

// Fields implements [ent.Interface].
func (AuditEvent) Fields() []ent.Field { return auditFields() }

// Indexes implements [ent.Interface]: for the filters of the list, which is ordered by id, and for expiry.
func (AuditEvent) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields(mixin.TenantColumn, "actor_id", "id"),
		index.Fields(mixin.TenantColumn, "object_id", "id"),
		index.Fields(mixin.TenantColumn, "action", "id"),
		index.Fields(mixin.TenantColumn, "created_at"),
	}
}

// PlatformAuditEvent records who did what outside of a tenant. Events are only added; see migrate.Spec.
type PlatformAuditEvent struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (PlatformAuditEvent) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Annotations implements [ent.Interface].
func (PlatformAuditEvent) Annotations() []schema.Annotation {
	return auditChecks("platform_audit_events")
}

// Fields implements [ent.Interface].
func (PlatformAuditEvent) Fields() []ent.Field { return auditFields() }

// Indexes implements [ent.Interface].
func (PlatformAuditEvent) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("actor_id", "id"),
		index.Fields("object_id", "id"),
		index.Fields("action", "id"),
		index.Fields("created_at"),
	}
}

func auditChecks(table string) []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			table + "_action_not_blank": "btrim(action) <> ''",
			table + "_details_shape":    "jsonb_typeof(details) = 'object'",
		}),
	}
}

func auditFields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Default(utcNow).Immutable().Annotations(entsql.DefaultExpr("now()")),
		// Null for the operator's command line. Not a foreign key: an event outlives what it is about.
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Text("action").NotEmpty().Immutable(),
		field.Text("object_type").Default("").Immutable(),
		field.UUID("object_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.Text("request_id").Default("").Immutable(),
		field.Text("address").Default("").Immutable(),
		field.JSON("details", json.RawMessage{}).Default(emptyObject).Immutable().Annotations(emptyObjectDefault()),
	}
}
