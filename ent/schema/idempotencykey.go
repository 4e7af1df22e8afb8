package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// IdempotencyKey keeps the answer of a request in a tenant that was sent with an Idempotency-Key.
type IdempotencyKey struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (IdempotencyKey) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}, mixin.Tenant{}} }

// Annotations implements [ent.Interface].
func (IdempotencyKey) Annotations() []schema.Annotation { return idempotencyChecks("idempotency_keys") }

// Fields implements [ent.Interface].
func (IdempotencyKey) Fields() []ent.Field { return idempotencyFields() }

// Indexes implements [ent.Interface].
func (IdempotencyKey) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields(mixin.TenantColumn, "scope").Unique(),
		index.Fields(mixin.TenantColumn, "created_at"),
	}
}

// PlatformIdempotencyKey keeps the answer of a request outside of a tenant that was sent with an Idempotency-Key.
type PlatformIdempotencyKey struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (PlatformIdempotencyKey) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Annotations implements [ent.Interface].
func (PlatformIdempotencyKey) Annotations() []schema.Annotation {
	return idempotencyChecks("platform_idempotency_keys")
}

// Fields implements [ent.Interface].
func (PlatformIdempotencyKey) Fields() []ent.Field { return idempotencyFields() }

// Indexes implements [ent.Interface].
func (PlatformIdempotencyKey) Indexes() []ent.Index {
	return []ent.Index{index.Fields("scope").Unique(), index.Fields("created_at")}
}

func idempotencyChecks(table string) []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			table + "_scope_form":        "scope ~ '^[0-9a-f]{64}$'",
			table + "_request_hash_form": "request_hash ~ '^[0-9a-f]{64}$'",
		}),
	}
}

func idempotencyFields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Default(utcNow).Immutable().Annotations(entsql.DefaultExpr("now()")),
		// SHA-256 of the user, the method, the path and the key.
		field.Text("scope").NotEmpty().Immutable(),
		// HMAC-SHA256 of the body's hash, because a body can have a password.
		field.Text("request_hash").NotEmpty().Immutable(),
		// The answer as JSON without secrets, written in the transaction that inserts the row.
		field.Text("answer").Default(""),
	}
}
